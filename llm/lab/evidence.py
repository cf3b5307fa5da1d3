"""What was judged and labelled in a window: all that the lab reads. Plain values come out.

Counts come from the index of scored decisions alone. What an index does not hold is read by
key, and no column behind a prompt's text is touched: keys ascend with time.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from zlib import crc32

from django.core.cache import cache
from django.db.models import Count, F, Max, Min, QuerySet
from django.utils import timezone

from llm.lab.bands import STEPS
from llm.lab.scores import Hundredths
from llm.models import Decision, Label

DAYS = (7, 30, 90)
# Labels of one version that are read, the newest; nobody gives more in a window.
MOST_LABELS = 5_000
VERSIONS_SECONDS = 60
CELLS = 128  # more than hundredths
Verdict = Label.Verdict


class Version(NamedTuple):
    """What gave a score. Scores of two versions are never mixed."""

    prompt: str
    provider: str
    model: str

    @property
    def key(self) -> str:
        """For addresses."""
        return f"{crc32(repr(tuple(self)).encode()):08x}"

    def __str__(self) -> str:
        return " · ".join(
            part for part in (self.model, self.provider, self.prompt) if part
        )


@dataclass(frozen=True)
class Window:
    days: int
    since: datetime
    first_key: int | None  # of its decisions; None where there are none


@dataclass(frozen=True)
class Scored:
    """How many decisions have each number of hundredths, by conversation."""

    counts: dict[int, tuple[int, ...]] = field(default_factory=dict)

    def busiest(self, most: int) -> list[int]:
        return sorted(self.counts, key=lambda one: -sum(self.counts[one]))[:most]

    def only(self, conversations: Collection[int]) -> "Scored":
        kept = {one: row for one, row in self.counts.items() if one in conversations}
        return Scored(kept)

    @property
    def all(self) -> tuple[int, ...]:
        if not self.counts:
            return (0,) * (STEPS + 1)
        return tuple(map(sum, zip(*self.counts.values(), strict=True)))


@dataclass(frozen=True)
class Labelled:
    """A decision of the queue's on which the raters agree."""

    decision: int
    conversation: int
    p: float
    wanted: bool
    inclusion: float | None = None


@dataclass(frozen=True)
class Labels:
    """`usable` in the order they were given; `unsure` and `tied` are only counted."""

    usable: tuple[Labelled, ...] = ()
    unsure: int = 0
    tied: int = 0

    def of(self, conversation: int | None) -> tuple[Labelled, ...]:
        if conversation is None:
            return self.usable
        return tuple(one for one in self.usable if one.conversation == conversation)

    def only(self, conversations: Collection[int]) -> "Labels":
        usable = (one for one in self.usable if one.conversation in conversations)
        return replace(self, usable=tuple(usable))


def window(days: int) -> Window:
    since = timezone.now() - timedelta(days=days)
    newer = Decision.objects.filter(created_at__gte=since).order_by("created_at")
    return Window(days, since, newer.values_list("pk", flat=True).first())


def versions(within: Window) -> list[Version]:
    """The latest first; a new one is seen within a minute."""
    key = f"lab.versions.{within.days}.{within.first_key}"
    return cache.get_or_set(key, lambda: _versions(within), VERSIONS_SECONDS)


def _versions(within: Window) -> list[Version]:
    # The newest of each from the index's end: eight times as fast as their maximum.
    rows = _scored(within)
    fields = rows.values_list("prompt_version", "provider", "model")
    found = [Version(*row) for row in fields.distinct()]
    return sorted(found, key=lambda one: _newest(_of(one, rows)), reverse=True)


def _newest(rows: QuerySet[Decision]) -> datetime:
    at = rows.order_by("-created_at").values_list("created_at", flat=True).first()
    return at or datetime.min.replace(tzinfo=UTC)


def scored(within: Window, version: Version) -> Scored:
    # One number to group by: the database sorts it in two thirds of the time.
    cell = F("conversation_id") * CELLS + Hundredths("p")
    rows = _of(version, _scored(within)).values_list(cell).annotate(count=Count("pk"))
    counts: dict[int, list[int]] = defaultdict(lambda: [0] * (STEPS + 1))
    for number, count in rows:
        conversation, hundredths = divmod(number, CELLS)
        counts[conversation][min(hundredths, STEPS)] += count
    return Scored({group: tuple(row) for group, row in counts.items()})


def span(within: Window, version: Version) -> float:
    """Days from the first decision to now: a day's share is taken of what was lived."""
    first = _of(version, _scored(within)).aggregate(at=Min("created_at"))["at"]
    lived = (timezone.now() - first) / timedelta(days=1) if first else within.days
    return min(max(lived, 1.0), float(within.days))


def labels(within: Window, version: Version) -> Labels:
    """Of the queue's labels. Two raters of one decision: the majority, and no tie."""
    if within.first_key is None:
        return Labels()
    given = Label.objects.filter(
        origin=Label.Origin.QUEUE,
        decision_id__gte=within.first_key,
        decision__step=Decision.Step.RELEVANCE,
        decision__source=Decision.Source.MODEL,
        decision__p__isnull=False,
        decision__prompt_version=version.prompt,
        decision__provider=version.provider,
        decision__model=version.model,
    )
    rows = given.order_by("-pk").values_list(
        "decision_id",
        "decision__conversation_id",
        "decision__p",
        "verdict",
        "inclusion",
    )[:MOST_LABELS]
    return agreed(reversed(rows))


def agreed(rows: Iterable[tuple]) -> Labels:
    found: dict[int, tuple] = {}
    votes: dict[int, Counter] = defaultdict(Counter)
    for decision, conversation, p, verdict, inclusion in rows:
        found[decision] = (conversation, p, inclusion)
        votes[decision][verdict] += 1
    usable, unsure, tied = [], 0, 0
    for decision, (conversation, p, inclusion) in found.items():
        wanted = votes[decision][Verdict.WANTED]
        unwanted = votes[decision][Verdict.UNWANTED] + votes[decision][Verdict.REACTION]
        if wanted != unwanted:
            usable.append(
                Labelled(decision, conversation, p, wanted > unwanted, inclusion)
            )
        elif wanted:
            tied += 1
        else:
            unsure += 1
    return Labels(tuple(usable), unsure, tied)


def latest_label() -> int:
    return Label.objects.aggregate(pk=Max("pk"))["pk"] or 0


def counted(counts: Sequence[int], threshold: float) -> int:
    """How many are at or above it."""
    start = max(int(-(-(threshold * STEPS - 1e-9) // 1)), 0)
    return sum(counts[start:])


def _scored(within: Window) -> QuerySet[Decision]:
    return Decision.objects.filter(
        step=Decision.Step.RELEVANCE,
        source=Decision.Source.MODEL,
        p__isnull=False,
        created_at__gte=within.since,
    ).order_by()


def _of(version: Version, decisions: QuerySet[Decision]) -> QuerySet[Decision]:
    return decisions.filter(
        prompt_version=version.prompt, provider=version.provider, model=version.model
    )
