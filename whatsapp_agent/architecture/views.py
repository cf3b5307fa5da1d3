from functools import cache

from django.conf import settings
from django.contrib.admin import AdminSite
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import URLPattern, path
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _
from markdown_it import MarkdownIt

from llm.admin_live import live_part
from whatsapp_agent.architecture import drawing, flows, parts

TEXT = settings.BASE_DIR / "docs" / "architecture.md"


def urls(site: AdminSite) -> list[URLPattern]:
    def page(request: HttpRequest) -> HttpResponse:
        context = {**site.each_context(request), **_picture(request.user)}
        context |= {"title": _("Architecture"), "text": text()}
        return render(request, "admin/architecture/page.html", context)

    return [
        path("architecture/", site.admin_view(page), name="architecture"),
        path("architecture/live/", site.admin_view(live), name="architecture_live"),
    ]


def live(request: HttpRequest) -> HttpResponse:
    template = "admin/architecture/_picture.html"
    return live_part(request, template, _picture(request.user))


def _picture(user: User) -> dict:
    found, going = parts.parts(user), flows.flows(user)
    return {
        "drawings": drawing.drawings(found, going),
        "parts": found.values(),
        "flows": [(found[one.source], found[one.target], one) for one in going],
    }


@cache
def text() -> SafeString:
    """Our own file, without its title: the page has one. HTML in it stays text."""
    body = TEXT.read_text().partition("\n")[2]
    markdown = MarkdownIt("commonmark", {"html": False}).enable("table")
    return mark_safe(markdown.render(body))
