from typing import Any

import segno
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.text import Truncator
from django.views.decorators.http import require_POST

from conversations.whatsapp import BridgeError
from evolution import provider, webhook
from evolution.admin_bridge import ACTIONS, InstanceForm, NumberForm, carry_out
from evolution.models import Instance, RefusedWebhook, UnreadableEvent
from llm.admin_records import RecordAdmin, SinceFilter

State = Instance.State


@admin.register(Instance)
class InstanceAdmin(admin.ModelAdmin):
    list_display = (
        "name",
        "state",
        "state_reason",
        "phone_jid",
        "profile_name",
        "webhook_at",
    )
    search_fields = ("name", "phone_jid", "profile_name")
    ordering = ("name",)
    form = InstanceForm
    fieldsets = (
        (
            None,
            {
                "fields": (
                    "name",
                    "state",
                    "state_reason",
                    "state_at",
                    "phone_jid",
                    "lid",
                    "profile_name",
                    "webhook_at",
                )
            },
        ),
    )
    readonly_fields = fieldsets[0][1]["fields"]

    class Media:
        css = {"all": ["admin/agent.css"]}

    def get_queryset(self, request: HttpRequest) -> QuerySet[Instance]:
        return super().get_queryset(request).defer("qr_code")

    def get_fieldsets(self, request: HttpRequest, obj: Instance | None = None) -> Any:
        return self.fieldsets if obj else ((None, {"fields": ("name",)}),)

    def get_readonly_fields(
        self, request: HttpRequest, obj: Instance | None = None
    ) -> Any:
        return self.readonly_fields if obj else ()

    def has_delete_permission(
        self, request: HttpRequest, obj: Instance | None = None
    ) -> bool:
        """Only what Evolution does not have any more can be forgotten here."""
        is_gone = obj is None or obj.state in (State.REMOVED, State.UNKNOWN)
        return is_gone and super().has_delete_permission(request, obj)

    def get_urls(self) -> list[URLPattern]:
        bridge_view = require_POST(self.admin_site.admin_view(self.bridge_view))
        return [
            path("<int:pk>/bridge/", bridge_view, name="evolution_instance_bridge"),
            *super().get_urls(),
        ]

    def render_change_form(
        self, request: HttpRequest, context: dict, *args: Any, **kwargs: Any
    ) -> HttpResponse:
        if row := context["original"]:
            is_connecting = row.state == State.CONNECTING
            context |= {
                "is_connecting": is_connecting,
                "qr": _drawn(row.qr_code) if is_connecting else "",
                "is_configured": provider.is_configured(),
                "actions": ACTIONS,
                "show_save": False,
                "show_save_and_continue": False,
                "show_save_and_add_another": False,
            }
        return super().render_change_form(request, context, *args, **kwargs)

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
        return HttpResponseRedirect(
            reverse("admin:evolution_instance_change", args=[pk])
        )

    def _carry_out(
        self, request: HttpRequest, row: Instance, action: Any, number: str
    ) -> None:
        try:
            done = carry_out(action.name, row.name, number)
        except BridgeError as error:
            self.message_user(request, str(error), messages.ERROR)
        else:
            self.message_user(request, done, messages.SUCCESS)
            self.log_change(request, row, action.label)

    def _confirm(
        self, request: HttpRequest, row: Instance, action: Any
    ) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "title": f"{action.label}?",
            "opts": self.opts,
            "original": row,
            "action": action,
        }
        request.current_app = self.admin_site.name
        return TemplateResponse(
            request, "admin/evolution/instance/confirm.html", context
        )


def _drawn(code: str) -> SafeString | str:
    """Always black on white with a wide border: a phone must read it in dark mode too."""
    if not code:
        return ""
    try:
        picture = segno.make(code, micro=False)
    except segno.DataOverflowError:
        return ""
    # The code is only in the shape of the path.
    return mark_safe(picture.svg_inline(scale=5, border=4, dark="#000", light="#fff"))


class ReceivedFilter(SinceFilter):
    field = "received_at"


@admin.register(UnreadableEvent)
class UnreadableEventAdmin(RecordAdmin):
    list_display = ("received_at", "short_error", "count", "replayed_at")
    list_filter = (("replayed_at", admin.EmptyFieldListFilter), ReceivedFilter)
    search_fields = ("error", "body")
    fields = ("error", "count", "received_at", "replayed_at", "pretty_body")
    actions = ("replay",)

    class Media:
        css = {"all": ["admin/agent.css"]}

    def get_queryset(self, request: HttpRequest) -> QuerySet[UnreadableEvent]:
        return super().get_queryset(request).defer("body")

    def get_urls(self) -> list[URLPattern]:
        replay_view = require_POST(self.admin_site.admin_view(self.replay_view))
        return [
            path(
                "<int:pk>/replay/", replay_view, name="evolution_unreadableevent_replay"
            ),
            *super().get_urls(),
        ]

    def render_change_form(
        self, request: HttpRequest, context: dict, *args: Any, **kwargs: Any
    ) -> HttpResponse:
        context["can_replay"] = self.has_replay_permission(request)
        return super().render_change_form(request, context, *args, **kwargs)

    def replay_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        if not self.has_replay_permission(request):
            raise PermissionDenied
        event = self.get_object(request, str(pk))
        if event is None:
            raise Http404
        self._replay(request, [event])
        return HttpResponseRedirect(
            reverse("admin:evolution_unreadableevent_change", args=[pk])
        )

    @admin.display(description="error")
    def short_error(self, event: UnreadableEvent) -> str:
        return format_html(
            '<div dir="auto">{}</div>', Truncator(event.error).chars(200)
        )

    @admin.display(description="body")
    def pretty_body(self, event: UnreadableEvent) -> str:
        return format_html('<pre class="record" dir="auto">{}</pre>', event.body)

    @admin.action(description="Replay", permissions=["replay"])
    def replay(self, request: HttpRequest, queryset: QuerySet[UnreadableEvent]) -> None:
        self._replay(request, queryset.order_by("pk"))

    def _replay(self, request: HttpRequest, events: Any) -> None:
        replayed = 0
        for event in events:
            try:
                webhook.replay(event)
            except Exception:
                # Whatever it was, it now stands on the event.
                self.message_user(
                    request, f"Event {event.pk}: {event.error}", messages.ERROR
                )
            else:
                replayed += 1
        if replayed:
            self.message_user(request, f"Replayed: {replayed}.", messages.SUCCESS)

    def has_replay_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("evolution.change_unreadableevent")

    def has_delete_permission(
        self, request: HttpRequest, obj: UnreadableEvent | None = None
    ) -> bool:
        return admin.ModelAdmin.has_delete_permission(self, request, obj)


class RefusedFilter(SinceFilter):
    field = "last_at"


@admin.register(RefusedWebhook)
class RefusedWebhookAdmin(RecordAdmin):
    list_display = ("last_at", "reason", "source", "count", "first_at")
    list_filter = ("reason", RefusedFilter)
    search_fields = ("source",)
    ordering = ("-last_at", "-pk")

    def has_delete_permission(
        self, request: HttpRequest, obj: RefusedWebhook | None = None
    ) -> bool:
        return admin.ModelAdmin.has_delete_permission(self, request, obj)
