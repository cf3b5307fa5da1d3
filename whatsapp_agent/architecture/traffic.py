"""What went along the arrows in the last hour, by queries that use an index each."""

from dataclasses import dataclass
from datetime import timedelta

from django.db.models import Count, Q
from django.utils import timezone

from llm.models import Decision
from whatsapp_agent.home import attention, chats, day


@dataclass(frozen=True)
class Asked:
    """Calls to the model of one step."""

    calls: int = 0
    failed: int = 0


@dataclass(frozen=True)
class Traffic:
    inbound: int
    sent: int  # parts of replies that left
    asked: dict[str, Asked]  # by step
    pending: int  # now: messages without an outcome
    outbox: attention.Outbox  # now


def last_hour() -> Traffic:
    since = timezone.now() - timedelta(hours=1)
    messages = day.recent(since).aggregate(
        inbound=Count("pk", Q(direction="in")),
        sent=Count("pk", Q(author="agent", status__in=day.LEFT)),
    )
    failed = Count("pk", Q(outcome=Decision.Outcome.FAILED))
    decisions = Decision.objects.filter(created_at__gte=since, source="model")
    steps = decisions.values("step").annotate(calls=Count("pk"), failed=failed)
    return Traffic(
        **messages,
        asked={row["step"]: Asked(row["calls"], row["failed"]) for row in steps},
        pending=chats.count_pending(),
        outbox=attention.outbox(),
    )
