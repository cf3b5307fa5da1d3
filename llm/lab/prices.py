"""What mistakes cost, and from which probability on a reply pays."""

import math
from collections.abc import Callable
from dataclasses import dataclass

# A threshold that no score reaches: no reply unasked.
NEVER = 1.01


@dataclass(frozen=True)
class Prices:
    """What an unwanted reply, a missed one, and a call of step 2 cost, in any one unit."""

    unwanted: float
    missed: float
    call: float = 0.0

    def __post_init__(self) -> None:
        prices = (self.unwanted, self.missed, self.call)
        if not all(0 <= price < math.inf for price in prices):
            raise ValueError(f"Prices are numbers from 0 up, not {prices}.")
        if not self.unwanted + self.missed:
            raise ValueError("An unwanted or a missed reply must cost something.")

    @property
    def least_probability(self) -> float:
        """From this probability on a reply pays (Elkan 2001). Above 1: it never does."""
        return (self.unwanted + self.call) / (self.unwanted + self.missed)

    def threshold(self, curve: Callable[[float], float]) -> float:
        """The least score from which on a reply pays, by a curve that never falls.

        To a 10,000th; NEVER where the curve does not get there.
        """
        least = self.least_probability
        if curve(1.0) < least:
            return NEVER
        low, high = -1, 10_000
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (
                (low, middle) if curve(middle / 10_000) >= least else (middle, high)
            )
        return high / 10_000
