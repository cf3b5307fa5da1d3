"""The list of conversations: its rows, what is found, what to do with many."""

import re
from collections.abc import Iterable
from typing import Any

from django.contrib import messages
from django.contrib.admin import action
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import PermissionDenied
from django.db.models import F, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.translation import gettext, gettext_lazy as _, ngettext
from django.views.decorators.http import require_GET

from conversations import search, steering
from conversations.admin.hits import Hit, hits
from conversations.admin.list_filters import (
    AttentionFilter,
    InstanceFilter,
    KindFilter,
    ModeFilter,
    StandingBackFilter,
)
from conversations.admin.rows import rows
from conversations.models import Conversation, Message, Mode
from llm.admin_live import live_part

TEMPLATES = "admin/conversations/conversation"
# Of what is found: conversations above the messages, and messages on a page.
NAMED, HITS = 5, 50
ADDRESSES = ("jid", "contact__phone_jid", "contact__lid")
NUMBER = re.compile(r"\+?[\d\s().\-]{3,}")


class ConversationList:
    """What of ConversationAdmin is about the list."""

    list_display = ("__str__", "last_message_at")
    list_filter = (
        KindFilter,
        AttentionFilter,
        StandingBackFilter,
        ModeFilter,
        InstanceFilter,
    )
    list_select_related = ("contact",)
    list_per_page = 30
    search_fields = ("name", "contact__name")
    ordering = (F("last_message_at").desc(nulls_last=True), "-pk")
    actions = ("pause", "resume", "set_live", "set_draft", "set_shadow", "set_off")

    def get_urls(self) -> list[URLPattern]:
        live = self.admin_site.admin_view(require_GET(self.list_live_view))
        return [
            path("live/", live, name="conversations_conversation_list"),
            *super().get_urls(),
        ]

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet, search_term: str
    ) -> tuple[QuerySet, bool]:
        if NUMBER.fullmatch(search_term.strip()):
            digits = re.sub(r"\D", "", search_term)
            anywhere = Q(name__icontains=search_term.strip())
            for address in ADDRESSES:
                anywhere |= Q(**{f"{address}__contains": digits})
            return queryset.filter(anywhere), False
        return super().get_search_results(request, queryset, search_term)

    def changelist_view(
        self, request: HttpRequest, extra_context: dict | None = None
    ) -> HttpResponse:
        before = _taken(request, "before")
        titled = {"title": _("Conversations")} | (extra_context or {})
        response = super().changelist_view(request, titled)
        context = getattr(response, "context_data", None) or {}
        if isinstance(response, TemplateResponse) and "cl" in context:
            context |= self._found(request, context["cl"], before)
        return response

    def list_live_view(self, request: HttpRequest) -> HttpResponse:
        """The rows that the list with the same address shows by now."""
        if not self.has_view_or_change_permission(request):
            raise PermissionDenied
        seen = _taken(request, "seen")
        try:
            cl = self.get_changelist_instance(request)
        except IncorrectLookupParameters:
            return HttpResponse(status=204)  # its page is gone: the list got shorter
        context = self._listed(request, cl)
        request.GET["seen"] = seen
        return live_part(request, f"{TEMPLATES}/_rows.html", context)

    def _listed(self, request: HttpRequest, cl: ChangeList) -> dict[str, Any]:
        actions = self.get_actions(request)
        return {
            "cl": cl,
            "opts": self.opts,
            "rows": rows(cl.result_list),
            "list_actions": [(name, text) for __, name, text in actions.values()],
        }

    def _found(
        self, request: HttpRequest, cl: ChangeList, before: str
    ) -> dict[str, Any]:
        """The list; or where something is looked for, also the messages that have it."""
        listed = self._listed(request, cl)
        if not cl.query or "p" in request.GET:
            return listed
        is_key = before.isdecimal() and len(before) < 19
        found, older = _found(cl.query, int(before) if is_key else None)
        return listed | {
            "is_search": True,
            "is_further": is_key,
            "named_url": cl.get_query_string({"p": 1}),
            "rows": [] if is_key else listed["rows"][:NAMED],
            "hits": found,
            "older": older,
        }

    def has_steer_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("conversations.steer_conversation")

    @action(description=_("Pause"), permissions=["steer"])
    def pause(self, request: HttpRequest, queryset: QuerySet[Conversation]) -> None:
        for conversation in queryset:
            steering.pause(conversation)
        self._tell(request, queryset, gettext("Paused until somebody resumes"))

    @action(description=_("Resume"), permissions=["steer"])
    def resume(self, request: HttpRequest, queryset: QuerySet[Conversation]) -> None:
        for conversation in queryset:
            steering.resume(conversation)
        self._tell(request, queryset, gettext("Resumed"))

    @action(description=_("Live"), permissions=["change"])
    def set_live(self, request: HttpRequest, queryset: QuerySet[Conversation]) -> None:
        self._set_mode(request, queryset, Mode.LIVE)

    @action(description=_("Draft"), permissions=["change"])
    def set_draft(self, request: HttpRequest, queryset: QuerySet[Conversation]) -> None:
        self._set_mode(request, queryset, Mode.DRAFT)

    @action(description=_("Shadow"), permissions=["change"])
    def set_shadow(
        self, request: HttpRequest, queryset: QuerySet[Conversation]
    ) -> None:
        self._set_mode(request, queryset, Mode.SHADOW)

    @action(description=_("Off"), permissions=["change"])
    def set_off(self, request: HttpRequest, queryset: QuerySet[Conversation]) -> None:
        self._set_mode(request, queryset, Mode.OFF)

    def _set_mode(
        self, request: HttpRequest, queryset: QuerySet[Conversation], mode: Mode
    ) -> None:
        chosen = list(queryset)
        Conversation.objects.filter(pk__in=[one.pk for one in chosen]).update(mode=mode)
        self._tell(request, chosen, gettext("Mode set: %s") % mode.label)

    def _tell(
        self, request: HttpRequest, chosen: Iterable[Conversation], done: str
    ) -> None:
        changed = list(chosen)
        LogEntry.objects.log_actions(request.user.pk, changed, CHANGE, done)
        count = ngettext("%d conversation", "%d conversations", len(changed))
        self.message_user(request, f"{done}: {count % len(changed)}.", messages.SUCCESS)


def _taken(request: HttpRequest, name: str) -> str:
    """Out of the address, in which Django's list knows only its own parameters."""
    request.GET = request.GET.copy()
    return request.GET.pop(name, [""])[-1]


def _found(query: str, before: int | None) -> tuple[list[Hit], str]:
    """The newest messages, and the key that older ones are before."""
    found = search.find(Message.objects.all(), query, HITS + 1, before)
    related = found.select_related("conversation__contact", "sender", "staff")
    newest = list(related.order_by("-pk"))
    shown = newest[:HITS]
    older = str(shown[-1].pk) if len(newest) > HITS else ""
    # Keys rise with time, but for what a phone tells of its past.
    shown.sort(key=lambda message: message.sent_at, reverse=True)
    return hits(shown, query), older
