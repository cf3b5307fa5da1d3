"""Has the model of step 1 changed its ways? Without labels, by the scores alone.

Everything is compared within one version (prompt, provider and model as returned), and what is
read does not grow with the table: a fixed number of decisions of each week, spread evenly over
their keys, and the newest ones.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from django.core.cache import cache
from django.db.models import Max, QuerySet
from django.utils import timezone

from llm.lab.bands import hundredths
from llm.lab.checks import Check, fisher, kolmogorov_smirnov, psi
from llm.models import Decision

WEEKS = 12
OF_A_WEEK = 400  # keys that are looked at
NEWEST = 3000  # keys, of all steps
RECENT, REFERENCE = 300, 2000  # decisions
LEAST_RECENT, LEAST_REFERENCE = 100, 200
LEAST_OF_A_POINT = 30
# Chats come in spells, so scores depend on each other: only what is both sure and large counts.
SURE = 0.001
LARGE_DISTANCE, LARGE_PSI = 0.1, 0.2
CACHED_SECONDS = 600
CACHE_KEY = "lab.drift"


class Version(NamedTuple):
    prompt: str
    provider: str
    model: str


class Row(NamedTuple):
    pk: int
    conversation: int
    version: Version
    p: float | None  # None: it failed
    threshold: float | None


class Sign(StrEnum):
    SCORES = "scores"
    FAILURES = "failures"
    REPLIES = "replies"
    MODAL = "modal"


LARGE = {Sign.FAILURES: 0.02, Sign.REPLIES: 0.05, Sign.MODAL: 0.1}  # as shares


@dataclass(frozen=True)
class Alarm:
    """`before` and `now`: mean score or share, of `conversation` or of all."""

    sign: Sign
    version: Version
    before: float
    now: float
    conversation: int | None = None
    value: float | None = None  # the score that is given so often


@dataclass(frozen=True)
class Comparison:
    """Recent decisions beside the reference. None where there are none with a score."""

    version: Version
    recent: int
    reference: int
    scores: Check | None
    psi: float | None
    alarms: tuple[Alarm, ...]


@dataclass(frozen=True)
class Point:
    """One week of one version. `is_new`: another version came before it."""

    week: datetime
    version: Version
    decisions: int
    distance: float | None  # Kolmogorov-Smirnov, to the version's reference
    psi: float | None
    response_rate: float | None
    failure_rate: float
    is_new: bool


@dataclass(frozen=True)
class Drift:
    """`whole` is None while nothing was judged."""

    whole: Comparison | None
    groups: dict[int, Comparison]  # by conversation, those with enough decisions
    points: tuple[Point, ...]

    @property
    def alarms(self) -> list[Alarm]:
        """Those of all; those of a group, where it is not the same everywhere."""
        everywhere = list(self.whole.alarms) if self.whole else []
        known = {alarm.sign for alarm in everywhere}
        of_groups = (alarm for one in self.groups.values() for alarm in one.alarms)
        return [*everywhere, *(one for one in of_groups if one.sign not in known)]


def drift() -> Drift:
    """Cached for some minutes."""
    return cache.get_or_set(CACHE_KEY, measure, CACHED_SECONDS)


def measure() -> Drift:
    newest = Decision.objects.aggregate(pk=Max("pk"))["pk"]
    if newest is None:
        return Drift(None, {}, ())
    starts = list(_starts(timezone.now()))
    if not starts:
        return Drift(None, {}, ())
    samples = _weekly(starts, newest)
    latest = _read(Decision.objects.filter(pk__gt=newest - NEWEST))
    if not latest:
        return Drift(None, {}, _points(starts, samples))
    # Not simply the newest: a name may stand for two models that take turns.
    versions = Counter(row.version for row in latest[-LEAST_RECENT:])
    ((version, _),) = versions.most_common(1)
    old = [row for rows in samples for row in rows if row.version == version]
    recent = [row for row in latest if row.version == version]
    whole = _compare(old, recent, SURE)
    return Drift(whole, _of_groups(old, recent), _points(starts, samples))


def _starts(now: datetime) -> Iterator[tuple[datetime, int]]:
    """The weeks that have decisions, and the first key of each, from the index by time."""
    day = timezone.localtime(now).replace(hour=0, minute=0, second=0, microsecond=0)
    monday = day - timedelta(days=day.weekday())
    for back in range(WEEKS - 1, -1, -1):
        week = monday - timedelta(weeks=back)
        within = Decision.objects.filter(
            created_at__gte=week, created_at__lt=week + timedelta(weeks=1)
        )
        first = within.order_by("created_at").values_list("pk", flat=True).first()
        if first is not None:
            yield week, first


def _weekly(starts: Sequence[tuple[datetime, int]], newest: int) -> list[list[Row]]:
    ends = [*(first for _, first in starts[1:]), newest + 1]
    return [
        _read(Decision.objects.filter(pk__in=_spread(first, end)))
        for (_, first), end in zip(starts, ends, strict=True)
    ]


def _spread(first: int, end: int) -> list[int]:
    number = min(end - first, OF_A_WEEK)
    return [first + (end - first) * n // number for n in range(number)]


def _read(decisions: QuerySet[Decision]) -> list[Row]:
    """The judgements of models among these. No column behind the prompt's text is read."""
    fields = "conversation_id prompt_version provider model p threshold step source"
    return list(_rows(decisions.order_by("pk").values_list("pk", *fields.split())))


