"""Draw what `make bench` printed: ours and theirs in each round, beside the target.

Every measure has a scale of its own, logarithmic, since the systems lie far apart.
"""

import argparse
import json
import math
from dataclasses import dataclass
from html import escape
from pathlib import Path

from bench.report import RESULTS, Round

DRAWN = Path(__file__).parent.parent / "docs" / "images" / "performance.svg"
WIDTH, LEFT, RIGHT, ROW = 760, 250, 40, 64
STYLE = (
    "text{font:13px system-ui,sans-serif;fill:#1f2d2b}.small{font-size:11px;fill:#5b6b68}"
    ".axis{stroke:#d5dedc}.ours{fill:#0b7a68}.theirs{fill:#b26a00}"
    ".target{stroke:#b3261e;stroke-width:2}.ground{fill:#fff}"
)


@dataclass(frozen=True)
class Panel:
    label: str
    unit: str
    ours: list[float]
    theirs: list[float]
    name: str  # of the others
    target: float
    is_less_better: bool


def panels(rounds: list[Round]) -> list[Panel]:
    def all_of(system: str, name: str) -> list[float]:
        return [one[system][name] for one in rounds]

    empty = all_of("empty", "intake")
    slow = all_of("baseline", "slow_model")
    return [
        Panel("acknowledged, p99, at 50/s", "ms", all_of("product", "ack_p99"),
              all_of("baseline", "ack_p99"), "baseline", 25, True),
        Panel("taken in as fast as they come", "/s", all_of("product", "intake"),
              empty, "empty view", sum(empty) / len(empty) / 2, False),
        Panel("webhook to send, p50, at 20/s", "ms", all_of("product", "reply_p50"),
              all_of("baseline", "reply_p50"), "baseline", 60, True),
        Panel("answered, model of 800 ms", "/s", all_of("product", "slow_model"),
              slow, "baseline", 3 * sum(slow) / len(slow), False),
        Panel("memory, web and worker", "MB", all_of("product", "megabytes"),
              all_of("baseline", "megabytes"), "baseline", 400, True),
    ]  # fmt: skip


def draw(found: list[Panel], about: str) -> str:
    height = ROW * len(found) + 50
    rows = "".join(_row(panel, ROW * number) for number, panel in enumerate(found))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}"'
        f' role="img" aria-label="Measured figures beside their targets"><style>{STYLE}</style>'
        f'<rect class="ground" width="{WIDTH}" height="{height}"/>{rows}'
        f'<text class="small" x="12" y="{height - 14}">green: ours, orange: the others,'
        f" a dot a round; red: the target. {escape(about)}</text></svg>\n"
    )


def _row(panel: Panel, top: int) -> str:
    values = [*panel.ours, *panel.theirs, panel.target]
    low, high = math.log(min(values) / 1.5), math.log(max(values) * 1.5)

    def across(value: float) -> float:
        share = (math.log(value) - low) / (high - low)
        return round(LEFT + share * (WIDTH - LEFT - RIGHT), 1)

    middle, target = top + 34, across(panel.target)
    better = "at most" if panel.is_less_better else "at least"
    dots = "".join(
        f'<circle class="{kind}" cx="{across(value)}" cy="{middle}" r="5" opacity=".75">'
        f"<title>{name}: {value:.4g} {panel.unit}</title></circle>"
        for kind, name, values in (
            ("theirs", panel.name, panel.theirs),
            ("ours", "ours", panel.ours),
        )
        for value in values
    )
    return (
        f'<text x="12" y="{middle}">{escape(panel.label)}</text>'
        f'<text class="small" x="12" y="{middle + 16}">beside: {panel.name}</text>'
        f'<line class="axis" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{middle}" y2="{middle}"/>'
        f'<line class="target" x1="{target}" x2="{target}" y1="{middle - 14}" y2="{middle + 14}"/>'
        f'<text class="small" x="{target}" y="{middle - 18}" text-anchor="middle">'
        f"{better} {_number(panel.target)} {panel.unit}</text>{dots}"
    )


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.plot", description=__doc__)
    parser.add_argument("results", type=Path, nargs="?", help="The newest, else.")
    options = parser.parse_args()
    path = options.results or max(RESULTS.glob("*.json"), default=None)
    if path is None:
        parser.error("There are no results: run `make bench` first.")
    content = json.loads(path.read_text())
    machine = content["machine"]
    about = (
        f"{machine['cores']} cores, {machine['at'][:10]}, load {machine['load']:.1f}"
    )
    DRAWN.write_text(draw(panels(content["rounds"]), about))
    print(DRAWN)


if __name__ == "__main__":
    main()
