"""What the evidence says of each threshold, of one group or of all: no database here."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import NamedTuple

from llm.lab import calibration, checks, guarantees
from llm.lab.bands import STEPS, Band, banded, hundredths, pooled
from llm.lab.evidence import Labelled, Labels, Scored, counted
from llm.lab.intervals import Interval, upper, wilson
from llm.lab.posterior import Estimate, Posterior, Row, estimate
from llm.lab.prices import NEVER, Prices

# Fewer labels, of the group and the others together, recommend nothing.
LEAST_LABELS = guarantees.FIRST_LOOK
LEAST_DECISIONS = 30  # fewer make no curves
MOST_UNWANTED = 0.3  # of the replies: what Likely and Certified promise
RISK = 0.1
OWN, POOLED = 1, 4  # what a prior is worth, in labels


class Badge(StrEnum):
    CERTIFIED = "certified"
    LIKELY = "likely"
    FEW = "few"  # not enough labels
    UNLIKELY = "unlikely"  # enough labels, and they do not bear it out


class At(NamedTuple):
    """A threshold in numbers; per day, but for the shares."""

    threshold: float
    replies: float
    unwanted: Estimate
    missed: Estimate
    cost: Estimate
    precision: Estimate | None
    recall: Estimate | None


class Dot(NamedTuple):
    """The labels of one band beside its scores."""

    score: float
    share: float
    interval: Interval
    labelled: int


@dataclass(frozen=True)
class Finding:
    counts: tuple[int, ...]
    labels: tuple[Labelled, ...]
    bands: tuple[Band, ...]
    days: float
    prices: Prices
    threshold: float  # in force
    known: int  # labels, those of the other groups included
    posterior: Posterior

    @property
    def total(self) -> int:
        return sum(self.counts)

    @property
    def labelled(self) -> int:
        return len(self.labels)

    @property
    def wanted(self) -> int:
        return sum(one.wanted for one in self.labels)

    @property
    def rows(self) -> tuple[Row, ...]:
        return self.posterior.rows

    @property
    def has_curves(self) -> bool:
        return self.total >= LEAST_DECISIONS

    @property
    def is_one_class(self) -> bool:
        return bool(self.labels) and self.wanted in (0, self.labelled)

    @property
    def one_class_bound(self) -> float:
        """The most, with 90 % certainty, that is of the class that was never seen."""
        return upper(0, self.labelled, RISK)

    @property
    def is_prior_only(self) -> bool:
        return not self.labels

    @property
    def recommended(self) -> float | None:
        found = self.posterior.recommended
        return found.threshold if found and self.known >= LEAST_LABELS else None

    @property
    def interval(self) -> Interval:
        return self.posterior.recommended.interval

    @cached_property
    def now(self) -> At:
        return self.at(self.threshold)

    @cached_property
    def then(self) -> At | None:
        return None if self.recommended is None else self.at(self.recommended)

    @property
    def saving(self) -> float:
        """A day, in unwanted replies."""
        return self.now.cost.mean - self.then.cost.mean if self.then else 0.0

    def at(self, threshold: float) -> At:
        daily = self.total / self.days
        row = _between(self.rows, threshold)
        return At(
            threshold,
            counted(self.counts, threshold) / self.days,
            *(_times(one, daily) for one in (row.unwanted, row.missed, row.cost)),
            row.precision,
            row.recall,
        )

    def worked_out(self) -> "Finding":
        """With all that takes long, to be kept."""
        if self.total:
            _ = self.badge, self.brier, self.level, self.spread
        return self

    # What is promised of the recommended threshold

    @cached_property
    def badge(self) -> Badge | None:
        if self.recommended is None or self.recommended >= NEVER:
            return Badge.FEW if self.recommended is None else None
        if self.is_certified:
            return Badge.CERTIFIED
        precision = self.then.precision
        if self.labels and precision and 1 - precision.low <= MOST_UNWANTED:
            return Badge.LIKELY
        return Badge.FEW if self.missing_labels else Badge.UNLIKELY

    @cached_property
    def is_certified(self) -> bool:
        look = guarantees.last_look(self.labelled)
        if look is None or self.recommended is None:
            return False
        first = [(one.p, one.wanted) for one in self.labels[: look.labels]]
        certificate = guarantees.certify(
            banded(self.counts, first), alpha=MOST_UNWANTED, delta=look.delta(RISK)
        )
        certified = certificate.threshold
        return certified is not None and certified <= self.recommended + 1e-9

    @cached_property
    def missing_labels(self) -> int | None:
        """How many more would do, if things are as they seem. None: no number would."""
        if self.recommended is None:
            return LEAST_LABELS - self.known
        if self.recommended >= NEVER:
            return None
        precision = self.then.precision
        rate = 1 - precision.mean if precision else 0.0
        needed = guarantees.labels_needed(MOST_UNWANTED, rate, RISK / 2)
        if needed is None:
            return None
        above = sum(one.p >= self.recommended - 1e-9 for one in self.labels)
        bands = sum(band.low >= self.recommended - 1e-9 for band in self.bands)
        # The queue draws from all bands alike.
        more = max(needed - above, 0) * len(self.bands) / max(bands, 1)
        return max(round(more), LEAST_LABELS - self.labelled, 0)

    # What the scores are worth

    @cached_property
    def weights(self) -> list[float]:
        """Of how many decisions of its band each label speaks."""
        last = len(self.bands) - 1
        bands = (self.bands[min(int(one.p * 10 + 1e-9), last)] for one in self.labels)
        return [band.logged / band.labelled for band in bands]

    @cached_property
    def calibrated(self) -> tuple[float, ...]:
        """The probability that each hundredth of the score comes to."""
        curve = calibration.fit(self._scores, self._verdicts, self.weights)
        return tuple(curve(n / STEPS) for n in range(STEPS + 1))

    @cached_property
    def brier(self) -> tuple[float, float] | None:
        before = calibration.brier(self._scores, self._verdicts, self.weights)
        if before is None:
            return None
        after = [self.calibrated[hundredths(score)] for score in self._scores]
        return before, calibration.brier(after, self._verdicts, self.weights)

    @cached_property
    def level(self) -> checks.ObservedExpected | None:
        return checks.observed_expected(self._scores, self._verdicts, self.weights)

    @cached_property
    def spread(self) -> checks.Check | None:
        return checks.spiegelhalter(self._scores, self._verdicts, self.weights)

    @cached_property
    def dots(self) -> list[Dot]:
        found = []
        for band in self.bands:
            if band.labelled:
                inside = [
                    one.p
                    for one in self.labels
                    if int(one.p * 10 + 1e-9) == round(band.low * 10)
                    or (one.p >= 1 and band is self.bands[-1])
                ]
                score = sum(inside) / len(inside)
                share = band.wanted / band.labelled
                interval = wilson(band.wanted, band.labelled)
                found.append(Dot(score, share, interval, band.labelled))
        return found

    @property
    def _scores(self) -> list[float]:
        return [one.p for one in self.labels]

    @property
    def _verdicts(self) -> list[bool]:
        return [one.wanted for one in self.labels]


def bands_of(
    scored: Scored, labels: Labels, groups: Iterable[int]
) -> dict[int, tuple[Band, ...]]:
    """Of these and all labelled groups, with what the others' labels let expect of them."""
    own: dict[int, list[tuple[float, bool]]] = {}
    for one in labels.usable:
        own.setdefault(one.conversation, []).append((one.p, one.wanted))
    return pooled(
        {
            group: banded(scored.counts[group], own.get(group, ()))
            for group in {*groups, *own} & scored.counts.keys()
        }
    )


