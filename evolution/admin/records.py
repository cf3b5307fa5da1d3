from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.text import Truncator
from django.utils.translation import gettext as _, gettext_lazy
from django.views.decorators.http import require_POST

from evolution import webhook
from evolution.models import RefusedWebhook, UnreadableEvent
from llm.admin_records import RecordAdmin, SinceFilter


class ReceivedFilter(SinceFilter):
    field = "received_at"


@admin.register(UnreadableEvent)
class UnreadableEventAdmin(RecordAdmin):
    list_display = ("received_at", "short_error", "count", "replayed_at")
    list_filter = (("replayed_at", admin.EmptyFieldListFilter), ReceivedFilter)
    search_fields = ("error", "body")
    fields = ("error", "count", "received_at", "replayed_at", "pretty_body")
    actions = ("replay",)

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

    @admin.display(description=gettext_lazy("error"))
    def short_error(self, event: UnreadableEvent) -> str:
        return format_html(
            '<div dir="auto">{}</div>', Truncator(event.error).chars(200)
        )

    @admin.display(description=gettext_lazy("body"))
    def pretty_body(self, event: UnreadableEvent) -> str:
        return format_html(
            '<pre class="record" dir="auto" tabindex="0">{}</pre>', event.body
        )

    @admin.action(description=gettext_lazy("Replay"), permissions=["replay"])
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
                    request,
                    _("Event %(number)d: %(error)s")
                    % {"number": event.pk, "error": event.error},
                    messages.ERROR,
                )
            else:
                replayed += 1
                self.log_change(request, event, "Replayed")
        if replayed:
            self.message_user(request, _("Replayed: %d.") % replayed, messages.SUCCESS)

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
