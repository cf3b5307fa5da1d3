"""Isotonic regression: the best fit among those that never fall."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass


def pool_adjacent_violators(
    values: Sequence[float], weights: Sequence[float]
) -> list[float]:
    """The nearest values, by weighted squares, that never fall. One for each of `values`."""
    blocks: list[list[float]] = []  # mean, weight, length
    for value, weight in zip(values, weights, strict=True):
        blocks.append([value, weight, 1])
        while len(blocks) > 1 and blocks[-2][0] >= blocks[-1][0]:
            mean, heavy, length = blocks.pop()
            last = blocks[-1]
            total = last[1] + heavy
            last[0] = (last[0] * last[1] + mean * heavy) / total
            last[1:] = total, last[2] + length
    return [mean for mean, _, length in blocks for _ in range(int(length))]


@dataclass(frozen=True)
class Steps:
    """A curve through (score, share) points, straight between them and level beyond."""

    scores: tuple[float, ...]
    shares: tuple[float, ...]

    def __call__(self, score: float) -> float:
        right = bisect_right(self.scores, score)
        if right == 0:
            return self.shares[0]
        if right == len(self.scores):
            return self.shares[-1]
        low, high = self.scores[right - 1 : right + 1]
        start, end = self.shares[right - 1 : right + 1]
        return start + (end - start) * (score - low) / (high - low)


def isotonic(
    scores: Sequence[float], labels: Sequence[bool], weights: Sequence[float]
) -> Steps:
    """The share wanted by score, as the reliability curve of CORP (Dimitriadis et al., 2021)."""
    totals: dict[float, list[float]] = {}
    for score, label, weight in zip(scores, labels, weights, strict=True):
        total = totals.setdefault(score, [0.0, 0.0])
        total[0] += weight
        total[1] += weight * label
    ordered = sorted(totals)
    weights = [totals[score][0] for score in ordered]
    means = [totals[score][1] / totals[score][0] for score in ordered]
    return Steps(tuple(ordered), tuple(pool_adjacent_violators(means, weights)))
