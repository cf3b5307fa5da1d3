"""Logistic regression with a ridge, for one to three coefficients."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

ROUNDS = 100
HALVINGS = 40


@dataclass(frozen=True)
class Problem:
    """Maximise the likelihood of `targets` in [0, 1], held towards `centre` by `ridge`.

    One row of `features` for each target; `offsets` are added to the linear predictor.
    """

    features: Sequence[Sequence[float]]
    offsets: Sequence[float]
    targets: Sequence[float]
    weights: Sequence[float]
    centre: Sequence[float]
    ridge: Sequence[float]

    def loss(self, beta: Sequence[float]) -> float:
        held = sum(
            r * (b - c) ** 2
            for r, b, c in zip(self.ridge, beta, self.centre, strict=True)
        )
        return held / 2 + sum(
            weight * (_softplus(z) - target * z)
            for z, target, weight in zip(
                self._predict(beta), self.targets, self.weights, strict=True
            )
        )

    def slope(self, beta: Sequence[float]) -> tuple[list[float], list[list[float]]]:
        """Gradient and Hessian of the loss."""
        size = range(len(beta))
        gradient = [self.ridge[i] * (beta[i] - self.centre[i]) for i in size]
        hessian = [[self.ridge[i] if i == j else 0.0 for j in size] for i in size]
        rows = zip(
            self.features, self._predict(beta), self.targets, self.weights, strict=True
        )
        for row, z, target, weight in rows:
            p = sigmoid(z)
            for i in size:
                gradient[i] += weight * (p - target) * row[i]
                for j in size:
                    hessian[i][j] += weight * p * (1 - p) * row[i] * row[j]
        return gradient, hessian

    def _predict(self, beta: Sequence[float]) -> list[float]:
        return [
            offset + sum(b * x for b, x in zip(beta, row, strict=True))
            for row, offset in zip(self.features, self.offsets, strict=True)
        ]


def solve(problem: Problem) -> list[float]:
    """Newton's method from the centre, each step halved until the loss falls.

    Undamped it diverges on few labels.
    """
    beta = list(problem.centre)
    loss = problem.loss(beta)
    for _ in range(ROUNDS):
        step = _eliminate(*problem.slope(beta))
        for halving in range(HALVINGS):
            new = [b - s / 2**halving for b, s in zip(beta, step, strict=True)]
            new_loss = problem.loss(new)
            if new_loss < loss:
                break
        else:
            return beta
        beta, loss = new, new_loss
        if max(map(abs, step)) < 1e-10:
            return beta
    return beta


def sigmoid(z: float) -> float:
    return 1 / (1 + math.exp(-z)) if z >= 0 else math.exp(z) / (1 + math.exp(z))


def _softplus(z: float) -> float:
    return max(z, 0.0) + math.log1p(math.exp(-abs(z)))


def _eliminate(
    right: Sequence[float], matrix: Sequence[Sequence[float]]
) -> list[float]:
    """Gauss, for a positive definite matrix: no pivots needed."""
    rows = [[*row, value] for row, value in zip(matrix, right, strict=True)]
    for at, pivot in enumerate(rows):
        for number, row in enumerate(rows):
            if number != at:
                factor = row[at] / pivot[at]
                rows[number] = [x - factor * y for x, y in zip(row, pivot, strict=True)]
    return [row[-1] / row[at] for at, row in enumerate(rows)]
