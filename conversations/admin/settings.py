from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from conversations.admin.forms import AgentSettingsForm
from conversations.models import AgentSettings
from llm import providers


@admin.register(AgentSettings)
class AgentSettingsAdmin(admin.ModelAdmin):
    form = AgentSettingsForm
    fieldsets = (
        (
            "Who answers",
            {
                "fields": (
                    "is_on",
                    "bot_name",
                    "aliases",
                    "only_allowed",
                    "new_direct_mode",
                    "new_group_mode",
                )
            },
        ),
        (
            "When it replies",
            {
                "fields": (
                    "group_policy",
                    "threshold",
                    "on_gate_failure",
                    "direct_wait",
                    "group_wait",
                    "longest_wait",
                    "oldest_answered",
                    "takeover_minutes",
                )
            },
        ),
        (
            "How it replies",
            {
                "fields": (
                    "instructions",
                    "group_instructions",
                    "context_messages",
                    "quote_in_groups",
                    "show_typing",
                    "mark_read",
                )
            },
        ),
        (
            "The models",
            {
                "description": "Their addresses and keys are set in the environment.",
                "fields": (
                    "relevance_provider",
                    "relevance_model",
                    "relevance_timeout",
                    ("relevance_price_in", "relevance_price_out"),
                    "response_provider",
                    "response_model",
                    "response_timeout",
                    ("response_price_in", "response_price_out"),
                    "response_max_tokens",
                    "temperature",
                ),
            },
        ),
        (
            "Limits",
            {
                "fields": (
                    "unprompted_gap",
                    "unprompted_per_hour",
                    "unprompted_per_day",
                    "replies_per_minute",
                    "replies_per_hour",
                    "daily_spend_limit",
                    "daily_call_limit",
                )
            },
        ),
    )

    def changelist_view(
        self, request: HttpRequest, extra_context: dict | None = None
    ) -> HttpResponse:
        if not self.has_view_or_change_permission(request):
            raise PermissionDenied
        row = AgentSettings.load()
        return HttpResponseRedirect(
            reverse("admin:conversations_agentsettings_change", args=[row.pk])
        )

    def save_model(
        self, request: HttpRequest, obj: AgentSettings, form: ModelForm, change: bool
    ) -> None:
        super().save_model(request, obj, form, change)
        for provider in sorted({obj.relevance_provider, obj.response_provider}):
            if missing := providers.missing(provider):
                self.message_user(
                    request, f"It cannot be asked yet: {missing}", messages.WARNING
                )

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(
        self, request: HttpRequest, obj: Model | None = None
    ) -> bool:
        return False
