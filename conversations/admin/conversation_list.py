"""The list of conversations: what it shows, how to narrow it, what to do with many."""

from datetime import datetime
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.models import CHANGE, LogEntry
from django.db.models import Exists, F, OuterRef, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html

from conversations import steering
from conversations.models import FOREVER, Conversation, Message, Mode


class StandingBackFilter(admin.SimpleListFilter):
    title = "standing back"
    parameter_name = "standing_back"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [
            ("paused", "Paused"),
            ("taken_over", "Taken over"),
            ("no", "Neither"),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        now = timezone.now()
        paused = {"paused_until__gt": now}
        taken_over = {"taken_over_until__gt": now}
        match self.value():
            case "paused":
                return queryset.filter(**paused)
            case "taken_over":
                return queryset.filter(**taken_over)
            case "no":
                return queryset.exclude(**paused).exclude(**taken_over)
        return queryset


class ConversationList:
    """What of ConversationAdmin is about the list."""

    list_display = (
        "title",
        "is_group",
        "mode",
        "standing_back",
        "last_message_at",
        "is_unanswered",
    )
    list_filter = ("mode", "is_group", StandingBackFilter, "access", "instance")
    list_select_related = ("contact",)
    search_fields = (
        "name",
        "jid",
        "contact__name",
        "contact__phone_jid",
        "contact__lid",
    )
    ordering = (F("last_message_at").desc(nulls_last=True), "-pk")
    actions = ("pause", "resume", "set_live", "set_draft", "set_shadow", "set_off")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Conversation]:
        pending = Message.objects.pending().filter(conversation=OuterRef("pk"))
        return super().get_queryset(request).annotate(has_pending=Exists(pending))

    @admin.display(description="name", ordering="name")
    def title(self, conversation: Conversation) -> str:
        return format_html("<bdi>{}</bdi>", conversation)

    @admin.display(description="standing back", empty_value="")
    def standing_back(self, conversation: Conversation) -> str:
        if conversation.is_paused:
            return f"Paused {_until(conversation.paused_until)}"
        if conversation.is_taken_over:
            return f"Taken over {_until(conversation.taken_over_until)}"
        return ""

    @admin.display(description="unanswered", boolean=True)
    def is_unanswered(self, conversation: Conversation) -> bool:
        return conversation.has_pending

    @admin.action(description="Pause until resumed", permissions=["change"])
    def pause(self, request: HttpRequest, queryset: QuerySet[Conversation]) -> None:
        for conversation in queryset:
            steering.pause(conversation)
        self._tell(request, queryset, "Paused")

    @admin.action(description="Resume, and hand back", permissions=["change"])
    def resume(self, request: HttpRequest, queryset: QuerySet[Conversation]) -> None:
        for conversation in queryset:
            steering.resume(conversation)
        self._tell(request, queryset, "Resumed")

    @admin.action(description="Set mode: live", permissions=["change"])
    def set_live(self, request: HttpRequest, queryset: QuerySet[Conversation]) -> None:
        self._set_mode(request, queryset, Mode.LIVE)

    @admin.action(description="Set mode: draft", permissions=["change"])
    def set_draft(self, request: HttpRequest, queryset: QuerySet[Conversation]) -> None:
        self._set_mode(request, queryset, Mode.DRAFT)

    @admin.action(description="Set mode: shadow", permissions=["change"])
    def set_shadow(
        self, request: HttpRequest, queryset: QuerySet[Conversation]
    ) -> None:
        self._set_mode(request, queryset, Mode.SHADOW)

    @admin.action(description="Set mode: off", permissions=["change"])
    def set_off(self, request: HttpRequest, queryset: QuerySet[Conversation]) -> None:
        self._set_mode(request, queryset, Mode.OFF)

    def _set_mode(
        self, request: HttpRequest, queryset: QuerySet[Conversation], mode: Mode
    ) -> None:
        chosen = Conversation.objects.filter(
            pk__in=list(queryset.values_list("pk", flat=True))
        )
        chosen.update(mode=mode)
        self._tell(request, chosen, f"Set mode {mode.value}")

    def _tell(
        self, request: HttpRequest, queryset: QuerySet[Conversation], done: str
    ) -> None:
        changed = list(queryset)
        LogEntry.objects.log_actions(request.user.pk, changed, CHANGE, done)
        self.message_user(request, f"{done}: {len(changed)}.", messages.SUCCESS)


def _until(moment: datetime) -> str:
    if moment == FOREVER:
        return "until somebody resumes"
    return f"until {timezone.localtime(moment):%Y-%m-%d %H:%M}"
