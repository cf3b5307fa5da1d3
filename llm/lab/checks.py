"""Do scores mean what they say, and are they still those of before?"""

import math
from bisect import bisect_right
from collections.abc import Sequence
from statistics import NormalDist
from typing import NamedTuple


class Check(NamedTuple):
    """A statistic, and how probable one as extreme is if nothing is wrong."""

    statistic: float
    p_value: float


class ObservedExpected(NamedTuple):
    """Wanted as labelled, and as the probabilities have it; `statistic` is normal."""

    observed: float
    expected: float
    statistic: float
    p_value: float


def observed_expected(
    probabilities: Sequence[float],
    labels: Sequence[bool],
    weights: Sequence[float] | None = None,
) -> ObservedExpected | None:
    """Is a reply wanted as often as the calibrated probabilities say?

    Z = sum w (y - p) / sqrt(sum w^2 p (1 - p)). `weights`: 1 / the probability with which each
    label was drawn. None without labels, or if all probabilities are 0 or 1.
    """
    rows = _rows(probabilities, labels, weights)
    variance = sum(w * w * p * (1 - p) for p, _, w in rows)
    if not variance:
        return None
    observed = sum(w * y for _, y, w in rows)
    expected = sum(w * p for p, _, w in rows)
    z = (observed - expected) / math.sqrt(variance)
    return ObservedExpected(observed, expected, z, two_sided(z))


def spiegelhalter(
    probabilities: Sequence[float],
    labels: Sequence[bool],
    weights: Sequence[float] | None = None,
) -> Check | None:
    """Spiegelhalter's Z (1986): finds over-confidence and scores without a meaning, too.

    Z = sum w (y - p)(1 - 2p) / sqrt(sum w^2 (1 - 2p)^2 p (1 - p)). None without labels, or if
    all probabilities are 0, 1/2 or 1.
    """
    rows = _rows(probabilities, labels, weights)
    variance = sum((w * (1 - 2 * p)) ** 2 * p * (1 - p) for p, _, w in rows)
    if not variance:
        return None
    z = sum(w * (y - p) * (1 - 2 * p) for p, y, w in rows) / math.sqrt(variance)
    return Check(z, two_sided(z))


def kolmogorov_smirnov(
    reference: Sequence[float], recent: Sequence[float]
) -> Check | None:
    """The largest distance between two distributions of scores, in [0, 1].

    Its p-value is asymptotic, with Stephens' correction (1970); where scores clump, it is too
    large rather than too small. None if either is empty.
    """
    if not reference or not recent:
        return None
    first, second = sorted(reference), sorted(recent)
    distance = max(
        abs(bisect_right(first, x) / len(first) - bisect_right(second, x) / len(second))
        for x in {*first, *second}
    )
    return Check(distance, kolmogorov(distance, len(first), len(second)))


def kolmogorov(distance: float, first: int, second: int) -> float:
    """How probable is such a distance between samples of these sizes of one distribution?"""
    size = math.sqrt(first * second / (first + second))
    x = (size + 0.12 + 0.11 / size) * distance
    if x < 0.2:
        return 1.0
    terms = ((-1) ** (k - 1) * math.exp(-2 * k * k * x * x) for k in range(1, 101))
    return min(max(2 * sum(terms), 0.0), 1.0)


def psi(reference: Sequence[int], recent: Sequence[int]) -> float | None:
    """The population stability index of two histograms with the same bins.

    Without a change it is about (bins - 1)(1 / n1 + 1 / n2). Half a count is added everywhere:
    an empty bin is no infinite change. None if either is empty.
    """
    if len(reference) != len(recent):
        raise ValueError("Both histograms need the same bins.")
    if not sum(reference) or not sum(recent):
        return None
    first, second = _shares(reference), _shares(recent)
    return sum((b - a) * math.log(b / a) for a, b in zip(first, second, strict=True))


def fisher(k1: int, n1: int, k2: int, n2: int) -> float:
    """Fisher's exact two-sided p-value: are k1 of n1 and k2 of n2 of one rate?"""
    if not (0 <= k1 <= n1 and 0 <= k2 <= n2):
        raise ValueError(f"k of n needs 0 <= k <= n, not {k1}/{n1} and {k2}/{n2}.")
    k = k1 + k2
    found = _ways(n1, k1) + _ways(n2, k2)
    others = (
        _ways(n1, i) + _ways(n2, k - i) for i in range(max(0, k - n2), min(k, n1) + 1)
    )
    # Those as improbable as this one, whatever rounding says.
    tail = sum(math.exp(o - _ways(n1 + n2, k)) for o in others if o <= found + 1e-7)
    return min(tail, 1.0)


def two_sided(z: float) -> float:
    return 2 * NormalDist().cdf(-abs(z))


def _ways(n: int, k: int) -> float:
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)


def _shares(counts: Sequence[int]) -> list[float]:
    total = sum(counts) + len(counts) / 2
    return [(count + 0.5) / total for count in counts]


def _rows(
    probabilities: Sequence[float],
    labels: Sequence[bool],
    weights: Sequence[float] | None,
) -> list[tuple[float, bool, float]]:
    if not all(0 <= p <= 1 for p in probabilities):
        raise ValueError("Probabilities are in [0, 1].")
    weights = [1.0] * len(labels) if weights is None else weights
    return list(zip(probabilities, labels, weights, strict=True))
