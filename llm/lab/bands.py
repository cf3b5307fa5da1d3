"""Decisions by ranges of their score: the unit in which labels are drawn and counted."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

STEPS = 100
# 0.29 * 100 is a little less than 29.
EDGE = 1e-9

Group = TypeVar("Group")


@dataclass(frozen=True)
class Band:
    """Scores from `low` to the next band's; the last band has 1, too.

    Of `logged` decisions `labelled` were drawn at random, and in `wanted` of these a reply was
    wanted. `prior`: the share wanted that is expected before any label is seen.
    """

    low: float
    logged: int
    labelled: int = 0
    wanted: int = 0
    prior: float = 0.5

    def __post_init__(self) -> None:
        if not 0 <= self.wanted <= self.labelled <= self.logged:
            raise ValueError(
                "A band needs 0 <= wanted <= labelled <= logged, not "
                f"{self.wanted}, {self.labelled} and {self.logged}."
            )
        if not (0 <= self.low <= 1 and 0 <= self.prior <= 1):
            raise ValueError(
                f"low and prior are in [0, 1], not {self.low} and {self.prior}."
            )


def banded(
    counts: Sequence[int],
    labels: Iterable[tuple[float, bool]],
    curve: Callable[[float], float] = float,
    *,
    width: int = 10,
) -> tuple[Band, ...]:
    """Bands that are `width` hundredths wide, from 0 to 1.

    `counts`: how many decisions were logged with each number of full hundredths, 101 numbers.
    `labels`: the score, and whether a reply was wanted, of those drawn at random. `curve` gives
    a prior from other labels (those of all groups); without one, the score itself is the prior.
    """
    if len(counts) != STEPS + 1 or min(counts) < 0:
        raise ValueError("counts has 101 numbers from 0 up: one for each hundredth.")
    if not 0 < width <= STEPS or STEPS % width:
        raise ValueError(f"Bands must divide {STEPS} hundredths evenly, not {width}.")
    bands = STEPS // width
    labelled, wanted = [0] * bands, [0] * bands
    for score, is_wanted in labels:
        band = min(hundredths(score) // width, bands - 1)
        labelled[band] += 1
        wanted[band] += bool(is_wanted)
    return tuple(
        Band(
            round(band * width / STEPS, 2),
            sum(logged := _slice(counts, band, bands, width)),
            labelled[band],
            wanted[band],
            _prior(curve, logged, band * width),
        )
        for band in range(bands)
    )


def hundredths(score: float) -> int:
    """The full hundredths of a score: 29 of 0.29 and of 0.299."""
    if not 0 <= score <= 1:
        raise ValueError(f"A score is in [0, 1], not {score}.")
    return int(score * STEPS + EDGE)


def pooled(groups: Mapping[Group, Sequence[Band]]) -> dict[Group, tuple[Band, ...]]:
    """Each group's bands with a prior from the labels of all others (to use with kappa 4).

    (wanted by others + prior) / (labelled by others + 1): where the others have no label, the
    band's own prior stays. All groups must have the same bands.
    """
    lows = {tuple(band.low for band in bands) for bands in groups.values()}
    if len(lows) > 1:
        raise ValueError("Groups can be pooled only with the same bands.")
    columns = list(zip(*groups.values(), strict=True))
    labelled = [sum(band.labelled for band in column) for column in columns]
    wanted = [sum(band.wanted for band in column) for column in columns]
    return {
        group: tuple(
            replace(
                band, prior=(k - band.wanted + band.prior) / (n - band.labelled + 1)
            )
            for band, n, k in zip(bands, labelled, wanted, strict=True)
        )
        for group, bands in groups.items()
    }


def _slice(counts: Sequence[int], band: int, bands: int, width: int) -> Sequence[int]:
    end = None if band == bands - 1 else (band + 1) * width
    return counts[band * width : end]


def _prior(curve: Callable[[float], float], logged: Sequence[int], start: int) -> float:
    """The curve's mean over the decisions logged; in an empty band over its scores."""
    weights = logged if any(logged) else [1] * len(logged)
    scores = (min(start + step, STEPS) / STEPS for step in range(len(logged)))
    total = sum(n * curve(s) for n, s in zip(weights, scores, strict=True) if n)
    return min(max(total / sum(weights), 0.0), 1.0)
