"""What a replay found: the flips, what staff said about them, and whether it is better."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from django.db.models import Exists, OuterRef, QuerySet

from llm.lab.comparison import Comparison, Flips, forecast
from llm.lab.models import Replay, ReplayResult
from llm.lab.prices import Prices
from llm.models import Label

Flip = ReplayResult.Flip
Verdict = Label.Verdict
# How many unwanted replies one missed question is worth.
WORTHS = {"0.33": 1 / 3, "1": 1.0, "3": 3.0}
PER = 1000


@dataclass(frozen=True)
class Part:
    """Some of the decisions: how many turned, and what that is worth."""

    decisions: int
    to_reply: Flips
    to_silence: Flips
    comparison: Comparison | None

    @property
    def flips(self) -> int:
        return self.to_reply.total + self.to_silence.total

    @property
    def labelled(self) -> int:
        return self.to_reply.labelled + self.to_silence.labelled

    @property
    def per_thousand(self) -> tuple[float, float, float] | None:
        if self.comparison is None:
            return None
        return tuple(PER * value for value in self.comparison.cost)


@dataclass(frozen=True)
class Report:
    replay: Replay
    prices: Prices

    @cached_property
    def results(self) -> list[ReplayResult]:
        rows = self.replay.results.select_related("decision")
        return list(
            rows.only(
                "p", "flip", "error", "is_noise", "judged_at", "decision__created_at"
            )
        )

    @cached_property
    def done(self) -> int:
        return sum(result.judged_at is not None for result in self.results)

    @property
    def total(self) -> int:
        return len(self.results)

    @property
    def failures(self) -> int:
        return sum(bool(result.error) for result in self.results)

    @property
    def all(self) -> Part:
        return self._part(self._judged(is_noise=False))

    @property
    def held_out(self) -> Part | None:
        """What is newer than all that the candidate may have been written after."""
        start = self.replay.held_out_from
        judged = self._judged(is_noise=False)
        newer = [r for r in judged if start and r.decision.created_at >= start]
        return self._part(newer) if newer else None

    @property
    def noise(self) -> Part | None:
        judged = self._judged(is_noise=True)
        return self._part(judged, labelled=False) if judged else None

    def _judged(self, is_noise: bool) -> list[ReplayResult]:
        return [r for r in self.results if r.is_noise == is_noise and r.p is not None]

    def _part(self, results: list[ReplayResult], labelled: bool = True) -> Part:
        flips = [self._flips(results, flip) for flip in (Flip.REPLY, Flip.SILENCE)]
        is_told = labelled and any(one.labelled for one in flips)
        comparison = forecast(len(results), *flips, self.prices) if is_told else None
        return Part(len(results), *flips, comparison)

    def _flips(self, results: list[ReplayResult], flip: str) -> Flips:
        turned = [result for result in results if result.flip == flip]
        told = [
            self._wanted[result.decision_id]
            for result in turned
            if result.decision_id in self._wanted
        ]
        return Flips(len(turned), len(told), sum(told))

    @cached_property
    def _wanted(self) -> dict[int, bool]:
        """What most raters said; where as many said the opposite, nothing."""
        labels = Label.objects.filter(
            origin=Label.Origin.FLIP,
            decision__in=flipped(self.replay).values("decision"),
        )
        return majority(labels.values_list("decision", "verdict"))


def majority(labels: Iterable[tuple[int, str]]) -> dict[int, bool]:
    votes: dict[int, Counter] = defaultdict(Counter)
    for decision, verdict in labels:
        if verdict != Verdict.UNSURE:
            votes[decision][verdict == Verdict.WANTED] += 1
    return {
        decision: cast[True] > cast[False]
        for decision, cast in votes.items()
        if cast[True] != cast[False]
    }


def flipped(replay: Replay) -> QuerySet[ReplayResult]:
    return replay.results.filter(is_noise=False).exclude(flip=Flip.NONE)


def to_label(replay: Replay, rater: object) -> QuerySet[ReplayResult]:
    """The flips that this person has not judged, by lot."""
    mine = Label.objects.filter(
        decision=OuterRef("decision"), rater=rater, origin=Label.Origin.FLIP
    )
    return flipped(replay).filter(~Exists(mine)).order_by("place")
