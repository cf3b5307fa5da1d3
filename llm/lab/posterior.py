"""What is known of each threshold: the banded Beta posterior.

Scores fall into bands. What is known of the share wanted in a band is a beta distribution; of
the decisions there that nobody labelled, binomially many were wanted. That the score means
anything is expected beforehand, but not assumed: see llm.lab.shrinkage.
"""

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import NamedTuple

from llm.lab.bands import Band
from llm.lab.intervals import Interval
from llm.lab.prices import NEVER, Prices
from llm.lab.shrinkage import Shape, shrink

# Printed as "90 %": in simulations it then held everywhere, and not only on average.
COMPUTED_LEVEL = 0.95


class Estimate(NamedTuple):
    mean: float
    low: float
    high: float


@dataclass(frozen=True)
class Row:
    """What it does to reply at `threshold` and above, in this log.

    Response rate, precision and recall are shares; unwanted, missed and cost are per decision.
    None where there is nothing to tell: precision without a reply, recall with nothing wanted.
    """

    threshold: float
    response_rate: float
    precision: Estimate | None
    recall: Estimate | None
    unwanted: Estimate
    missed: Estimate
    cost: Estimate


@dataclass(frozen=True)
class Recommendation:
    """The threshold of the least expected cost; `probability`: that it is the best one."""

    threshold: float
    interval: Interval
    probability: float


@dataclass(frozen=True)
class Posterior:
    """A row for each band's `low` and one for NEVER, ascending; none without decisions."""

    rows: tuple[Row, ...]
    recommended: Recommendation | None
    wanted_rate: Estimate | None
    informative: bool  # the scores fall into two bands or more


@dataclass(frozen=True)
class _Column:
    """One threshold: replies, the wanted among them as expected and as drawn, and its cost."""

    replies: int
    expected: float
    drawn: tuple[int, ...]


def estimate(
    bands: Sequence[Band],
    prices: Prices,
    *,
    kappa: float = 1,
    draws: int = 600,
    seed: int = 0,
) -> Posterior:
    """Precision, recall and cost at each band's threshold, with intervals to print as "90 %".

    `bands` ascend. `kappa`: the least number of labels that the bands' priors are worth; 1 where
    a prior is the score itself, 4 where it comes from other groups. It must not come from the
    same labels: they would be believed twice. The same input gives the same answer. Without any
    label it is the prior alone that speaks.
    """
    _check(bands, kappa, draws)
    if not any(band.logged for band in bands):
        return Posterior((), None, None, informative=False)
    rng = random.Random(seed)
    known = shrink(bands, kappa)
    drawn = [_draw(rng, bands, shapes) for shapes in known.draw(rng, draws)]
    columns = [
        _Column(*column)
        for column in zip(
            _from_above([band.logged for band in bands]),
            _from_above(list(map(_expected, bands, known.shares()))),
            zip(*drawn, strict=True),
            strict=True,
        )
    ]
    thresholds = [*(band.low for band in bands), NEVER]
    rows = tuple(
        _row(threshold, column, columns[0], prices)
        for threshold, column in zip(thresholds, columns, strict=True)
    )
    return Posterior(
        rows,
        _recommend(rows, columns, prices),
        _rate(columns[0], columns[0].replies),
        informative=sum(band.logged > 0 for band in bands) > 1,
    )


def binomial(rng: random.Random, n: int, p: float) -> int:
    """A draw. Beyond a variance of 5 from the normal distribution: nobody can tell."""
    if p > 0.5:
        return n - binomial(rng, n, 1 - p)
    if n * p >= 10:
        drawn = round(rng.gauss(n * p, math.sqrt(n * p * (1 - p))))
        return min(max(drawn, 0), n)
    scale = math.log1p(-p)
    if not scale:
        return 0
    # Devroye's: skip from one success to the next.
    at = successes = 0
    while True:
        at += int(math.log(1 - rng.random()) / scale) + 1
        if at > n:
            return successes
        successes += 1


def summary(values: Sequence[float], mean: float | None = None) -> Estimate:
    """The mean and the interval of draws."""
    ordered = sorted(values)
    tail = (1 - COMPUTED_LEVEL) / 2
    last = len(ordered) - 1
    # Outwards to the next draw: the interval is rather too wide than too narrow.
    low, high = ordered[math.floor(tail * last)], ordered[math.ceil((1 - tail) * last)]
    return Estimate(sum(ordered) / len(ordered) if mean is None else mean, low, high)


def _check(bands: Sequence[Band], kappa: float, draws: int) -> None:
    if any(lower.low >= higher.low for lower, higher in pairwise(bands)):
        raise ValueError("Bands must ascend.")
    if not 0 < kappa < math.inf:
        raise ValueError(f"kappa must be above 0, not {kappa}.")
    if draws < 1:
        raise ValueError(f"At least one draw is needed, not {draws}.")


def _expected(band: Band, share: float) -> float:
    return band.wanted + (band.logged - band.labelled) * share


def _draw(
    rng: random.Random, bands: Sequence[Band], shapes: Sequence[Shape]
) -> list[int]:
    return _from_above(
        [
            band.wanted
            + binomial(rng, band.logged - band.labelled, rng.betavariate(*shape))
            for band, shape in zip(bands, shapes, strict=True)
        ]
    )


def _from_above(values: Sequence[float]) -> list:
    """The sums of each value and those after it; 0 of what is after the last."""
    return [*accumulate(reversed(values), initial=0)][::-1]


def _row(threshold: float, column: _Column, all_: _Column, prices: Prices) -> Row:
    logged, replies = all_.replies, column.replies
    recalled = [
        wanted / total
        for wanted, total in zip(column.drawn, all_.drawn, strict=True)
        if total
    ]
    missing = [
        total - wanted for wanted, total in zip(column.drawn, all_.drawn, strict=True)
    ]
    missed = all_.expected - column.expected
    cost = _pricing(prices, replies, logged)
    return Row(
        threshold,
        replies / logged,
        _rate(column, replies) if replies else None,
        summary(recalled) if recalled else None,
        summary(
            [(replies - wanted) / logged for wanted in column.drawn],
            (replies - column.expected) / logged,
        ),
        summary([n / logged for n in missing], missed / logged),
        summary(
            list(map(cost, column.drawn, missing)),
            cost(column.expected, missed),
        ),
    )


def _rate(column: _Column, of: int) -> Estimate:
    return summary([wanted / of for wanted in column.drawn], column.expected / of)


def _pricing(
    prices: Prices, replies: int, logged: int
) -> Callable[[float, float], float]:
    calls = prices.call * replies

    def cost(wanted: float, missed: float) -> float:
        mistakes = prices.unwanted * (replies - wanted) + prices.missed * missed
        return (mistakes + calls) / logged

    return cost


def _recommend(
    rows: Sequence[Row], columns: Sequence[_Column], prices: Prices
) -> Recommendation:
    total = columns[0]
    costs = []
    for column in columns:
        cost = _pricing(prices, column.replies, total.replies)
        drawn = zip(column.drawn, total.drawn, strict=True)
        costs.append([cost(wanted, of - wanted) for wanted, of in drawn])
    best = _cheapest([row.cost.mean for row in rows])
    bests = [_cheapest(drawn) for drawn in zip(*costs, strict=True)]
    _, low, high = summary([rows[number].threshold for number in bests])
    return Recommendation(
        rows[best].threshold, Interval(low, high), bests.count(best) / len(bests)
    )


def _cheapest(costs: Sequence[float]) -> int:
    """The highest threshold among those that cost the least."""
    least = min(costs)
    return max(number for number, cost in enumerate(costs) if cost <= least + 1e-12)
