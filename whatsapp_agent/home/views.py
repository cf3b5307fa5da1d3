from collections.abc import Callable

from django.contrib import messages
from django.contrib.admin import AdminSite
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.views.decorators.http import require_POST

from llm.admin_live import live_part
from whatsapp_agent.home import checks
from whatsapp_agent.home.page import home

CHECKS: dict[str, tuple[Callable[[User], str], str]] = {
    "bridge": (checks.ask_bridge, "evolution.change_instance"),
    "webhook": (checks.register_webhooks, "evolution.change_instance"),
    "model": (checks.ask_models, "conversations.change_agentsettings"),
}


def urls(site: AdminSite) -> list[URLPattern]:
    return [
        path("home/", site.admin_view(live), name="home_live"),
        *(
            path(
                f"setup/{name}/",
                require_POST(site.admin_view(setup)),
                {"check": name},
                name=f"setup_{name}",
            )
            for name in CHECKS
        ),
    ]


def context(request: HttpRequest) -> dict:
    with_checklist = "checklist" in request.GET
    return {
        "home": home(request.user, with_checklist),
        "with_checklist": with_checklist,
    }


def live(request: HttpRequest) -> HttpResponse:
    return live_part(request, "admin/home/_live.html", context(request))


def setup(request: HttpRequest, check: str) -> HttpResponse:
    """A button of the checklist."""
    run, permission = CHECKS[check]
    if not request.user.has_perm(permission):
        raise PermissionDenied
    try:
        messages.success(request, run(request.user))
    except checks.CheckFailed as error:
        messages.error(request, str(error))
    return HttpResponseRedirect(reverse("admin:index"))
