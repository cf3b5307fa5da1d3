"""The last 24 hours in numbers, by one query over their messages."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.db.models import CharField, Count, F, Func, Max, Min, Q, QuerySet
from django.utils import timezone

from conversations.models import Message

Outcome, Status = Message.Outcome, Message.Status
LEFT = [Status.SENT, Status.DELIVERED, Status.READ]
# Settled without a reply, as it should be.
LEFT_ALONE = [
    Outcome.BELOW_THRESHOLD,
    Outcome.NOT_ADDRESSED,
    Outcome.FILTERED,
    Outcome.PAUSED,
    Outcome.TAKEN_OVER,
    Outcome.OVER_BUDGET,
    Outcome.TOO_OLD,
    Outcome.ANSWERED,
    Outcome.STOPPED,
    Outcome.COMMAND,
    Outcome.SHADOW,
]
UNANSWERED = [Outcome.NOT_HEARD, Outcome.GATE_FAILED, Outcome.RESPONSE_FAILED]

# That it does not speak twice in a row is no budget that ran out; see gates.py.
GAP = Q(reason__startswith="It spoke unprompted less than")


class Hour(Func):
    """TruncHour would call a Python function for each row on SQLite."""

    function = "TO_CHAR"
    template = "TO_CHAR(%(expressions)s AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24')"
    output_field = CharField()

    def as_sqlite(self, compiler, connection, **context):
        template = "SUBSTR(%(expressions)s, 1, 13)"
        return self.as_sql(compiler, connection, template=template, **context)


# What is counted, and with _newest, the key of its last message.
COUNTED = {
    "inbound": Q(direction="in"),
    "replies": Q(author="agent", status__in=LEFT, part=1),
    "left_alone": Q(direction="in", outcome__in=LEFT_ALONE),
    "failed": Q(status=Status.FAILED),
    "unanswered": Q(direction="in", outcome__in=UNANSWERED),
    "over_budget": Q(direction="in", outcome=Outcome.OVER_BUDGET) & ~GAP,
    "drafts": Q(status=Status.DRAFT, part=1),
}
LOCATED = ("failed", "unanswered", "over_budget", "drafts")


@dataclass(frozen=True)
class Day:
    counts: dict[str, int]
    newest: dict[str, int]  # of those in LOCATED that there are
    hours: list[int]  # inbound messages, the last hour being this one

    @property
    def failures(self) -> int:
        return self.counts["failed"] + self.counts["unanswered"]


def day() -> Day:
    now = timezone.now()
    rows = {row["hour"]: row for row in _by_hour(now - timedelta(days=1))}
    return Day(
        counts={name: sum(row[name] for row in rows.values()) for name in COUNTED},
        newest={
            name: max(keys)
            for name in LOCATED
            if (keys := [pk for row in rows.values() if (pk := row[f"{name}_newest"])])
        },
        hours=[rows.get(hour, {"inbound": 0})["inbound"] for hour in _hours(now)],
    )


def _by_hour(since: datetime) -> Iterable[dict]:
    counts = {name: Count("pk", which) for name, which in COUNTED.items()}
    newest = {f"{name}_newest": Max("pk", filter=COUNTED[name]) for name in LOCATED}
    hours = recent(since).values(hour=Hour("sent_at"))
    return hours.annotate(**counts, **newest)


def recent(since: datetime) -> QuerySet[Message]:
    """The messages sent since then, without an order."""
    if (first := _first_since(since)) is None:
        return Message.objects.none()
    return Message.objects.filter(pk__gte=first, sent_at__gte=since).order_by()


def _first_since(since: datetime) -> int | None:
    """Where to start reading: keys rise with time, and stand side by side on the disk.

    Messages have an index by time only within their conversation.
    """
    recent = Message.objects.filter(
        conversation__last_message_at__gte=since, sent_at__gte=since
    )
    # Of a bare MIN(id) SQLite would look for the least by walking up the keys.
    return recent.aggregate(first=Min(F("pk") + 0))["first"]


def _hours(now: datetime) -> list[str]:
    """25: the first and the last are not whole."""
    return [
        f"{now.astimezone(UTC) - timedelta(hours=back):%Y-%m-%d %H}"
        for back in range(24, -1, -1)
    ]
