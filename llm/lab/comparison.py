"""Which of two policies is better? Only where they disagree can they differ."""

import math
import random
from dataclasses import dataclass

from llm.lab.posterior import Estimate, binomial, summary
from llm.lab.prices import Prices


@dataclass(frozen=True)
class Flips:
    """Decisions that the candidate turns over: `total`, of these `labelled` at random, `wanted`."""

    total: int
    labelled: int = 0
    wanted: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.wanted <= self.labelled <= self.total:
            raise ValueError(
                "Flips need 0 <= wanted <= labelled <= total, not "
                f"{self.wanted}, {self.labelled} and {self.total}."
            )

    def draw(self, rng: random.Random) -> int:
        """How many of all were wanted. The prior is Jeffreys'."""
        share = rng.betavariate(self.wanted + 0.5, self.labelled - self.wanted + 0.5)
        return self.wanted + binomial(rng, self.total - self.labelled, share)


@dataclass(frozen=True)
class Comparison:
    """The candidate's cost less the present one's, per decision; `probability`: that it is less."""

    cost: Estimate
    probability: float


def compare(
    decisions: int,
    to_reply: Flips,
    to_silence: Flips,
    prices: Prices,
    *,
    draws: int = 4000,
    seed: int = 0,
) -> Comparison:
    """The change in cost over `decisions`, of which some turned to a reply, some to silence.

    A flip to a reply costs `unwanted` where none was wanted, saves `missed` where one was; a
    flip to silence the other way round. The interval is to be printed as "90 %". Without any
    flip nothing changes, and the candidate is not better.
    """
    if decisions < to_reply.total + to_silence.total:
        raise ValueError("There cannot be more flips than decisions.")
    if not decisions:
        raise ValueError("Nothing to compare: no decisions.")
    rng = random.Random(seed)
    calls = prices.call * (to_reply.total - to_silence.total)
    changes = [
        (_turned(to_reply, rng, prices) - _turned(to_silence, rng, prices) + calls)
        / decisions
        for _ in range(draws)
    ]
    return Comparison(summary(changes), sum(change < 0 for change in changes) / draws)


def forecast(
    decisions: int,
    to_reply: Flips,
    to_silence: Flips,
    prices: Prices,
    *,
    draws: int = 4000,
    seed: int = 0,
) -> Comparison:
    """As `compare`, for decisions to come, of which these are a random sample.

    How often a decision turns, and how often rightly, stays uncertain when all are labelled.
    """
    rest = decisions - to_reply.total - to_silence.total
    if rest < 0:
        raise ValueError("There cannot be more flips than decisions.")
    rng = random.Random(seed)
    changes = []
    for _ in range(draws):
        # Dirichlet, by Jeffreys' prior.
        shares = [
            rng.gammavariate(count + 0.5, 1)
            for count in (to_reply.total, to_silence.total, rest)
        ]
        replies, silences = (share / sum(shares) for share in shares[:2])
        changes.append(
            replies * _expected(to_reply, rng, prices)
            - silences * _expected(to_silence, rng, prices)
        )
    return Comparison(summary(changes), sum(change < 0 for change in changes) / draws)


def mcnemar(better: int, worse: int) -> float:
    """McNemar's exact two-sided p-value: of labelled flips, how many were right, how many wrong."""
    if min(better, worse) < 0:
        raise ValueError("Counts start at 0.")
    flips = better + worse
    ways = sum(math.comb(flips, i) for i in range(min(better, worse) + 1))
    return min(1.0, 2 * ways / 2**flips)


def _turned(flips: Flips, rng: random.Random, prices: Prices) -> float:
    """What these replies cost, against silence."""
    wanted = flips.draw(rng)
    return prices.unwanted * (flips.total - wanted) - prices.missed * wanted


def _expected(flips: Flips, rng: random.Random, prices: Prices) -> float:
    """What such a reply costs, against silence."""
    wanted = rng.betavariate(flips.wanted + 0.5, flips.labelled - flips.wanted + 0.5)
    return prices.unwanted * (1 - wanted) - prices.missed * wanted + prices.call
