from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html, format_html_join

from llm.admin_records import RecentValuesFilter, RecordAdmin, SinceFilter
from llm.models import Decision


@admin.register(Decision)
class DecisionAdmin(RecordAdmin):
    list_display = (
        "created_at",
        "about",
        "step",
        "source",
        "outcome",
        "p",
        "threshold",
        "why",
        "provider",
        "model",
        "cost",
        "latency_ms",
        "error",
    )
    list_filter = (
        "step",
        "outcome",
        "source",
        ("provider", RecentValuesFilter),
        ("model", RecentValuesFilter),
        ("prompt_version", RecentValuesFilter),
        SinceFilter,
    )
    list_select_related = ("conversation__contact",)
    fieldsets = (
        (
            None,
            {"fields": ("created_at", "about", "judged", "step", "source", "outcome")},
        ),
        ("Judgement", {"fields": ("p", "threshold", "kind", "why", "sent")}),
        (
            "Call",
            {
                "fields": (
                    "provider",
                    "model",
                    "prompt_version",
                    "tokens_in",
                    "tokens_cached",
                    "tokens_out",
                    "cost",
                    "latency_ms",
                    "attempts",
                    "error",
                )
            },
        ),
        ("Prompt and answer", {"fields": ("prompt", "answer")}),
    )

    class Media:
        css = {"all": ["admin/agent.css"]}

    def get_queryset(self, request: HttpRequest) -> QuerySet[Decision]:
        # A page of prompts would be megabytes.
        return super().get_queryset(request).defer("input", "output")

    @admin.display(description="conversation")
    def about(self, decision: Decision) -> str:
        conversation = decision.conversation
        url = reverse("admin:conversations_conversation_change", args=[conversation.pk])
        return format_html('<a href="{}"><bdi>{}</bdi></a>', url, conversation)

    @admin.display(description="messages judged")
    def judged(self, decision: Decision) -> str:
        return _links(decision.messages.order_by("sent_at", "pk"))

    @admin.display(description="messages sent")
    def sent(self, decision: Decision) -> str:
        return _links(decision.replies.order_by("part"))

    @admin.display
    def prompt(self, decision: Decision) -> str:
        return _preformatted(decision.input)

    @admin.display
    def answer(self, decision: Decision) -> str:
        return _preformatted(decision.output)


def _links(messages: QuerySet) -> str:
    rows = (
        (reverse("admin:conversations_message_change", args=[message.pk]), message)
        for message in messages
    )
    return format_html_join("", '<div dir="auto"><a href="{}">{}</a></div>', rows)


def _preformatted(text: str) -> str:
    return format_html('<pre class="record" dir="auto">{}</pre>', text) if text else ""
