"""The ground of a chart, and what is drawn on it. Colours come from the style sheet.

Each chart of a page has a key of its own: readers are told title and description by it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

WIDTH, HEIGHT = 560, 270
START, END, TOP, BOTTOM = 58, 18, 14, 46
INNER_WIDTH, INNER_HEIGHT = WIDTH - START - END, HEIGHT - TOP - BOTTOM
LINES = 4  # of the grid, above the ground

Point = tuple[float, float]  # both as shares of the plot


@dataclass(frozen=True)
class Chart:
    key: str
    title: str
    description: str
    axis: str


@dataclass(frozen=True)
class Mark:
    """A threshold on the axis: now, recommended, or tried."""

    kind: str
    at: float


def across(share: float) -> float:
    return round(START + share * INNER_WIDTH, 1)


def up(share: float) -> float:
    return round(TOP + (1 - min(max(share, 0.0), 1.0)) * INNER_HEIGHT, 1)


def draw(
    chart: Chart,
    ticks: Iterable[tuple[float, str]],
    parts: Iterable[SafeString],
    marks: Sequence[Mark] = (),
) -> SafeString:
    """`ticks` are those of the vertical axis: where, and what."""
    return format_html(
        '<svg class="wa-chart lab-chart" viewBox="0 0 {} {}" dir="ltr" role="img"'
        ' aria-labelledby="{key}-title {key}-text" data-start="{}" data-width="{}">'
        '<title id="{key}-title">{}</title><desc id="{key}-text">{}</desc>{}{}{}{}'
        '<text class="axis" x="{}" y="{}" text-anchor="middle">{}</text></svg>',
        *(WIDTH, HEIGHT, START, INNER_WIDTH),
        *(chart.title, chart.description),
        *(_grid(ticks), _tenths(), format_html_join("", "{}", ((p,) for p in parts))),
        _marks(marks),
        *(START + INNER_WIDTH / 2, HEIGHT - 4, chart.axis),
        key=chart.key,
    )


def line(points: Sequence[Point], kind: str, title: str = "") -> SafeString:
    path = " ".join(f"{across(x)},{up(y)}" for x, y in points)
    return format_html(
        '<polyline class="line {}" points="{}"><title>{}</title></polyline>',
        kind,
        path,
        title,
    )


def area(lower: Sequence[Point], higher: Sequence[Point], kind: str) -> SafeString:
    path = [*higher, *reversed(lower)]
    return format_html(
        '<polygon class="area {}" points="{}"/>',
        kind,
        " ".join(f"{across(x)},{up(y)}" for x, y in path),
    )


def dot(point: Point, kind: str, title: str, radius: float = 4.5) -> SafeString:
    return format_html(
        '<circle class="dot {}" cx="{}" cy="{}" r="{}"><title>{}</title></circle>',
        *(kind, across(point[0]), up(point[1]), radius, title),
    )


def whisker(x: float, low: float, high: float, kind: str) -> SafeString:
    at = across(x)
    return format_html(
        '<line class="whisker {}" x1="{}" x2="{}" y1="{}" y2="{}"/>',
        *(kind, at, at, up(low), up(high)),
    )


def shade(low: float, high: float, kind: str) -> SafeString:
    """A range of the axis, from top to bottom."""
    start, end = across(min(low, 1)), across(min(high, 1))
    return format_html(
        '<rect class="shade {}" x="{}" y="{}" width="{}" height="{}"/>',
        *(kind, start, TOP, max(round(end - start, 1), 3), INNER_HEIGHT),
    )


def percents() -> list[tuple[float, str]]:
    return [(n / LINES, f"{100 * n // LINES} %") for n in range(LINES + 1)]


def _marks(marks: Sequence[Mark]) -> SafeString:
    return format_html_join(
        "",
        '<line class="mark {}" x1="{}" x2="{}" y1="{}" y2="{}"/>',
        (
            (one.kind, x, x, TOP - 8, HEIGHT - BOTTOM)
            for one in marks
            for x in [across(min(one.at, 1))]
        ),
    )


def _grid(ticks: Iterable[tuple[float, str]]) -> SafeString:
    return format_html_join(
        "",
        '<line class="grid" x1="{}" x2="{}" y1="{}" y2="{}"/>'
        '<text class="tick" x="{}" y="{}" text-anchor="end">{}</text>',
        (
            (START, WIDTH - END, up(at), up(at), START - 7, up(at) + 4, label)
            for at, label in ticks
        ),
    )


def _tenths() -> SafeString:
    return format_html_join(
        "",
        '<text class="tick" x="{}" y="{}" text-anchor="middle">{}</text>',
        (
            (across(tenth / 10), HEIGHT - BOTTOM + 18, f"{tenth / 10:.1f}")
            for tenth in range(0, 11, 2)
        ),
    )
