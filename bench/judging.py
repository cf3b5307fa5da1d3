"""`python -m bench.judging`: the weights of the scripted judgement, fitted anew.

A logistic regression on the development part of the group chats, by Newton's method;
what is set by hand stays as it is. Prints the weights, and how well chats are judged
that the weights were not fitted on (each chat left out once).
"""

import math

from llm.lab import group_chats, measures
from llm.providers.scripted.judging import features
from llm.providers.scripted.moment import Moment
from llm.providers.scripted.signs import REASONS
from llm.providers.scripted.weights import BY_HAND

RIDGE = 5.0
ROUNDS = 12
FREE = [sign for sign in REASONS if sign not in BY_HAND]


class Row:
    """One message: its signs to fit, the score of those set by hand, what was wanted."""

    def __init__(self, example: group_chats.Example) -> None:
        lines = example.lines
        found = features(Moment(lines, lines[-1:], [example.member]), "")
        self.chat = example.chat.name
        self.signs = [FREE.index(sign) for sign in found if sign in FREE]
        self.by_hand = BY_HAND["base"] + sum(BY_HAND.get(sign, 0) for sign in found)
        self.wanted = example.wanted

    def p(self, weights: list[float]) -> float:
        score = self.by_hand + sum(weights[sign] for sign in self.signs)
        return 1 / (1 + math.exp(-score))


def fit(rows: list[Row]) -> list[float]:
    weights = [0.0] * len(FREE)
    for _ in range(ROUNDS):
        slope = [-RIDGE * weight for weight in weights]
        curve = [[RIDGE * (i == j) for j in range(len(FREE))] for i in range(len(FREE))]
        for row in rows:
            p = row.p(weights)
            for i in row.signs:
                slope[i] += row.wanted - p
                for j in row.signs:
                    curve[i][j] += p * (1 - p)
        steps = solve(curve, slope)
        weights = [w + step for w, step in zip(weights, steps, strict=True)]
    return weights


def solve(matrix: list[list[float]], right: list[float]) -> list[float]:
    """Gauss and Jordan; the ridge keeps every pivot above zero."""
    rows = [[*row, value] for row, value in zip(matrix, right, strict=True)]
    for i, row in enumerate(rows):
        pivot = row[i]
        row[:] = [value / pivot for value in row]
        for other in rows:
            if other is not row and other[i]:
                factor = other[i]
                other[:] = [a - factor * b for a, b in zip(other, row, strict=True)]
    return [row[-1] for row in rows]


def main() -> None:
    examples = group_chats.examples(
        group_chats.FOLDER, group_chats.PARTS["dev"], most=None
    )
    rows = [Row(example) for example in examples]
    weights = fit(rows)
    for sign, weight in zip(FREE, weights, strict=True):
        if abs(weight) >= 0.05:
            print(f'    "{sign}": {weight:.1f},')
    scored = []
    for chat in group_chats.PARTS["dev"]:
        others = fit([row for row in rows if row.chat != chat])
        scored += [
            (round(row.p(others), 2), row.wanted) for row in rows if row.chat == chat
        ]
    threshold = measures.best_threshold(scored)
    counts = measures.count(scored, threshold)
    print(f"F1 {counts.f1:.3f} at {threshold:.2f}, AUC {measures.auc(scored):.3f}")


if __name__ == "__main__":
    main()
