"""Figures for Prometheus, read from the database when they are asked for.

So they are the same whichever process answers, and however many there are. Each query
reads an index, or a bounded number of rows.
"""

import time
from collections import Counter as Tally
from collections.abc import Iterator
from datetime import datetime, timedelta

from django.db.models import Count, Max, Min, Sum
from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import (
    CounterMetricFamily as Counter,
    GaugeMetricFamily as Gauge,
    Metric,
)

from conversations import inbox
from conversations.models import Conversation, Message, Worker
from evolution.models import Instance, MissedSearch, RefusedWebhook, UnreadableEvent
from llm.models import Decision
from whatsapp_agent.home.attention import UNSETTLED
from whatsapp_agent.home.bounds import MOST, count
from whatsapp_agent.operations.trust import is_trusted

PREFIX = "whatsapp_agent_"
HOUR = timedelta(hours=1)


@never_cache
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    if not is_trusted(request):
        raise Http404
    registry = CollectorRegistry(auto_describe=False)
    registry.register(Collector())
    return HttpResponse(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)


class Collector:
    def collect(self) -> Iterator[Metric]:
        started = time.perf_counter()
        yield from _messages()
        yield from _waiting()
        yield from _decisions()
        yield from _workers()
        yield from _bridge()
        yield _gauge(
            "scrape_seconds", "To read all this.", time.perf_counter() - started
        )


def _messages() -> Iterator[Metric]:
    """Of the last hour: keys rise with time, so its messages are the last ones."""
    newest = Message.objects.aggregate(newest=Max("pk"))["newest"] or 0
    recent = Message.objects.filter(
        pk__gt=newest - MOST, received_at__gte=timezone.now() - HOUR
    )
    rows = recent.order_by().values_list("direction", "outcome", "status")
    messages = Gauge(
        f"{PREFIX}messages_last_hour",
        f"Messages of the last hour, at most {MOST}, by what became of them.",
        labels=["direction", "outcome"],
    )
    for direction, outcome, status, found in rows.annotate(found=Count("pk")):
        settled = outcome or "pending" if direction == "in" else status
        messages.add_metric([direction, settled], found)
    yield messages
    # The last key: what was stored since another moment is the difference.
    yield _counter("messages", "Messages ever stored, by the last key.", newest)


def _waiting() -> Iterator[Metric]:
    pending = Message.objects.pending()
    # All are few; without a bound a backlog would be read whole.
    oldest = pending.order_by()[:MOST].aggregate(oldest=Min("received_at"))["oldest"]
    yield _gauge(
        "messages_pending",
        f"Inbound without an outcome, at most {MOST}.",
        count(pending),
    )
    yield _gauge(
        "oldest_pending_seconds", "Age of the oldest without an outcome.", _age(oldest)
    )
    outbox = Gauge(
        f"{PREFIX}outbox", "Outbound messages that are not settled.", labels=["status"]
    )
    # All three in one look: that is how the index has them.
    unsettled = Message.objects.extra(where=[UNSETTLED])
    found = Tally(unsettled.values_list("status", flat=True)[:MOST])
    for status in Message.UNSETTLED:
        outbox.add_metric([status.value], found[status.value])
    yield outbox
    due = Conversation.objects.filter(due_at__lte=timezone.now())
    yield _gauge("conversations_due", "Conversations with work to do.", count(due))
    webhooks = inbox.waiting()
    yield _gauge(
        "inbox", "Webhooks that the worker has yet to take in.", webhooks.count
    )
    yield _gauge("inbox_seconds", "Since the oldest of them came.", webhooks.seconds)


def _decisions() -> Iterator[Metric]:
    """All by one look: by what they came to, and what models cost each number."""
    today = timezone.localtime().replace(hour=0, minute=0, second=0, microsecond=0)
    labels = ["step", "source", "outcome"]
    rows = (
        Decision.objects.filter(created_at__gte=today)
        .order_by()
        .values_list("conversation__instance", *labels)
        .annotate(found=Count("pk"), cost=Sum("cost"))
    )
    decisions, costs, calls, spent = Tally(), Tally(), Tally(), Tally()
    for instance, step, source, outcome, found, cost in rows:
        decisions[step, source, outcome] += found
        costs[step, source, outcome] += float(cost or 0)
        if source == Decision.Source.MODEL:
            calls[(instance,)] += found
            spent[(instance,)] += float(cost or 0)
    yield _gauges("decisions_today", "Decisions of today.", labels, decisions)
    yield _gauges("cost_today", "Cost of today, as prices are given.", labels, costs)
    yield _gauges("instance_calls_today", "Of models, today.", ["instance"], calls)
    yield _gauges("instance_cost_today", "Cost of these calls.", ["instance"], spent)


def _workers() -> Iterator[Metric]:
    seen = Gauge(
        f"{PREFIX}worker_seen_seconds",
        "Since the worker's last sign of life.",
        labels=["slot"],
    )
    for worker in Worker.objects.order_by("-seen_at")[:20]:
        seen.add_metric([worker.slot], _age(worker.seen_at))
    yield seen


def _bridge() -> Iterator[Metric]:
    labels = ["instance"]
    state = Gauge(
        f"{PREFIX}instance_state",
        "1 for the state that the instance is in.",
        labels=["instance", "state"],
    )
    heard = Gauge(
        f"{PREFIX}webhook_seen_seconds", "Since its last webhook.", labels=labels
    )
    rows = Instance.objects.exclude(state=Instance.State.REMOVED).order_by("name")
    for row in rows.defer("qr_code")[:50]:
        for value in Instance.State.values:
            state.add_metric([row.name, value or "unknown"], value == row.state)
        if row.webhook_at:
            heard.add_metric([row.name], _age(row.webhook_at))
    yield state
    yield heard
    refused = Counter(
        f"{PREFIX}webhooks_refused", "Webhooks turned away.", labels=["reason"]
    )
    sums = RefusedWebhook.objects.order_by().values_list("reason")
    for reason, found in sums.annotate(found=Sum("count")):
        refused.add_metric([reason], found)
    yield refused
    kept = UnreadableEvent.objects.filter(replayed_at=None)
    yield _gauge("events_unreadable", "Events kept to be replayed.", count(kept))
    lately = MissedSearch.objects.filter(started_at__gte=timezone.now() - HOUR)
    found = lately.aggregate(found=Sum("found"))["found"] or 0
    yield _gauge("messages_missed_last_hour", "Found without a webhook.", found)


def _gauge(name: str, help_text: str, value: float) -> Metric:
    return Gauge(f"{PREFIX}{name}", help_text, value=value)


def _gauges(name: str, help_text: str, labels: list[str], values: Tally) -> Metric:
    gauge = Gauge(f"{PREFIX}{name}", help_text, labels=labels)
    for key, value in values.items():
        gauge.add_metric(key, value)
    return gauge


def _counter(name: str, help_text: str, value: float) -> Metric:
    return Counter(f"{PREFIX}{name}", help_text, value=value)


def _age(moment: datetime | None) -> float:
    if moment is None:
        return 0
    return max(0.0, (timezone.now() - moment).total_seconds())
