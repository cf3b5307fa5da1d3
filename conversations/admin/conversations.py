from datetime import datetime
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.models import CHANGE, LogEntry
from django.core.exceptions import PermissionDenied
from django.db.models import Exists, F, OuterRef, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.views.decorators.http import require_POST

from conversations import steering
from conversations.admin.forms import ConversationForm, SteeringForm
from conversations.admin.history import history
from conversations.admin.kept import KeptAdmin
from conversations.admin.steering import steer
from conversations.models import FOREVER, Conversation, Message, Mode
from conversations.steering import NotPossible


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


def _until(moment: datetime) -> str:
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
