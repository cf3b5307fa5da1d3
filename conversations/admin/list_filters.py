"""How to narrow the list of conversations: each filter is a row of links."""

from collections.abc import Iterator
from typing import Any

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.db.models import Exists, F, Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from conversations.admin.rows import MODES, is_unanswered, unread
from conversations.models import Conversation, Message


class Segments(admin.SimpleListFilter):
    template = "admin/conversations/conversation/_filter.html"
    all = _("All")
    values: list[tuple[str, Any]] = []

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return self.values

    def choices(self, changelist: ChangeList) -> Iterator[dict]:
        everything, *others = super().choices(changelist)
        yield everything | {"display": self.all}
        yield from others


class KindFilter(Segments):
    title = _("Kind")
    parameter_name = "kind"
    values = [("group", _("Groups")), ("direct", _("Direct"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        if self.value() is None:
            return queryset
        return queryset.filter(is_group=self.value() == "group")


class AttentionFilter(Segments):
    title = _("What waits")
    parameter_name = "waiting"
    values = [
        ("unread", _("Unread")),
        ("unanswered", _("Unanswered")),
        ("draft", _("Drafts")),
        ("failed", _("Not sent")),
    ]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        match self.value():
            case "unread":
                # Of most conversations the first condition tells already.
                newer = Q(read_until=None) | Q(read_until__lt=F("last_message_at"))
                return queryset.filter(newer, Exists(unread()))
            case "unanswered":
                return queryset.filter(is_unanswered())
            case "draft" | "failed" as status:
                waiting = Message.objects.filter(status=status)
                return queryset.filter(pk__in=waiting.values("conversation"))
        return queryset


class StandingBackFilter(Segments):
    title = _("Standing back")
    parameter_name = "standing_back"
    values = [
        ("paused", _("Paused")),
        ("taken_over", _("Taken over")),
        ("quiet", _("Asked to be quiet")),
    ]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        now = timezone.now()
        match self.value():
            case "paused":
                return queryset.filter(paused_until__gt=now)
            case "taken_over":
                return queryset.filter(taken_over_until__gt=now)
            case "quiet":
                return queryset.filter(quiet_until__gt=now)
        return queryset


class ModeFilter(Segments):
    title = _("Mode")
    parameter_name = "mode"
    all = _("Any mode")
    values = [(mode.value, name) for mode, name in reversed(MODES.items())]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        return queryset.filter(mode=self.value()) if self.value() else queryset


class InstanceFilter(Segments):
    """Only where there are several."""

    title = _("Instance")
    parameter_name = "instance"
    all = _("Any instance")

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        names = Conversation.objects.order_by("instance").values_list("instance")
        return [(name, name) for (name,) in names.distinct()]

    def has_output(self) -> bool:
        return len(self.lookup_choices) > 1

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        return queryset.filter(instance=self.value()) if self.value() else queryset
