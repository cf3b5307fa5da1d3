"""The weeks side by side: how far the scores are from what they were."""

from collections.abc import Sequence

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from llm.lab.drift import LARGE_DISTANCE, Point

WIDTH, HEIGHT = 560, 120
START, END, TOP, GROUND = 44, 14, 18, 96
FULL = 0.3  # a distance that fills the strip


def strip(
    points: Sequence[Point], days: Sequence[str], title: str, text: str
) -> SafeString:
    """A vertical line stands where another version began."""
    return format_html(
        '<svg class="wa-chart lab-strip" viewBox="0 0 {} {}" dir="ltr" role="img"'
        ' aria-labelledby="drift-strip-title drift-strip-text">'
        '<title id="drift-strip-title">{}</title><desc id="drift-strip-text">{}</desc>'
        "{}{}{}{}</svg>",
        *(WIDTH, HEIGHT, title, text, _grid(), _new(points), _lines(points)),
        _dots(points, days),
    )


def _across(number: int, of: int) -> float:
    share = number / (of - 1) if of > 1 else 0.5
    return round(START + 8 + share * (WIDTH - START - END - 16), 1)


def _up(distance: float) -> float:
    return round(GROUND - min(distance / FULL, 1) * (GROUND - TOP), 1)


def _grid() -> SafeString:
    return format_html_join(
        "",
        '<line class="grid{}" x1="{}" x2="{}" y1="{}" y2="{}"/>'
        '<text class="tick" x="{}" y="{}" text-anchor="end">{}</text>',
        (
            (kind, START, WIDTH - END, _up(at), _up(at), START - 7, _up(at) + 4, at)
            for at, kind in ((0, ""), (LARGE_DISTANCE, " large"), (FULL, ""))
        ),
    )


def _new(points: Sequence[Point]) -> SafeString:
    return format_html_join(
        "",
        '<line class="mark tried" x1="{}" x2="{}" y1="{}" y2="{}">'
        "<title>{}</title></line>",
        (
            (x, x, TOP - 8, GROUND, one.version.model)
            for number, one in enumerate(points)
            if one.is_new
            for x in [_across(number, len(points))]
        ),
    )


def _lines(points: Sequence[Point]) -> SafeString:
    """One for each version: across a change nothing is compared."""
    runs: list[list[str]] = []
    for number, one in enumerate(points):
        if one.is_new or not runs:
            runs.append([])
        if one.distance is not None:
            runs[-1].append(f"{_across(number, len(points))},{_up(one.distance)}")
    return format_html_join(
        "",
        '<polyline class="line" points="{}"/>',
        ((" ".join(run),) for run in runs if len(run) > 1),
    )


def _dots(points: Sequence[Point], days: Sequence[str]) -> SafeString:
    """The first and the last are dated."""
    last = len(points) - 1
    return format_html_join(
        "",
        "{}",
        (
            (part,)
            for number, (one, day) in enumerate(zip(points, days, strict=True))
            for x in [_across(number, len(points))]
            for part in (
                _dot(x, one),
                _date(x, day, "start" if number == 0 else "end")
                if number in (0, last)
                else "",
            )
        ),
    )


def _dot(x: float, one: Point) -> SafeString | str:
    if one.distance is None:
        return ""
    shown = '<circle class="dot" cx="{}" cy="{}" r="3.5"><title>{}</title></circle>'
    return format_html(shown, x, _up(one.distance), f"{one.distance:.2f}")


def _date(x: float, day: str, anchor: str) -> SafeString:
    text = '<text class="tick" x="{}" y="{}" text-anchor="{}">{}</text>'
    return format_html(text, x, HEIGHT - 6, anchor, day)
