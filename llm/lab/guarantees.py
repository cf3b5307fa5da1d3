"""Promises about unwanted replies: Learn-then-Test (Angelopoulos et al. 2021, arXiv 2110.01052).

They hold for messages like the labelled ones: a new prompt or model, or drift, voids them.
"""

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

from llm.lab.bands import Band
from llm.lab.intervals import upper

FIRST_LOOK = 50


@dataclass(frozen=True)
class Look:
    """Certifying happens at 50, 100, 200, 400, ... labels only: looking oftener breaks the promise."""

    number: int
    labels: int

    def delta(self, delta: float) -> float:
        """This look's part of the risk; over all looks they add up to no more than `delta`."""
        return delta / (self.number * (self.number + 1))

    @property
    def next(self) -> "Look":
        return Look(self.number + 1, 2 * self.labels)


def last_look(labelled: int) -> Look | None:
    """The look to certify with: on the first `labels` labels, in the order they were given."""
    look = Look(1, FIRST_LOOK)
    if labelled < look.labels:
        return None
    while look.next.labels <= labelled:
        look = look.next
    return look


@dataclass(frozen=True)
class Tested:
    """`unwanted` of `labelled` replies at or above `threshold`; at most `bound` of all are."""

    threshold: float
    labelled: int
    unwanted: int
    bound: float


@dataclass(frozen=True)
class Certificate:
    """`threshold` is None where none can be certified; `tested` ends with the first failure."""

    threshold: float | None
    tested: tuple[Tested, ...]


def certify(
    bands: Sequence[Band], *, alpha: float, delta: float = 0.1, seed: int = 0
) -> Certificate:
    """The lowest threshold of which at most `alpha` of all replies are unwanted.

    Wrong with a probability of at most `delta`, whatever the scores are worth, if the labels of
    each band were drawn at random. Thresholds are walked from high to low, until one fails; those
    at which even no unwanted reply among so few labels could prove it are passed over.
    """
    _check(alpha, delta)
    rng = random.Random(seed)
    tested: list[Tested] = []
    for start in reversed(range(len(bands))):
        above = [band for band in bands[start:] if band.logged]
        takes, rounding = _proportional(above, alpha, delta)
        labelled = sum(takes)
        if not tested and upper(0, labelled, delta) + rounding > alpha:
            continue
        unwanted = sum(
            _unwanted(rng, band, take) for band, take in zip(above, takes, strict=True)
        )
        bound = min(upper(unwanted, labelled, delta) + rounding, 1.0)
        tested.append(Tested(bands[start].low, labelled, unwanted, bound))
        if bound > alpha:
            break
    passed = [test.threshold for test in tested if test.bound <= alpha]
    return Certificate(passed[-1] if passed else None, tuple(tested))


def labels_needed(alpha: float, rate: float = 0.0, delta: float = 0.1) -> int | None:
    """Labels above a threshold that prove at most `alpha` unwanted, if `rate` of them are.

    ln(delta) / ln(1 - alpha) for a rate of 0, else by the normal approximation
    z^2 p (1 - p) / (alpha - p)^2. None where no number does: the rate is not below `alpha`.
    """
    _check(alpha, delta)
    if not 0 <= rate <= 1:
        raise ValueError(f"A rate is in [0, 1], not {rate}.")
    if rate >= alpha:
        return None
    z = NormalDist().inv_cdf(1 - delta)
    without_any = math.log(delta) / math.log1p(-alpha)
    return math.ceil(max(without_any, z * z * rate * (1 - rate) / (alpha - rate) ** 2))


def _check(alpha: float, delta: float) -> None:
    if not (0 < alpha < 1 and 0 < delta < 1):
        raise ValueError(
            f"alpha and delta are above 0 and below 1, not {alpha} and {delta}."
        )


def _proportional(
    bands: Sequence[Band], alpha: float, delta: float
) -> tuple[list[int], float]:
    """How many labels of each band make a sample like the log, and what it lacks to that.

    Labels come from all bands alike, replies do not, and the exact bound wants a sample of all
    replies (in fixed parts it holds all the more: Hoeffding 1956). Where parts do not come out
    even, what a band has too little of counts as unwanted. The size is chosen by counts alone,
    for the tightest bound at half of `alpha`.
    """
    logged = sum(band.logged for band in bands)
    z = NormalDist().inv_cdf(1 - delta)
    best: tuple[float, list[int], float] = (math.inf, [0] * len(bands), 1.0)
    for size in {math.ceil(band.labelled * logged / band.logged) for band in bands}:
        takes = [
            min(band.labelled, round(size * band.logged / logged)) for band in bands
        ]
        taken = sum(takes)
        if not taken:
            continue
        rounding = sum(
            max(band.logged / logged - take / taken, 0.0)
            for band, take in zip(bands, takes, strict=True)
        )
        width = z * math.sqrt(alpha / 2 * (1 - alpha / 2) / taken) + rounding
        best = min(best, (width, takes, rounding))
    return best[1], best[2]


def _unwanted(rng: random.Random, band: Band, take: int) -> int:
    """Among `take` of the band's labels, drawn at random."""
    labels = [True] * (band.labelled - band.wanted) + [False] * band.wanted
    return sum(rng.sample(labels, take))
