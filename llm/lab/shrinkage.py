"""How far the labels of all bands speak for each one of them.

A hierarchical model: the share wanted in a band is Beta(trust m, trust (1 - m)) with
logit m = shift + slope logit(prior). Shift, slope and trust are not known either; they are
weighed on a grid by the labels (the beta-binomial likelihood). A prior that the labels bear out
is trusted, one that they contradict is moved or given up.
"""

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

from llm.lab.bands import Band
from llm.lab.calibration import logit
from llm.lab.regression import sigmoid

# Each from a normal distribution: the mean is the prior as it is.
SHIFTS, SHIFT_DEVIATION = tuple(step / 2 for step in range(-6, 7)), 1.5
SLOPES, SLOPE_DEVIATION = (0.0, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 2.0), 1.0
TRUSTS = (1, 4, 16, 64)  # times kappa
# A beta distribution with a shape near 0 would know an unseen band for certain.
LEAST_SHAPE = 0.05
EDGE = 0.002

Shape = tuple[float, float]


@dataclass(frozen=True)
class Shrinkage:
    """Beta distributions of each band after its labels: one list for each point of the grid."""

    shapes: tuple[tuple[Shape, ...], ...]
    weights: tuple[float, ...]

    def shares(self) -> list[float]:
        """The expected share wanted in each band."""
        total = sum(self.weights)
        return [
            sum(w * a / (a + b) for w, (a, b) in zip(self.weights, shapes, strict=True))
            / total
            for shapes in zip(*self.shapes, strict=True)
        ]

    def draw(self, rng: random.Random, number: int) -> list[tuple[Shape, ...]]:
        return rng.choices(self.shapes, self.weights, k=number)


def shrink(bands: Sequence[Band], kappa: float) -> Shrinkage:
    """`kappa`: the least number of labels that the prior may be worth."""
    odds = [logit(band.prior) for band in bands]
    shapes, logs = [], []
    for (shift, slope), factor in product(product(SHIFTS, SLOPES), TRUSTS):
        trust = kappa * factor
        means = [_inside(sigmoid(shift + slope * x)) for x in odds]
        off = (shift / SHIFT_DEVIATION) ** 2 + ((slope - 1) / SLOPE_DEVIATION) ** 2
        likelihood = sum(
            _likelihood(trust * m, trust * (1 - m), band.wanted, band.labelled)
            for m, band in zip(means, bands, strict=True)
            if band.labelled
        )
        logs.append(likelihood - off / 2)
        shapes.append(
            tuple(
                _after(trust * m, trust * (1 - m), band)
                for m, band in zip(means, bands, strict=True)
            )
        )
    best = max(logs)
    return Shrinkage(tuple(shapes), tuple(math.exp(log - best) for log in logs))


def _after(a: float, b: float, band: Band) -> Shape:
    return (
        max(a, LEAST_SHAPE) + band.wanted,
        max(b, LEAST_SHAPE) + band.labelled - band.wanted,
    )


def _likelihood(a: float, b: float, wanted: int, labelled: int) -> float:
    """Beta-binomial, up to a constant; as a logarithm."""
    return _log_beta(a + wanted, b + labelled - wanted) - _log_beta(a, b)


def _log_beta(a: float, b: float) -> float:
    return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)


def _inside(share: float) -> float:
    return min(max(share, EDGE), 1 - EDGE)
