"""The threshold lab's promises, tried on simulated logs: `make bench-lab`.

How often do intervals printed as "90 %" hold the truth; how often is a certificate wrong; and
what does the recommended threshold cost more than the best one in hindsight?
"""

import argparse
import math
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from llm.lab.bands import STEPS, banded, hundredths
from llm.lab.guarantees import certify, last_look
from llm.lab.posterior import Posterior, estimate
from llm.lab.prices import NEVER, Prices
from llm.lab.regression import sigmoid

BANDS = 10
EVEN = Prices(unwanted=1, missed=1)
METRICS = ("precision", "recall", "cost")

Decision = tuple[float, bool]  # the score, and whether a reply was wanted


@dataclass(frozen=True)
class World:
    """How likely a reply is wanted, as log-odds, and what score the model gives it."""

    name: str
    odds: tuple[float, float]  # mean and deviation
    score: Callable[[random.Random, float], float]

    def log(self, rng: random.Random, size: int) -> list[Decision]:
        decisions = []
        for _ in range(size):
            z = rng.gauss(*self.odds)
            score = round(self.score(rng, z) * STEPS) / STEPS
            decisions.append((score, rng.random() < sigmoid(z)))
        return decisions


def _clumped(rng: random.Random, z: float) -> float:
    """As models like to answer."""
    said = (0.05, 0.1, 0.2, 0.3, 0.7, 0.75, 0.85, 0.9, 0.95)
    score = sigmoid(1.5 * z + 1 + rng.gauss(0, 0.7))
    return min(said, key=lambda value: abs(value - score))


WORLDS = (
    World("too sure", (-1.5, 1.5), lambda rng, z: sigmoid(2 * z + 1 + rng.gauss(0, 1))),
    World("calibrated", (-1, 1.5), lambda rng, z: sigmoid(z)),
    World("rare", (-3, 1.5), lambda rng, z: sigmoid(z + 2.5 + rng.gauss(0, 0.7))),
    World("too shy", (0.5, 1.5), lambda rng, z: sigmoid(z - 1.5 + rng.gauss(0, 0.7))),
    World("clumped", (-1.5, 1.5), _clumped),
    World("meaningless", (-1, 0.5), lambda rng, z: rng.random()),
)


def draw_labels(
    rng: random.Random, log: Sequence[Decision], number: int
) -> list[Decision]:
    """As many of each band, as the queue offers them."""
    queues: list[list[Decision]] = [[] for _ in range(BANDS)]
    for decision in rng.sample(log, len(log)):
        queues[_band(decision[0])].append(decision)
    return list(islice(_turns(queues), number))


def _turns(queues: Sequence[list[Decision]]) -> Iterator[Decision]:
    while any(queues):
        for queue in queues:
            if queue:
                yield queue.pop()


def _band(score: float) -> int:
    return min(hundredths(score) // BANDS, BANDS - 1)


def counts(log: Sequence[Decision]) -> list[int]:
    result = [0] * (STEPS + 1)
    for score, _ in log:
        result[hundredths(score)] += 1
    return result


def judge(
    log: Sequence[Decision],
    labels: Sequence[Decision],
    prices: Prices,
    draws: int = 600,
) -> Posterior:
    """As the lab does, of one group alone."""
    return estimate(banded(counts(log), labels), prices, draws=draws)


@dataclass(frozen=True)
class Truth:
    """What a threshold did, by the log's own answers."""

    precision: float | None
    recall: float | None
    cost: float


def truth(log: Sequence[Decision], threshold: float, prices: Prices) -> Truth:
    replies = sum(score >= threshold for score, _ in log)
    right = sum(wanted for score, wanted in log if score >= threshold)
    wanted = sum(wanted for _, wanted in log)
    mistakes = prices.unwanted * (replies - right) + prices.missed * (wanted - right)
    return Truth(
        right / replies if replies else None,
        right / wanted if wanted else None,
        (mistakes + prices.call * replies) / len(log),
    )


def coverage(
    world: World, labels: int, trials: int, draws: int = 600, seed: int = 0
) -> dict[str, float]:
    """The share of intervals, over all thresholds, that hold what was so in the log."""
    rng = random.Random(f"{world.name} {labels} {seed}")
    held = {metric: [] for metric in METRICS}
    for _ in range(trials):
        log = world.log(rng, log_size(labels))
        for row in judge(log, draw_labels(rng, log, labels), EVEN, draws).rows:
            real = truth(log, row.threshold, EVEN)
            for metric in METRICS:
                interval, value = getattr(row, metric), getattr(real, metric)
                trivial = metric == "recall" and row.threshold in (0, NEVER)
                if None not in (interval, value) and not trivial:
                    inside = interval.low - 1e-9 <= value <= interval.high + 1e-9
                    held[metric].append(inside)
    return {metric: sum(inside) / len(inside) for metric, inside in held.items()}


def log_size(labels: int) -> int:
    return 5 * labels + 500
