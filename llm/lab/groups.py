"""All groups beside each other: cheaper for each of them than what its own page tells.

The posterior of llm.lab.posterior with the prior of the other groups as it is, worth
four labels: for a table of dozens of groups the grid of llm.lab.shrinkage takes too long.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate

from llm.lab.bands import Band
from llm.lab.findings import LEAST_LABELS, POOLED
from llm.lab.intervals import Interval
from llm.lab.posterior import summary
from llm.lab.prices import NEVER, Prices

DRAWS = 40
MOST = 25  # groups: those where most is judged


@dataclass(frozen=True)
class GroupFinding:
    conversation: int
    decisions: int
    labelled: int
    wanted_rate: float | None
    threshold: float
    recommended: float | None = None
    interval: Interval | None = None
    saving: float = 0.0  # a day, in unwanted replies


def compare(
    groups: Mapping[int, Sequence[Band]],
    thresholds: Mapping[int, float],
    common: float,
    prices: Prices,
    days: float,
) -> list[GroupFinding]:
    """Sorted by what the recommendation is expected to save."""
    known = sum(band.labelled for bands in groups.values() for band in bands)
    found = []
    for group in sorted(groups, key=lambda group: -_logged(groups[group]))[:MOST]:
        bands, in_force = groups[group], thresholds.get(group, common)
        found.append(
            _estimated(group, bands, in_force, prices, days)
            if known >= LEAST_LABELS
            else _counted(group, bands, in_force)
        )
    return sorted(found, key=lambda one: (-round(one.saving, 2), -one.decisions))


def _logged(bands: Sequence[Band]) -> int:
    return sum(band.logged for band in bands)


def _counted(group: int, bands: Sequence[Band], in_force: float) -> GroupFinding:
    labelled = sum(band.labelled for band in bands)
    return GroupFinding(group, _logged(bands), labelled, None, in_force)


def _estimated(
    group: int, bands: Sequence[Band], in_force: float, prices: Prices, days: float
) -> GroupFinding:
    logged = [band.logged for band in bands]
    total = sum(logged)
    thresholds = [*(band.low for band in bands), NEVER]
    shapes = [
        (
            max(POOLED * band.prior + band.wanted, 0.05),
            max(POOLED * (1 - band.prior) + band.labelled - band.wanted, 0.05),
        )
        for band in bands
    ]
    shares = [a / (a + b) for a, b in shapes]
    costs = _costs(shares, logged, prices)
    best = _cheapest(costs)
    rng = random.Random(group)
    drawn = (
        _cheapest(_costs([rng.betavariate(*one) for one in shapes], logged, prices))
        for _ in range(DRAWS)
    )
    _, low, high = summary([thresholds[number] for number in drawn])
    now = _cost_at(costs, thresholds, in_force)
    return GroupFinding(
        group,
        total,
        sum(band.labelled for band in bands),
        sum(n * share for n, share in zip(logged, shares, strict=True)) / total,
        in_force,
        thresholds[best],
        Interval(low, high),
        max(now - costs[best], 0.0) / days,
    )


def _costs(
    shares: Sequence[float], logged: Sequence[int], prices: Prices
) -> list[float]:
    """Of each threshold: unwanted replies from it on, missed ones below."""
    wanted = [n * share for n, share in zip(logged, shares, strict=True)]
    missed = [0.0, *accumulate(wanted)]
    unwanted = [n - k for n, k in zip(logged, wanted, strict=True)]
    sent = [0.0, *accumulate(reversed(unwanted))][::-1]
    return [
        prices.unwanted * u + prices.missed * m
        for u, m in zip(sent, missed, strict=True)
    ]


def _cheapest(costs: Sequence[float]) -> int:
    least = min(costs)
    return max(n for n, cost in enumerate(costs) if cost <= least + 1e-9)


def _cost_at(costs: Sequence[float], thresholds: Sequence[float], at: float) -> float:
    above = next(
        (n for n, one in enumerate(thresholds) if one >= at - 1e-9), len(costs) - 1
    )
    if above == 0:
        return costs[0]
    low, high = thresholds[above - 1], min(thresholds[above], 1.0)
    part = min((at - low) / (high - low), 1.0)
    return costs[above - 1] + part * (costs[above] - costs[above - 1])
