from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _

from conversations import search
from conversations.admin.history import author
from conversations.admin.hits import hits
from conversations.models import Conversation, Message
from llm.admin_records import RecordAdmin, SinceFilter


class MessageSinceFilter(SinceFilter):
    field = "sent_at"


@admin.register(Message)
class MessageAdmin(RecordAdmin):
    list_display = ("sent_at",)
    list_filter = (
        MessageSinceFilter,
        "direction",
        "outcome",
        "status",
        "author",
        "kind",
    )
    list_select_related = ("conversation__contact", "sender", "staff")
    indexed = ()  # by time only within a conversation
    search_fields = ("text",)
    fieldsets = (
        (
            None,
            {
                "fields": (
                    "about",
                    "direction",
                    "author",
                    "who",
                    "kind",
                    "body",
                    "media",
                    "sent_at",
                    "received_at",
                    "edited_at",
                    "deleted_at",
                    "whatsapp_id",
                )
            },
        ),
        (
            "Replies to",
            {"fields": ("quoted_id", "quoted_sender", "quote", "mentions")},
        ),
    )
    inbound = ("Inbound", {"fields": ("outcome", "reason", "chain")})
    outbound = (
        "Outbound",
        {
            "fields": (
                "status",
                "part",
                "staff",
                "decision",
                "attempts",
                "attempted_at",
                "error",
            )
        },
    )

    class Media:
        css = {"all": ["admin/agent.css"]}

    def changelist_view(
        self, request: HttpRequest, extra_context: dict | None = None
    ) -> HttpResponse:
        titled = {"title": _("Messages")} | (extra_context or {})
        response = super().changelist_view(request, titled)
        context = getattr(response, "context_data", None) or {}
        if "cl" in context:
            context["hits"] = hits(context["cl"].result_list, context["cl"].query)
        return response

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet, search_term: str
    ) -> tuple[QuerySet, bool]:
        if not search_term:
            return queryset, False
        return search.find(queryset, search_term, self.paginator.most), False

    def get_fieldsets(self, request: HttpRequest, obj: Message | None = None) -> Any:
        is_inbound = obj is None or obj.is_inbound
        return (*self.fieldsets, self.inbound if is_inbound else self.outbound)

    @admin.display(description="conversation")
    def about(self, message: Message) -> str:
        return _link(message.conversation)

    @admin.display(description="from", empty_value="")
    def who(self, message: Message) -> str:
        return format_html("<bdi>{}</bdi>", author(message))

    @admin.display(description="text", empty_value="")
    def body(self, message: Message) -> str:
        return _text(message.text or message.gone)

    @admin.display(description="quoted text", empty_value="")
    def quote(self, message: Message) -> str:
        return _text(message.quoted_text)

    @admin.display(description="decisions")
    def chain(self, message: Message) -> str:
        return ", ".join(str(one) for one in message.decisions.order_by("pk"))


def _text(text: str) -> str:
    return (
        format_html('<div class="message-text" dir="auto">{}</div>', text)
        if text
        else ""
    )


def _link(conversation: Conversation) -> str:
    url = reverse("admin:conversations_conversation_change", args=[conversation.pk])
    return format_html('<a href="{}"><bdi>{}</bdi></a>', url, conversation)
