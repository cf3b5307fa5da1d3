"""Intervals for a plain proportion: k of n."""

import math
from statistics import NormalDist
from typing import NamedTuple

from llm.lab import beta


class Interval(NamedTuple):
    low: float
    high: float


def wilson(k: int, n: int, level: float = 0.9) -> Interval:
    """Wilson's score interval (1927): for display. [0, 1] where n is 0."""
    _check(k, n)
    z = NormalDist().inv_cdf(1 - (1 - _share("level", level)) / 2)
    if n == 0:
        return Interval(0.0, 1.0)
    p = k / n
    centre = p + z * z / (2 * n)
    half = z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    scale = 1 + z * z / n
    # The ends are exact there; rounding is not.
    low = 0.0 if k == 0 else (centre - half) / scale
    high = 1.0 if k == n else (centre + half) / scale
    return Interval(low, high)


def clopper_pearson(k: int, n: int, level: float = 0.9) -> Interval:
    """The exact interval of Clopper and Pearson (1934): for promises. [0, 1] where n is 0."""
    _check(k, n)
    outside = (1 - _share("level", level)) / 2
    return Interval(lower(k, n, outside), upper(k, n, outside))


def upper(k: int, n: int, delta: float) -> float:
    """The exact one-sided bound: the rate is above it with a chance of at most `delta`.

    Of 0 in n it is 1 - delta ** (1 / n); of n in n, and of nothing, 1.
    """
    _check(k, n)
    _share("delta", delta)
    return 1.0 if k == n else beta.inverse(k + 1, n - k, 1 - delta)


def lower(k: int, n: int, delta: float) -> float:
    """As `upper`, from below. 0 where k is 0."""
    return 1 - upper(n - k, n, delta)


def _check(k: int, n: int) -> None:
    if not 0 <= k <= n:
        raise ValueError(f"k of n needs 0 <= k <= n, not {k} of {n}.")


def _share(name: str, value: float) -> float:
    if not 0 < value < 1:
        raise ValueError(f"{name} must be above 0 and below 1, not {value}.")
    return value
