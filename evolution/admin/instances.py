"""Linking numbers: each instance has a page with its QR code, its state and its buttons."""

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.contrib import admin, messages
from django.contrib.auth.models import AnonymousUser, User
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from conversations.whatsapp import BridgeError
from evolution import backfill, provider
from evolution.admin.bridge import ACTIONS, Action, InstanceForm, NumberForm, carry_out
from evolution.admin.link import LinkView
from evolution.admin.missed import MissedView
from evolution.models import Instance, RefusedWebhook, Why
from llm.admin_live import live_part

State = Instance.State


@admin.register(Instance)
class InstanceAdmin(admin.ModelAdmin):
    form = InstanceForm
    fields = ("name",)
    ordering = ("name",)
    show_full_result_count = False

    def has_delete_permission(
        self, request: HttpRequest, obj: Instance | None = None
    ) -> bool:
        """Only what Evolution does not have any more can be forgotten here."""
        is_gone = obj is None or obj.state in (State.REMOVED, State.UNKNOWN)
        return is_gone and super().has_delete_permission(request, obj)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Instance]:
        return super().get_queryset(request).defer("qr_code")

    def get_urls(self) -> list[URLPattern]:
        bridge = require_POST(self.admin_site.admin_view(self.bridge_view))
        live = require_GET(self.admin_site.admin_view(self.live_view))
        missed = require_GET(self.admin_site.admin_view(self.missed_view))
        search = require_POST(self.admin_site.admin_view(self.search_view))
        return [
            path("<int:pk>/bridge/", bridge, name="evolution_instance_bridge"),
            path("<int:pk>/live/", live, name="evolution_instance_live"),
            path("<int:pk>/missed/", missed, name="evolution_instance_missed"),
            path("<int:pk>/search/", search, name="evolution_instance_search"),
            *super().get_urls(),
        ]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict | None = None
    ) -> HttpResponse:
        """All numbers; where there is only one, its page."""
        if not self.has_view_or_change_permission(request):
            raise PermissionDenied
        rows = list(self.get_queryset(request).order_by("name"))
        if len(rows) == 1:
            return HttpResponseRedirect(_page(rows[0]))
        can_link = self.has_change_permission(request)
        context = {
            **self.admin_site.each_context(request),
            "title": _("Link WhatsApp"),
            "links": [LinkView(row, can_link) for row in rows],
            "can_add": self.has_add_permission(request),
        }
        return TemplateResponse(
            request, "admin/evolution/instance/change_list.html", context
        )

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict | None = None,
    ) -> HttpResponse:
        row = self.get_object(request, object_id)
        if row is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)
        if not self.has_view_or_change_permission(request, row):
            raise PermissionDenied
        context = {
            **self.admin_site.each_context(request),
            **self._link_context(request, row),
            "missed": MissedView(row, may_search(request.user)),
            "title": _("Link WhatsApp"),
            "opts": self.opts,
            "has_others": self.get_queryset(request).exclude(pk=row.pk).exists(),
            "is_configured": provider.is_configured(),
            "is_sandbox": settings.SANDBOX,
            "webhook_url": settings.WEBHOOK_URL,
            "refused": self._refused(request),
            "can_add": self.has_add_permission(request),
            "can_forget": self.has_delete_permission(request, row),
        }
        return TemplateResponse(request, "admin/evolution/instance/link.html", context)

    def missed_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        row = self._visible(request, pk)
        missed = MissedView(row, may_search(request.user))
        return live_part(
            request,
            "admin/evolution/instance/_missed.html",
            {"instance": row, "missed": missed},
            version=missed.version,
        )

    def search_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        if not may_search(request.user):
            raise PermissionDenied
        row = self._visible(request, pk)
        backfill.ask(Why.BUTTON, pk=row.pk)
        self.message_user(request, _("A worker looks for missed messages."))
        self.log_change(request, row, "Look for missed messages")
        return HttpResponseRedirect(_page(row))

    def _visible(self, request: HttpRequest, pk: int) -> Instance:
        row = self.get_object(request, str(pk))
        if row is None:
            raise Http404
        if not self.has_view_or_change_permission(request, row):
            raise PermissionDenied
        return row

    def live_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        row = self._visible(request, pk)
        context = self._link_context(request, row)
        return live_part(
            request,
            "admin/evolution/instance/_link.html",
            context,
            version=context["link"].version,
        )

    def _link_context(self, request: HttpRequest, row: Instance) -> dict:
        # Whoever scans the code links a phone of theirs.
        can_link = self.has_change_permission(request, row)
        link = LinkView(row, can_link, can_act=can_link and provider.is_configured())
        return {"instance": row, "link": link}

    def _refused(self, request: HttpRequest) -> RefusedWebhook | None:
        """What may keep the page from hearing anything: webhooks with a wrong secret."""
        if not request.user.has_perm("evolution.view_refusedwebhook"):
            return None
        lately = timezone.now() - timedelta(days=1)
        refused = RefusedWebhook.objects.filter(reason="secret", last_at__gte=lately)
        return refused.order_by("-last_at").first()

    def bridge_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        row = self.get_object(request, str(pk))
        if not self.has_change_permission(request, row):
            raise PermissionDenied
        action = ACTIONS.get(request.POST.get("action", ""))
        if row is None or action is None:
            raise Http404
        if action.asks_first and "confirmed" not in request.POST:
            return self._confirm(request, row, action)
        form = NumberForm(request.POST)
        if form.is_valid():
            self._carry_out(request, row, action, form.cleaned_data["number"])
        else:
            self.message_user(request, " ".join(form.errors["number"]), messages.ERROR)
        return HttpResponseRedirect(_page(row))

    def _carry_out(
        self, request: HttpRequest, row: Instance, action: Action, number: str
    ) -> None:
        try:
            done, problems = carry_out(action.name, row.name, number)
        except BridgeError as error:
            self.message_user(request, str(error), messages.ERROR)
            return
        self.message_user(request, done, messages.SUCCESS)
        for problem in problems:
            self.message_user(request, problem, messages.WARNING)
        self.log_change(request, row, str(action.label))

    def _confirm(
        self, request: HttpRequest, row: Instance, action: Action
    ) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "title": f"{action.label}?",
            "opts": self.opts,
            "original": row,
            "action": action,
        }
        return TemplateResponse(
            request, "admin/evolution/instance/confirm.html", context
        )

    def add_view(
        self,
        request: HttpRequest,
        form_url: str = "",
        extra_context: dict | None = None,
    ) -> HttpResponse:
        context = {
            "title": _("Add a number"),
            "show_save_and_continue": False,
            "show_save_and_add_another": False,
        }
        return super().add_view(request, form_url, context)

    def response_add(
        self, request: HttpRequest, obj: Instance, post_url_continue: Any = None
    ) -> HttpResponse:
        return HttpResponseRedirect(_page(obj))


def may_search(user: User | AnonymousUser) -> bool:
    """Those who steer conversations, and those who link phones."""
    return user.has_perm("conversations.steer_conversation") or user.has_perm(
        "evolution.change_instance"
    )


def _page(row: Instance) -> str:
    return reverse("admin:evolution_instance_change", args=[row.pk])
