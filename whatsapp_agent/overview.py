"""How the whole is doing, for the top of the dashboard, in a few cheap queries."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Count, Q, QuerySet
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.translation import gettext as _

from conversations.models import AgentSettings, Message, Worker
from evolution.models import Instance, RefusedWebhook, UnreadableEvent
from llm import providers

# Nobody reads the difference, and counting on would read the whole table.
MOST = 10_000
LEFT = [Message.Status.SENT, Message.Status.DELIVERED, Message.Status.READ]


@dataclass(frozen=True)
class Number:
    label: str
    count: int
    url: str
    permission: str  # needed to open it
    is_bad: bool = False


@dataclass(frozen=True)
class ModelInUse:
    step: str
    provider: str
    model: str
    missing: str  # what it lacks, as a sentence, or ""


@dataclass(frozen=True)
class Connection:
    state: str  # open, connecting or close
    label: str


def connection() -> Connection:
    """The state of all instances in one: of several that which wants attention most."""
    rows = Instance.objects.exclude(state=Instance.State.REMOVED)
    states = set(rows.values_list("state", flat=True))
    if not states:
        return Connection("close", _("Not linked"))
    if states == {Instance.State.OPEN}:
        return Connection("open", _("Connected"))
    if states <= {Instance.State.OPEN, Instance.State.CONNECTING}:
        return Connection("connecting", _("Connecting"))
    return Connection("close", _("Disconnected"))


def overview() -> dict:
    agent = AgentSettings.load()
    since = timezone.now() - timedelta(days=1)
    return {
        "is_on": agent.is_on,
        "is_sandbox": settings.SANDBOX,
        "is_worker_alive": any(worker.is_alive for worker in Worker.objects.all()),
        "instances": list(Instance.objects.order_by("name").defer("qr_code")),
        "models": [_model(agent, "relevance"), _model(agent, "response")],
        "numbers": [*_messages(since), _unreadable(), _refused(since)],
    }


def _model(agent: AgentSettings, step: str) -> ModelInUse:
    provider = getattr(agent, f"{step}_provider")
    label = getattr(agent, f"get_{step}_provider_display")()
    return ModelInUse(
        step.capitalize(),
        label,
        getattr(agent, f"{step}_model"),
        providers.missing(provider),
    )


def _messages(since: datetime) -> list[Number]:
    counts = _recent(since).aggregate(
        inbound=Count("pk", Q(direction="in")),
        replies=Count("pk", Q(author="agent", status__in=LEFT)),
        drafts=Count("pk", Q(status="draft")),
        failed=Count("pk", Q(status="failed")),
    )
    pending = _count(Message.objects.pending())
    link = _message_link
    return [
        link("Messages in", counts["inbound"], direction__exact="in", since="day"),
        link(
            "Replies sent",
            counts["replies"],
            author__exact="agent",
            status__in=",".join(LEFT),
            since="day",
        ),
        link("Drafts waiting", counts["drafts"], status__exact="draft", since="day"),
        link("Pending, in all", pending, direction__exact="in", outcome__exact=""),
        link(
            "Failed sends",
            counts["failed"],
            is_bad=counts["failed"] > 0,
            status__exact="failed",
            since="day",
        ),
    ]


def _recent(since: datetime) -> QuerySet[Message]:
    """Messages have an index by time only within their conversation."""
    return Message.objects.filter(
        conversation__last_message_at__gte=since, sent_at__gte=since
    )


def _message_link(label: str, count: int, is_bad: bool = False, **query: str) -> Number:
    url = reverse("admin:conversations_message_changelist")
    return Number(
        label,
        count,
        f"{url}?{urlencode(query)}",
        "conversations.view_message",
        is_bad,
    )


def _unreadable() -> Number:
    count = _count(UnreadableEvent.objects.filter(replayed_at=None))
    url = reverse("admin:evolution_unreadableevent_changelist")
    return Number(
        "Unreadable events, not replayed",
        count,
        f"{url}?replayed_at__isempty=1",
        "evolution.view_unreadableevent",
        count > 0,
    )


def _refused(since: datetime) -> Number:
    count = _count(RefusedWebhook.objects.filter(last_at__gte=since))
    url = reverse("admin:evolution_refusedwebhook_changelist")
    return Number(
        "Senders of refused webhooks",
        count,
        f"{url}?since=day",
        "evolution.view_refusedwebhook",
        count > 0,
    )


def _count(queryset: QuerySet) -> int:
    return queryset.order_by()[:MOST].count()
