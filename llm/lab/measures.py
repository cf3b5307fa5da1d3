"""How well judgements meet what was wanted. No number where there is nothing to divide by."""

import random
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass

DRAWS = 1000
GRID = [n / 100 for n in range(1, 101)]

Scored = list[tuple[float, bool]]  # p, and whether a reply was wanted


@dataclass(frozen=True)
class Counts:
    right: int = 0  # wanted, and spoken
    unwanted: int = 0
    missed: int = 0
    silent: int = 0

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(
            self.right + other.right,
            self.unwanted + other.unwanted,
            self.missed + other.missed,
            self.silent + other.silent,
        )

    @property
    def total(self) -> int:
        return self.right + self.unwanted + self.missed + self.silent

    @property
    def response_rate(self) -> float | None:
        return _ratio(self.right + self.unwanted, self.total)

    @property
    def precision(self) -> float | None:
        return _ratio(self.right, self.right + self.unwanted)

    @property
    def recall(self) -> float | None:
        return _ratio(self.right, self.right + self.missed)

    @property
    def f1(self) -> float | None:
        return _ratio(2 * self.right, 2 * self.right + self.unwanted + self.missed)

    @property
    def balanced_accuracy(self) -> float | None:
        silence = _ratio(self.silent, self.silent + self.unwanted)
        if self.recall is None or silence is None:
            return None
        return (self.recall + silence) / 2


def count(scored: Scored, threshold: float) -> Counts:
    return tally((p >= threshold, wanted) for p, wanted in scored)


def tally(decided: Iterable[tuple[bool, bool]]) -> Counts:
    """Of pairs: whether it spoke, and whether that was wanted."""
    cells = {(True, True): 0, (True, False): 0, (False, True): 0, (False, False): 0}
    for pair in decided:
        cells[pair] += 1
    return Counts(*cells.values())


def best_threshold(scored: Scored) -> float:
    """Where F1 is highest; the highest such threshold."""
    return max(GRID, key=lambda t: (count(scored, t).f1 or 0.0, t))


def auc(scored: Scored) -> float | None:
    """The chance that a message with a wanted reply has the higher p; ties count half."""
    unwanted = sorted(p for p, wanted in scored if not wanted)
    wanted = [p for p, is_wanted in scored if is_wanted]
    if not (unwanted and wanted):
        return None
    above = sum(
        (bisect_left(unwanted, p) + bisect_left(unwanted, p + 1e-9)) / 2 for p in wanted
    )
    return above / (len(wanted) * len(unwanted))


def interval(
    groups: Iterable[tuple[Hashable, Counts]],
    measure: Callable[[Counts], float | None],
    *,
    level: float = 0.9,
    seed: int = 0,
) -> tuple[float, float] | None:
    """By bootstrap over groups: messages of one chat and member resemble each other."""
    found = defaultdict(Counts)
    for group, counts in groups:
        found[group] += counts
    tallies, rng = list(found.values()), random.Random(seed)
    drawn = (
        measure(sum(rng.choices(tallies, k=len(tallies)), Counts()))
        for _ in range(DRAWS if tallies else 0)
    )
    values = sorted(value for value in drawn if value is not None)
    if not values:
        return None
    outside = round(len(values) * (1 - level) / 2)
    return values[outside], values[-outside - 1]


def _ratio(part: int, whole: int) -> float | None:
    return part / whole if whole else None
