"""Which decision is offered next to be labelled.

Every tenth of the score gets as many labels as the others: the next decision comes from
the tenth with the fewest, and within it by chance, silences included. Chance is a hash
of the rater, the turn and the decision, so that the same page comes back until it is
answered: who could reload could choose.
"""

import heapq
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from hashlib import blake2b
from itertools import combinations, islice

from django.conf import settings
from django.db.models import F, QuerySet
from django.utils import timezone

from llm.lab.agreement import kappa
from llm.models import Decision, Label

BANDS = 10
DAYS = 30
MOST = 10_000  # decisions among which is drawn: the newest
ENOUGH = 50  # labels before a threshold is recommended
SECOND = 10  # of so many labelled, one is offered to another rater too
TRIED = 50  # offers, until one of them can still be read
# 0.3 * 10 is a little less than 3 for some of what was counted to 0.3.
EDGE = 1e-9
_ALL_BITS = 2**64 - 1

Verdict = Label.Verdict


@dataclass(frozen=True)
class Version:
    """What gave the scores: those of two versions cannot be compared."""

    prompt_version: str
    provider: str
    model: str

    @property
    def fields(self) -> dict[str, str]:
        return vars(self)


@dataclass(frozen=True)
class Given:
    """What the queue got to know of one decision from one person."""

    decision: int
    rater: int | None
    verdict: str
    inclusion: float | None


@dataclass(frozen=True)
class Band:
    low: float
    logged: int
    labelled: int

    @property
    def high(self) -> float:
        return self.low + 1 / BANDS


@dataclass(frozen=True)
class Offer:
    decision: int
    inclusion: float | None


@dataclass(frozen=True)
class Frame:
    """What is drawn from: decisions with their scores, and the labels given so far."""

    scores: dict[int, float]
    given: tuple[Given, ...] = ()

    def offers(self, rater: int, turn: int) -> Iterator[Offer]:
        """What to offer to a rater who has labelled `turn` times, best first."""
        seconds = self._seconds(rater, turn)
        if turn % 2:
            yield from seconds
        fewest = sorted(
            range(BANDS),
            key=lambda band: (self._labelled[band], _chance(rater, turn, "band", band)),
        )
        seed = _chance(rater, turn)
        for band in fewest:
            fresh = [pk for pk in self._by_band[band] if pk not in self._raters]
            drawn = heapq.nsmallest(TRIED, fresh, lambda pk: _mixed(seed ^ pk))
            yield from (Offer(decision, 1 / len(fresh)) for decision in drawn)
        if not turn % 2:
            yield from seconds

    @cached_property
    def bands(self) -> list[Band]:
        return [
            Band(n / BANDS, len(self._by_band[n]), self._labelled[n])
            for n in range(BANDS)
        ]

    @cached_property
    def labelled(self) -> int:
        """Decisions that an estimate can count."""
        sure = {g.decision for g in self._within if g.verdict != Verdict.UNSURE}
        return len(sure)

    @property
    def missing(self) -> int:
        return max(0, ENOUGH - self.labelled)

    @cached_property
    def pairs(self) -> list[tuple[bool, bool]]:
        """What two people said of the same decision: was a reply wanted?"""
        said: dict[int, list[bool]] = {}
        for one in self._within:
            if one.verdict != Verdict.UNSURE:
                said.setdefault(one.decision, []).append(one.verdict == Verdict.WANTED)
        return [pair for of in said.values() for pair in combinations(of, 2)]

    @property
    def agreement(self) -> float | None:
        return kappa(self.pairs)

    @cached_property
    def _within(self) -> list[Given]:
        return [one for one in self.given if one.decision in self.scores]

    @cached_property
    def _labelled(self) -> Counter[int]:
        return Counter(band_of(self.scores[pk]) for pk in self._raters)

    @cached_property
    def _raters(self) -> dict[int, set[int | None]]:
        raters: dict[int, set[int | None]] = {}
        for one in self._within:
            raters.setdefault(one.decision, set()).add(one.rater)
        return raters

    @cached_property
    def _by_band(self) -> list[list[int]]:
        found: list[list[int]] = [[] for _ in range(BANDS)]
        for decision, p in self.scores.items():
            found[band_of(p)].append(decision)
        return found

    def _seconds(self, rater: int, turn: int) -> list[Offer]:
        offers = [
            Offer(one.decision, one.inclusion)
            for one in self._within
            if self._raters[one.decision] not in ({rater}, {rater, None})
            and len(self._raters[one.decision]) == 1
            and _chance("again", one.decision) % SECOND == 0
        ]
        return sorted(offers, key=lambda offer: _chance(rater, turn, offer.decision))


def band_of(p: float) -> int:
    return min(max(int(p * BANDS + EDGE), 0), BANDS - 1)


def _chance(*parts: object) -> int:
    text = ":".join(map(str, parts)).encode()
    key = settings.SECRET_KEY.encode()[:64]
    return int.from_bytes(blake2b(text, digest_size=8, key=key).digest(), "big")


def _mixed(number: int) -> int:
    """The finalizer of SplitMix64: cheap enough for thousands, and nobody knows the seed."""
    number = (number ^ (number >> 30)) * 0xBF58476D1CE4E5B9 & _ALL_BITS
    number = (number ^ (number >> 27)) * 0x94D049BB133111EB & _ALL_BITS
    return number ^ (number >> 31)


def scored() -> QuerySet[Decision]:
    """Those of the models; what a rule settled has no probability."""
    return Decision.objects.filter(
        step=Decision.Step.RELEVANCE, source=Decision.Source.MODEL, p__isnull=False
    )


def version_in_use() -> Version | None:
    """That of the newest score."""
    newest = scored().order_by("-created_at").values_list(*Version.__annotations__)
    found = newest.first()
    return Version(*found) if found else None


def frame(
    version: Version, since: datetime | None = None, conversation: int | None = None
) -> Frame:
    since = since or timezone.now() - timedelta(days=DAYS)
    within = {"created_at__gte": since, **version.fields}
    rows = scored().filter(**within).order_by("-created_at")
    given = Label.objects.filter(
        origin=Label.Origin.QUEUE,
        **{f"decision__{name}": value for name, value in within.items()},
    ).order_by("pk")
    if conversation is not None:
        # The sum keeps SQLite from the index of conversations, which leads to all of
        # their rows; that of the scores has what is asked here, and is in order.
        group, group_of_label = (
            F("conversation_id") + 0,
            F("decision__conversation") + 0,
        )
        rows = rows.alias(group=group).filter(group=conversation)
        given = given.alias(group=group_of_label).filter(group=conversation)
    fields = ("decision", "rater", "verdict", "inclusion")
    return Frame(
        dict(rows.values_list("pk", "p")[:MOST]),
        tuple(Given(*row) for row in given.values_list(*fields)),
    )


def turn(rater: int) -> int:
    """How often this person has answered the queue."""
    return Label.objects.filter(rater=rater, origin=Label.Origin.QUEUE).count()


def draw(found: Frame, rater: int) -> Offer | None:
    """The first offer whose messages can still be read."""
    offers = list(islice(found.offers(rater, turn(rater)), TRIED))
    readable = _readable([offer.decision for offer in offers])
    return next((offer for offer in offers if offer.decision in readable), None)


def _readable(decisions: list[int]) -> set[int]:
    about = Decision.messages.through.objects.filter(decision__in=decisions)
    found, gone = set(), set()
    for decision, pruned_at in about.values_list("decision", "message__pruned_at"):
        (found if pruned_at is None else gone).add(decision)
    return found - gone
