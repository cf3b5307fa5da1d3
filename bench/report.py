"""Rounds in, a table and a file out."""

import json
import os
import platform
import sqlite3
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


def rows(rounds: list[Round]) -> list[Row]:
    found = _p99, _intake, _straight, _storing, _reply, _slow, _pss
    return [row(rounds) for row in found]


def _p99(rounds: list[Round]) -> Row:
    ours, theirs = (
        _all(rounds, "product", "ack_p99"),
        _all(rounds, "baseline", "ack_p99"),
    )
    ours_p50 = median(_all(rounds, "product", "ack_p50"))
    theirs_p50 = median(_all(rounds, "baseline", "ack_p50"))
    ratio = [a / b for a, b in zip(ours, theirs, strict=True)]
    return Row(
        "acknowledgement at 50 webhooks/s, p99",
        f"{_spread(ours)} ms (p50 {ours_p50:.1f})",
        f"baseline {_spread(theirs)} ms (p50 {theirs_p50:.1f})",
        _spread(ratio, 2),
        "<= 25 ms and <= the baseline",
        median(ours) <= 25 and median(ratio) <= 1,
    )


def _intake(rounds: list[Round]) -> Row:
    ours, empty = _all(rounds, "product", "intake"), _all(rounds, "empty", "intake")
    ratio = [a / b for a, b in zip(ours, empty, strict=True)]
    return Row(
        "webhooks taken in as fast as they come",
        f"{_spread(ours, 0)} /s",
        f"empty view {_spread(empty, 0)} /s",
        _spread(ratio, 2),
        ">= 0.5 of the empty view",
        median(ratio) >= 0.5,
    )


def _straight(rounds: list[Round]) -> Row:
    ours, empty = _all(rounds, "product", "intake"), _all(rounds, "empty", "straight")
    ratio = [a / b for a, b in zip(ours, empty, strict=True)]
    return Row(
        "the same, beside one without the middleware that webhooks pass by",
        f"{_spread(ours, 0)} /s",
        f"empty view {_spread(empty, 0)} /s",
        _spread(ratio, 2),
        "no target",
        True,
    )


def _storing(rounds: list[Round]) -> Row:
    ours, intake = (_all(rounds, "product", name) for name in ("storing", "intake"))
    ratio = [a / b for a, b in zip(ours, intake, strict=True)]
    return Row(
        "of these stored as messages, while they are answered",
        f"{_spread(ours, 0)} /s",
        f"taken in {_spread(intake, 0)} /s",
        _spread(ratio, 2),
        "no target",
        True,
    )


def _reply(rounds: list[Round]) -> Row:
    ours, theirs = (_all(rounds, name, "reply_p50") for name in ("product", "baseline"))
    ratio = [a / b for a, b in zip(ours, theirs, strict=True)]
    return Row(
        "webhook to the reply's send at 20/s, p50 over the burst wait",
        f"{_spread(ours)} ms",
        f"baseline {_spread(theirs)} ms",
        _spread(ratio, 2),
        "<= 60 ms",
        median(ours) <= 60,
    )


def _slow(rounds: list[Round]) -> Row:
    ours, theirs = (
        _all(rounds, name, "slow_model") for name in ("product", "baseline")
    )
    ratio = [a / b for a, b in zip(ours, theirs, strict=True)]
    return Row(
        "messages/s with a model of 800 ms a call, half in groups",
        f"{_spread(ours)} /s",
        f"baseline {_spread(theirs)} /s",
        _spread(ratio, 1),
        ">= 3 times the baseline",
        median(ratio) >= 3,
    )


def _pss(rounds: list[Round]) -> Row:
    ours, theirs = (_all(rounds, name, "megabytes") for name in ("product", "baseline"))
    ratio = [a / b for a, b in zip(ours, theirs, strict=True)]
    return Row(
        "memory, web and worker together (PSS)",
        f"{_spread(ours, 0)} MB",
        f"baseline {_spread(theirs, 0)} MB",
        _spread(ratio, 1),
        "<= 400 MB",
        median(ours) <= 400,
    )


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
