"""From a model's score to a probability, by as much as the labels can carry.

| labels | curve |
|---|---|
| under 5 of a class | none of its own: the pooled one, or else the score itself |
| under 50 | shift: one number added to the logit (of the pooled curve) |
| to 1,000 | beta (Kull et al. 2017); Platt (1999) where beta would fall |
| more | isotonic |
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from llm.lab.isotonic import isotonic
from llm.lab.regression import Problem, sigmoid, solve

LEAST_OF_A_CLASS = 5
LEAST_FOR_SLOPES = 50
LEAST_FOR_ISOTONIC = 1000
EDGE = 0.001  # scores of 0 and 1 have no logit

Mapping = Callable[[float], float]


class Form(StrEnum):
    RAW = "raw"
    POOLED = "pooled"
    SHIFT = "shift"
    PLATT = "platt"
    BETA = "beta"
    ISOTONIC = "isotonic"


@dataclass(frozen=True)
class Curve:
    """Call it with a score in [0, 1] for the probability that a reply is wanted. Never falls."""

    form: Form
    labels: int
    mapping: Mapping

    def __call__(self, score: float) -> float:
        return self.mapping(score)


def fit(
    scores: Sequence[float],
    labels: Sequence[bool],
    weights: Sequence[float] | None = None,
    pooled: Mapping | None = None,
) -> Curve:
    """The curve that so many labels allow.

    `weights`: 1 / the probability with which each was drawn; all alike without. `pooled`: the
    curve of all groups, for a group of few labels.
    """
    scores, labels, weights = _checked(scores, labels, weights)
    wanted = sum(labels)
    if min(wanted, len(labels) - wanted) < LEAST_OF_A_CLASS:
        form, mapping = (Form.POOLED, pooled) if pooled else (Form.RAW, float)
    elif len(labels) < LEAST_FOR_SLOPES:
        form, mapping = Form.SHIFT, _shift(scores, labels, weights, pooled or float)
    elif len(labels) <= LEAST_FOR_ISOTONIC:
        form, mapping = _sloped(scores, labels, weights)
    else:
        form, mapping = Form.ISOTONIC, isotonic(scores, labels, weights)
    return Curve(form, len(labels), mapping)


def brier(
    probabilities: Sequence[float],
    labels: Sequence[bool],
    weights: Sequence[float] | None = None,
) -> float | None:
    """The mean squared error (Brier 1950), 0 at best. None without labels."""
    probabilities, labels, weights = _checked(probabilities, labels, weights)
    if not labels:
        return None
    errors = zip(probabilities, labels, weights, strict=True)
    return sum(w * (p - y) ** 2 for p, y, w in errors) / sum(weights)


def logit(score: float) -> float:
    inside = min(max(score, EDGE), 1 - EDGE)
    return math.log(inside / (1 - inside))


def _shift(
    scores: Sequence[float],
    labels: Sequence[int],
    weights: Sequence[float],
    base: Mapping,
) -> Mapping:
    offsets = [logit(base(score)) for score in scores]
    targets = _targets(labels)
    problem = Problem([[1.0]] * len(scores), offsets, targets, weights, [0.0], [0.01])
    (shift,) = solve(problem)
    return lambda score: sigmoid(logit(base(score)) + shift)


def _sloped(
    scores: Sequence[float], labels: Sequence[int], weights: Sequence[float]
) -> tuple[Form, Mapping]:
    rises, falls, start = _solve(
        _beta_features, [1.0, 1.0, 0.0], scores, labels, weights
    )
    if rises >= 0 and falls >= 0:
        return Form.BETA, _curve(_beta_features, (rises, falls, start))
    slope, start = _solve(_platt_features, [1.0, 0.0], scores, labels, weights)
    if slope >= 0:
        return Form.PLATT, _curve(_platt_features, (slope, start))
    # The score misleads: level, at the share wanted.
    share = sum(w * y for w, y in zip(weights, labels, strict=True)) / sum(weights)
    return Form.PLATT, lambda score: share


def _solve(
    features: Callable[[float], list[float]],
    centre: Sequence[float],
    scores: Sequence[float],
    labels: Sequence[int],
    weights: Sequence[float],
) -> list[float]:
    """Slopes are held towards 1, the score as it is; the last coefficient is nearly free."""
    ridge = [*([1.0] * (len(centre) - 1)), 0.01]
    # Models round their scores: what is alike is weighed once.
    alike: dict[tuple[float, float], float] = {}
    for score, target, weight in zip(scores, _targets(labels), weights, strict=True):
        alike[score, target] = alike.get((score, target), 0.0) + weight
    rows = [features(score) for score, _ in alike]
    targets = [target for _, target in alike]
    nothing = [0.0] * len(alike)
    return solve(Problem(rows, nothing, targets, [*alike.values()], centre, ridge))


def _curve(
    features: Callable[[float], list[float]], coefficients: Sequence[float]
) -> Mapping:
    def curve(score: float) -> float:
        row = features(score)
        return sigmoid(sum(c * x for c, x in zip(coefficients, row, strict=True)))

    return curve


def _beta_features(score: float) -> list[float]:
    inside = min(max(score, EDGE), 1 - EDGE)
    return [math.log(inside), -math.log(1 - inside), 1.0]


def _platt_features(score: float) -> list[float]:
    return [logit(score), 1.0]


def _targets(labels: Sequence[int]) -> list[float]:
    """Platt's: not quite 0 and 1, so that few labels are not believed too much."""
    wanted = sum(labels)
    high, low = (wanted + 1) / (wanted + 2), 1 / (len(labels) - wanted + 2)
    return [high if label else low for label in labels]


def _checked(
    scores: Sequence[float],
    labels: Sequence[bool],
    weights: Sequence[float] | None,
) -> tuple[list[float], list[int], list[float]]:
    """Weights come out with a mean of 1, so that the ridge weighs the same."""
    weights = [1.0] * len(labels) if weights is None else list(weights)
    if not len(scores) == len(labels) == len(weights):
        raise ValueError(
            "As many scores, labels and weights are needed, not "
            f"{len(scores)}, {len(labels)} and {len(weights)}."
        )
    if not all(0 <= score <= 1 for score in scores):
        raise ValueError("Scores are in [0, 1].")
    if not all(0 < weight < math.inf for weight in weights):
        raise ValueError("Weights are numbers above 0.")
    mean = sum(weights) / len(weights) if weights else 1.0
    return list(scores), [int(bool(y)) for y in labels], [w / mean for w in weights]
