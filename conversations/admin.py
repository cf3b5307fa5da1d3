from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.models import CHANGE, LogEntry
from django.core.exceptions import PermissionDenied
from django.db.models import Exists, F, Model, OuterRef, QuerySet
from django.forms import ModelForm
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.text import Truncator
from django.views.decorators.http import require_POST

from conversations import steering
from conversations.admin_forms import (
    AgentSettingsForm,
    ConversationForm,
    SteeringForm,
)
from conversations.admin_history import history
from conversations.admin_steering import steer
from conversations.models import (
    FOREVER,
    AgentSettings,
    Contact,
    Conversation,
    Message,
    Mode,
    Worker,
)
from conversations.steering import NotPossible
from llm import providers
from llm.admin_records import BoundedPaginator, RecordAdmin, SinceFilter


class KeptAdmin(admin.ModelAdmin):
    """Rows that come from WhatsApp, of which staff change some fields."""

    paginator = BoundedPaginator
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(
        self, request: HttpRequest, obj: Model | None = None
    ) -> bool:
        return False

    def save_model(
        self, request: HttpRequest, obj: Model, form: ModelForm, change: bool
    ) -> None:
        # The worker writes the other fields of the same row meanwhile.
        obj.save(update_fields=form.changed_data)


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


@admin.register(Conversation)
class ConversationAdmin(KeptAdmin):
    list_display = (
        "title",
        "is_group",
        "mode",
        "access",
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
    form = ConversationForm
    fieldsets = (
        (
            "Settings of this conversation",
            {"fields": ("name", "mode", "access", "threshold", "instructions")},
        ),
        (
            "Address",
            {"fields": ("instance", "jid", "contact", "is_group", "created_at")},
        ),
    )
    readonly_fields = ("instance", "jid", "contact", "is_group", "created_at")
    actions = ("pause", "resume", "set_live", "set_draft", "set_shadow", "set_off")

    class Media:
        css = {"all": ["admin/agent.css"]}

    def get_queryset(self, request: HttpRequest) -> QuerySet[Conversation]:
        pending = Message.objects.pending().filter(conversation=OuterRef("pk"))
        return super().get_queryset(request).annotate(has_pending=Exists(pending))

    def get_urls(self) -> list[URLPattern]:
        steer_view = require_POST(self.admin_site.admin_view(self.steer_view))
        return [
            path(
                "<int:pk>/steer/", steer_view, name="conversations_conversation_steer"
            ),
            *super().get_urls(),
        ]

    def render_change_form(
        self, request: HttpRequest, context: dict, *args: Any, **kwargs: Any
    ) -> HttpResponse:
        with_prompts = request.user.has_perm("llm.view_decision")
        before = request.GET.get("before", "")
        context |= {
            "history": history(context["original"], before, with_prompts),
            "with_prompts": with_prompts,
            "before": before,
            "standing_back": self.standing_back(context["original"]),
        }
        return super().render_change_form(request, context, *args, **kwargs)

    def steer_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        conversation = self.get_object(request, str(pk))
        if not self.has_change_permission(request, conversation):
            raise PermissionDenied
        if conversation is None:
            raise Http404
        form = SteeringForm(request.POST)
        try:
            if not form.is_valid():
                raise NotPossible("That cannot be read.")
            done = steer(conversation, request.user, **form.cleaned_data)
        except NotPossible as error:
            self.message_user(request, str(error), messages.ERROR)
        else:
            self.message_user(request, done, messages.SUCCESS)
            self.log_change(request, conversation, done)
        return HttpResponseRedirect(_page(request, pk, form.cleaned_data))

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


def _until(moment: timezone.datetime) -> str:
    if moment == FOREVER:
        return "until somebody resumes"
    return f"until {timezone.localtime(moment):%Y-%m-%d %H:%M}"


def _page(request: HttpRequest, pk: int, asked: dict) -> str:
    """Where the button was."""
    url = reverse("admin:conversations_conversation_change", args=[pk])
    before = request.GET.get("before", "")
    query = f"?before={before}" if before.isdecimal() else ""
    message = asked.get("message")
    return f"{url}{query}#{f'message-{message}' if message else 'latest'}"


class MessageSinceFilter(SinceFilter):
    field = "sent_at"

    def filter(self, queryset: QuerySet, since: Any) -> QuerySet:
        # Messages have an index by time only within their conversation.
        return queryset.filter(
            conversation__last_message_at__gte=since, sent_at__gte=since
        )


@admin.register(Message)
class MessageAdmin(RecordAdmin):
    list_display = (
        "sent_at",
        "about",
        "direction",
        "who",
        "kind",
        "start",
        "outcome",
        "status",
    )
    list_filter = (
        MessageSinceFilter,
        "direction",
        "outcome",
        "status",
        "author",
        "kind",
    )
    list_select_related = ("conversation__contact", "sender", "staff")
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
        ("Inbound", {"fields": ("outcome", "reason", "chain")}),
        (
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
        ),
    )

    class Media:
        css = {"all": ["admin/agent.css"]}

    @admin.display(description="conversation")
    def about(self, message: Message) -> str:
        return _link(message.conversation)

    @admin.display(description="from", empty_value="")
    def who(self, message: Message) -> str:
        return format_html("<bdi>{}</bdi>", message.sender or message.staff or "")

    @admin.display(description="text", empty_value="")
    def start(self, message: Message) -> str:
        return _text(Truncator(message.text).chars(120))

    @admin.display(description="text", empty_value="")
    def body(self, message: Message) -> str:
        return _text(message.text)

    @admin.display(description="quoted text", empty_value="")
    def quote(self, message: Message) -> str:
        return _text(message.quoted_text)

    @admin.display(description="decisions")
    def chain(self, message: Message) -> str:
        return ", ".join(str(one) for one in message.decisions.order_by("pk"))


def _text(text: str) -> str:
    return format_html('<div class="text" dir="auto">{}</div>', text) if text else ""


def _link(conversation: Conversation) -> str:
    url = reverse("admin:conversations_conversation_change", args=[conversation.pk])
    return format_html('<a href="{}"><bdi>{}</bdi></a>', url, conversation)


@admin.register(Contact)
class ContactAdmin(KeptAdmin):
    list_display = ("title", "phone_number", "lid", "access")
    list_filter = ("access",)
    search_fields = ("name", "phone_jid", "lid")
    ordering = ("-pk",)
    fields = ("name", "access", "phone_jid", "lid")
    readonly_fields = ("phone_jid", "lid")

    @admin.display(description="name", ordering="name")
    def title(self, contact: Contact) -> str:
        return format_html("<bdi>{}</bdi>", contact)


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
                    ("relevance_provider", "relevance_model", "relevance_timeout"),
                    ("relevance_price_in", "relevance_price_out"),
                    ("response_provider", "response_model", "response_timeout"),
                    ("response_price_in", "response_price_out"),
                    ("response_max_tokens", "temperature"),
                ),
            },
        ),
        (
            "Limits",
            {
                "fields": (
                    "unprompted_gap",
                    ("unprompted_per_hour", "unprompted_per_day"),
                    ("replies_per_minute", "replies_per_hour"),
                    ("daily_spend_limit", "daily_call_limit"),
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


@admin.register(Worker)
class WorkerAdmin(RecordAdmin):
    list_display = ("slot", "alive", "started_at", "seen_at")
    ordering = ("-seen_at",)

    @admin.display(boolean=True)
    def alive(self, worker: Worker) -> bool:
        return worker.is_alive