def _rows(found: Iterable[tuple]) -> Iterator[Row]:
    answered: dict[tuple[str, str], Version] = {}
    for pk, conversation, prompt, provider, model, p, threshold, step, source in found:
        if (step, source) != (Decision.Step.RELEVANCE, Decision.Source.MODEL):
            continue
        version = Version(prompt, provider, model)
        if p is None:
            # A failure has the model that was asked for, not the one that would have answered.
            version = answered.get((prompt, provider), version)
        else:
            answered[prompt, provider] = version
        yield Row(pk, conversation, version, p, threshold)


def _of_groups(old: Sequence[Row], recent: Sequence[Row]) -> dict[int, Comparison]:
    groups = Counter(row.conversation for row in recent)
    enough = [group for group, n in groups.items() if n >= LEAST_RECENT]
    compared = {
        group: _compare(
            [row for row in old if row.conversation == group],
            [row for row in recent if row.conversation == group],
            SURE / len(enough),
            group,
        )
        for group in enough
    }
    return {
        group: one
        for group, one in compared.items()
        if one.reference >= LEAST_REFERENCE
    }


def _compare(
    old: Sequence[Row], recent: Sequence[Row], sure: float, group: int | None = None
) -> Comparison:
    recent = recent[-RECENT:]
    reference = [row for row in old if row.pk < recent[0].pk][:REFERENCE]
    before, now = _scores(reference), _scores(recent)
    is_enough = len(reference) >= LEAST_REFERENCE and len(recent) >= LEAST_RECENT
    return Comparison(
        recent[0].version,
        len(recent),
        len(reference),
        kolmogorov_smirnov(before, now),
        psi(_tenths(before), _tenths(now)),
        tuple(_alarms(reference, recent, sure, group)) if is_enough else (),
    )


def _alarms(
    reference: Sequence[Row], recent: Sequence[Row], sure: float, group: int | None
) -> Iterator[Alarm]:
    version = recent[0].version
    before, now = _scores(reference), _scores(recent)
    if before and now and _moved(before, now, sure):
        yield Alarm(Sign.SCORES, version, _mean(before), _mean(now), group)
    old, new = _failed(reference), _failed(recent)
    if _differs(old, new, LARGE[Sign.FAILURES], sure) and _mean(new) > _mean(old):
        yield Alarm(Sign.FAILURES, version, _mean(old), _mean(new), group)
    old, new = _replies(reference, recent), _replies(recent, recent)
    if _differs(old, new, LARGE[Sign.REPLIES], sure):
        yield Alarm(Sign.REPLIES, version, _mean(old), _mean(new), group)
    if now:
        ((value, _),) = Counter(now).most_common(1)
        old, new = [p == value for p in before], [p == value for p in now]
        if _differs(old, new, LARGE[Sign.MODAL], sure) and _mean(new) > _mean(old):
            yield Alarm(Sign.MODAL, version, _mean(old), _mean(new), group, value)


def _moved(before: Sequence[float], now: Sequence[float], sure: float) -> bool:
    found = kolmogorov_smirnov(before, now)
    if found.p_value >= sure:
        return False
    index = psi(_tenths(before), _tenths(now))
    return found.statistic >= LARGE_DISTANCE or index >= LARGE_PSI


def _differs(
    old: Sequence[bool], new: Sequence[bool], large: float, sure: float
) -> bool:
    if not old or not new or abs(_mean(new) - _mean(old)) < large:
        return False
    return fisher(sum(old), len(old), sum(new), len(new)) < sure


def _failed(rows: Sequence[Row]) -> list[bool]:
    return [row.p is None for row in rows]


def _replies(rows: Sequence[Row], recent: Sequence[Row]) -> list[bool]:
    """Would it reply at today's thresholds? That one was changed is no drift."""
    today = {row.conversation: row.threshold for row in recent}
    pairs = ((row.p, today.get(row.conversation, row.threshold)) for row in rows)
    return [p >= threshold for p, threshold in pairs if None not in (p, threshold)]


def _points(
    starts: Sequence[tuple[datetime, int]], samples: Sequence[Sequence[Row]]
) -> tuple[Point, ...]:
    references: dict[Version, list[Row]] = {}
    for rows in samples:
        for row in rows:
            reference = references.setdefault(row.version, [])
            if len(reference) < REFERENCE:
                reference.append(row)
    points: list[Point] = []
    for (week, _), rows in zip(starts, samples, strict=True):
        for version in dict.fromkeys(row.version for row in rows):
            own = [row for row in rows if row.version == version]
            if len(own) >= LEAST_OF_A_POINT:
                is_new = bool(points) and points[-1].version != version
                points.append(_point(week, own, references[version], is_new))
    return tuple(points)


def _point(
    week: datetime, rows: Sequence[Row], reference: Sequence[Row], is_new: bool
) -> Point:
    before, now = _scores(reference), _scores(rows)
    found = kolmogorov_smirnov(before, now)
    replies = _replies(rows, ())
    return Point(
        week,
        rows[0].version,
        len(rows),
        found and found.statistic,
        psi(_tenths(before), _tenths(now)),
        _mean(replies) if replies else None,
        _mean(_failed(rows)),
        is_new,
    )


def _scores(rows: Sequence[Row]) -> list[float]:
    return [row.p for row in rows if row.p is not None]


def _tenths(scores: Sequence[float]) -> list[int]:
    counts = Counter(min(hundredths(score) // 10, 9) for score in scores)
    return [counts[tenth] for tenth in range(10)]


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
