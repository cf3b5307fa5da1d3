"""The threshold lab's promises, tried on simulated logs: `make bench-lab`.

How often do intervals printed as "90 %" hold the truth; how often is a certificate wrong; and
what does the recommended threshold cost more than the best one in hindsight?
"""

import argparse
import random
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from dataclasses import dataclass
from itertools import islice, product
from statistics import median

from llm.lab.bands import STEPS, banded, hundredths
from llm.lab.guarantees import certify, last_look
from llm.lab.posterior import Posterior, estimate
from llm.lab.prices import NEVER, Prices
from llm.lab.regression import sigmoid

BANDS = 10
EVEN = Prices(unwanted=1, missed=1)
THRESHOLDS = (*(tenth / 10 for tenth in range(10)), NEVER)
DEFAULT = 0.7
LOOKS = (50, 100, 200, 400)
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


@dataclass(frozen=True)
class Violations:
    """Of all trials: how many certified anything, and how many what was not so."""

    certified: float
    wrong: float
    naive: float  # wrong, if the measured share alone were believed


def violations(
    world: World, alpha: float, trials: int, delta: float = 0.1, seed: int = 0
) -> Violations:
    """Staff label 400 decisions; at each look a certificate may be given."""
    rng = random.Random(f"{world.name} {alpha} {seed}")
    certified = wrong = naive = 0
    for _ in range(trials):
        log = world.log(rng, log_size(LOOKS[-1]))
        labels = draw_labels(rng, log, LOOKS[-1])
        given = [_certified(log, labels[:number], alpha, delta) for number in LOOKS]
        certified += any(threshold is not None for threshold in given)
        wrong += any(_is_wrong(log, threshold, alpha) for threshold in given)
        believed = [_measured(log, labels[:number], alpha) for number in LOOKS]
        naive += any(_is_wrong(log, threshold, alpha) for threshold in believed)
    return Violations(certified / trials, wrong / trials, naive / trials)


def _certified(
    log: Sequence[Decision], labels: Sequence[Decision], alpha: float, delta: float
) -> float | None:
    look = last_look(len(labels))
    bands = banded(counts(log), labels[: look.labels])
    return certify(bands, alpha=alpha, delta=look.delta(delta)).threshold


def _measured(
    log: Sequence[Decision], labels: Sequence[Decision], alpha: float
) -> float | None:
    """The lowest threshold at which the labels, weighed by band, look good enough."""
    bands = [band for band in banded(counts(log), labels) if band.labelled]
    fine = None
    for start, band in enumerate(bands):
        above = bands[start:]
        wanted = sum(one.logged * one.wanted / one.labelled for one in above)
        if fine is None and 1 - wanted / sum(one.logged for one in above) <= alpha:
            fine = band.low
    return fine


def _is_wrong(log: Sequence[Decision], threshold: float | None, alpha: float) -> bool:
    if threshold is None:
        return False
    precision = truth(log, threshold, EVEN).precision
    return precision is not None and 1 - precision > alpha


@dataclass(frozen=True)
class Regret:
    """What is paid over the best threshold in hindsight, as a share of its cost."""

    recommended: float
    raw: float  # the threshold that was best for the labels themselves
    default: float  # 0.7, whatever the labels say


def regret(
    world: World, labels: int, prices: Prices, trials: int, seed: int = 0
) -> Regret:
    rng = random.Random(f"{world.name} {labels} {prices} {seed}")
    paid = {"recommended": 0.0, "raw": 0.0, "default": 0.0}
    least = 0.0
    for _ in range(trials):
        log = world.log(rng, log_size(labels))
        drawn = draw_labels(rng, log, labels)
        costs = {t: truth(log, t, prices).cost for t in THRESHOLDS}
        least += min(costs.values())
        paid["recommended"] += costs[
            judge(log, drawn, prices, 50).recommended.threshold
        ]
        paid["raw"] += costs[_best_of_labels(log, drawn, prices)]
        paid["default"] += costs[DEFAULT]
    return Regret(**{name: cost / least - 1 for name, cost in paid.items()})


def _best_of_labels(
    log: Sequence[Decision], labels: Sequence[Decision], prices: Prices
) -> float:
    bands = banded(counts(log), labels)
    weighed = [(b, b.wanted / b.labelled if b.labelled else 0.5) for b in bands]

    def cost(threshold: float) -> float:
        return sum(
            band.logged * (prices.unwanted * (1 - share))
            if band.low >= threshold
            else band.logged * prices.missed * share
            for band, share in weighed
        )

    return min(reversed(THRESHOLDS), key=cost)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.lab", description=__doc__)
    parser.add_argument("--trials", type=int, default=200)
    trials = parser.parse_args().trials
    with ProcessPoolExecutor() as pool:
        _print_coverage(pool, trials)
        _print_violations(pool, trials)
        _print_regret(pool, trials)
    _print_time()


def _print_coverage(pool: Executor, trials: int) -> None:
    print(f'Intervals printed as "90 %" that hold the truth ({trials} logs each)')
    print(f"{'scores':14}{'labels':>8}" + "".join(f"{m:>11}" for m in METRICS))
    tasks = list(product(WORLDS, (60, 200, 1000)))
    for (world, labels), held in _each(pool, coverage, tasks, trials):
        shares = "".join(f"{held[metric]:>11.3f}" for metric in METRICS)
        print(f"{world.name:14}{labels:>8}{shares}", flush=True)


def _print_violations(pool: Executor, trials: int) -> None:
    print("\nCertificates over four looks (50 to 400 labels), delta 0.1")
    print(f"{'scores':14}{'alpha':>8}{'certified':>11}{'wrong':>11}{'naive wrong':>13}")
    for (world, alpha), found in _each(
        pool, violations, list(product(WORLDS, (0.3, 0.5))), trials
    ):
        print(
            f"{world.name:14}{alpha:>8}{found.certified:>11.2f}{found.wrong:>11.3f}"
            f"{found.naive:>13.2f}",
            flush=True,
        )


def _print_regret(pool: Executor, trials: int) -> None:
    print("\nCost over that of the best threshold in hindsight; r: missed / unwanted")
    print(f"{'scores':14}{'labels':>8}{'r':>8}{'recommended':>13}{'raw':>8}{'0.7':>8}")
    prices = (Prices(3, 1), Prices(1, 1), Prices(1, 3))
    tasks = list(product(WORLDS, (50, 200), prices))
    for (world, labels, price), found in _each(pool, regret, tasks, trials):
        print(
            f"{world.name:14}{labels:>8}{price.missed / price.unwanted:>8.2f}"
            f"{found.recommended:>13.1%}{found.raw:>8.1%}{found.default:>8.1%}",
            flush=True,
        )


def _print_time() -> None:
    log = WORLDS[0].log(random.Random(0), 5000)
    bands = banded(counts(log), draw_labels(random.Random(0), log, 200))
    times = []
    for _ in range(10):
        started_at = time.perf_counter()
        estimate(bands, EVEN)
        times.append(time.perf_counter() - started_at)
    print(f"\nOne estimate, 10 bands and 600 draws: {median(times) * 1000:.0f} ms")


def _each(
    pool: Executor, measure: Callable, tasks: Sequence[tuple], trials: int
) -> Iterator[tuple]:
    named = [(measure, world.name, rest, trials) for world, *rest in tasks]
    return zip(tasks, pool.map(_run, named), strict=True)


def _run(task: tuple) -> object:
    """Worlds go by name: their functions cannot be sent to another process."""
    measure, name, rest, trials = task
    world = next(world for world in WORLDS if world.name == name)
    return measure(world, *rest, trials)


if __name__ == "__main__":
    main()
