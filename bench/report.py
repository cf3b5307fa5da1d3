"""Rounds in, a table and a file out."""

import json
import os
import platform
import sqlite3
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

Round = dict[str, dict[str, float]]  # "product", "baseline", "empty": name: value

RESULTS = Path(__file__).parent / "results"
HEAD = ("measure", "ours", "compared with", "ratio", "target", "met")


@dataclass(frozen=True)
class Row:
    measure: str
    ours: str
    other: str
    ratio: str
    target: str
    is_met: bool

    @property
    def cells(self) -> tuple[str, ...]:
        met = "yes" if self.is_met else "NO"
        return self.measure, self.ours, self.other, self.ratio, self.target, met


@dataclass(frozen=True)
class Measure:
    """One of the product's figures beside one of another system's."""

    title: str
    name: str
    beside: tuple[str, str]  # the other system, and the name of its figure
    unit: str
    target: str
    is_met: Callable[[float, float], bool]  # by the medians of ours and of the ratio
    digits: int = 1
    ratio_digits: int = 2
    p50: str = ""

    def row(self, rounds: list[Round]) -> Row:
        system, name = self.beside
        ours, theirs = _all(rounds, "product", self.name), _all(rounds, system, name)
        ratio = [a / b for a, b in zip(ours, theirs, strict=True)]
        return Row(
            self.title,
            self._shown(rounds, "product", self.name),
            f"{OTHERS[system]} {self._shown(rounds, system, name)}",
            _spread(ratio, self.ratio_digits),
            self.target,
            self.is_met(median(ours), median(ratio)),
        )

    def _shown(self, rounds: list[Round], system: str, name: str) -> str:
        shown = f"{_spread(_all(rounds, system, name), self.digits)} {self.unit}"
        if not self.p50:
            return shown
        return f"{shown} (p50 {median(_all(rounds, system, self.p50)):.1f})"


OTHERS = {"baseline": "baseline", "empty": "empty view", "product": "taken in"}
MEASURES = [
    Measure(
        "acknowledgement at 50 webhooks/s, p99",
        "ack_p99",
        ("baseline", "ack_p99"),
        "ms",
        "<= 25 ms and <= the baseline",
        lambda ours, ratio: ours <= 25 and ratio <= 1,
        p50="ack_p50",
    ),
    Measure(
        "webhooks taken in as fast as they come",
        "intake",
        ("empty", "intake"),
        "/s",
        ">= 0.5 of the empty view",
        lambda ours, ratio: ratio >= 0.5,
        digits=0,
    ),
    Measure(
        "the same, beside one without the middleware that webhooks pass by",
        "intake",
        ("empty", "straight"),
        "/s",
        "no target",
        lambda ours, ratio: True,
        digits=0,
    ),
    Measure(
        "of these stored as messages, while they are answered",
        "storing",
        ("product", "intake"),
        "/s",
        "no target",
        lambda ours, ratio: True,
        digits=0,
    ),
    Measure(
        "webhook to the reply's send at 20/s, p50 over the burst wait",
        "reply_p50",
        ("baseline", "reply_p50"),
        "ms",
        "<= 60 ms",
        lambda ours, ratio: ours <= 60,
    ),
    Measure(
        "messages/s with a model of 800 ms a call, half in groups",
        "slow_model",
        ("baseline", "slow_model"),
        "/s",
        ">= 3 times the baseline",
        lambda ours, ratio: ratio >= 3,
        ratio_digits=1,
    ),
    Measure(
        "memory, web and worker together (PSS)",
        "megabytes",
        ("baseline", "megabytes"),
        "MB",
        "<= 400 MB",
        lambda ours, ratio: ours <= 400,
        digits=0,
        ratio_digits=1,
    ),
]


def rows(rounds: list[Round]) -> list[Row]:
    return [measure.row(rounds) for measure in MEASURES]


def _all(rounds: list[Round], system: str, name: str) -> list[float]:
    return [one[system][name] for one in rounds]


def _spread(values: list[float], digits: int = 1) -> str:
    """The median, and from which to which value it was."""
    low, middle, high = min(values), median(values), max(values)
    if len(values) == 1:
        return f"{middle:.{digits}f}"
    return f"{middle:.{digits}f} [{low:.{digits}f}..{high:.{digits}f}]"


def table(found: list[Any], head: tuple[str, ...] = HEAD) -> str:
    lines = [head, *(row.cells for row in found)]
    widths = [max(len(line[n]) for line in lines) for n in range(len(head))]
    lines.insert(1, tuple("-" * width for width in widths))
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        for line in lines
    )


def facts() -> dict[str, object]:
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "cores": os.cpu_count(),
        "load": os.getloadavg()[0],
        "system": platform.platform(),
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
    }


def write(machine: dict[str, object], rounds: list[dict], found: list[Any]) -> Path:
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{datetime.now(UTC):%Y%m%dT%H%M%S}.json"
    content = {
        "machine": machine,
        "rows": [asdict(row) for row in found],
        "rounds": rounds,
    }
    path.write_text(json.dumps(content, indent=2) + "\n")
    return path