def find(
    scored: Scored,
    labels: Labels,
    conversation: int | None,
    *,
    days: float,
    prices: Prices,
    threshold: float,
    groups: Mapping[int, Sequence[Band]],
) -> Finding:
    of = labels.of(conversation)
    if conversation is None:
        counts = scored.all
        bands, kappa = banded(counts, ((one.p, one.wanted) for one in of)), OWN
    else:
        counts = scored.counts.get(conversation, (0,) * 101)
        bands, kappa = tuple(groups.get(conversation, banded(counts, ()))), POOLED
    return Finding(
        counts,
        of,
        bands,
        days,
        prices,
        threshold,
        len(labels.usable),
        estimate(bands, prices, kappa=kappa, draws=400),
    )


def _between(rows: Sequence[Row], threshold: float) -> Row:
    """A row for any threshold: what lies between two of them is taken to be even."""
    above = next(
        (n for n, row in enumerate(rows) if row.threshold >= threshold - 1e-9), -1
    )
    high = rows[above]
    if above <= 0 or high.threshold - threshold < 1e-9:
        return high
    low = rows[above - 1]
    part = (threshold - low.threshold) / (min(high.threshold, 1.0) - low.threshold)
    part = min(part, 1.0)
    return Row(
        threshold,
        low.response_rate + part * (high.response_rate - low.response_rate),
        *(
            _mix(getattr(low, name), getattr(high, name), part)
            for name in ("precision", "recall", "unwanted", "missed", "cost")
        ),
    )


def _mix(low: Estimate | None, high: Estimate | None, part: float) -> Estimate | None:
    if low is None or high is None:
        return low if high is None and part < 1 else high
    return Estimate(*(a + part * (b - a) for a, b in zip(low, high, strict=True)))


def _times(one: Estimate, factor: float) -> Estimate:
    return Estimate(*(value * factor for value in one))
