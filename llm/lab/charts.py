"""Charts as SVG, drawn here. Their colours come from the page's style sheet."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.utils.formats import number_format
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from llm.lab.scores import EDGE, STEPS

WIDTH, HEIGHT = 720, 250
START, END, TOP, BOTTOM = 62, 20, 14, 48
INNER_WIDTH, INNER_HEIGHT = WIDTH - START - END, HEIGHT - TOP - BOTTOM
LINES = 4  # of the grid, above the ground
GAP = 3  # between two bars


@dataclass(frozen=True)
class Words:
    title: str
    description: str
    axis: str


def histogram(
    counts: Sequence[int], threshold: float, words: Words, *, bins: int = 20
) -> SafeString:
    """`counts` has a number for each hundredth from 0 to 100; the last bin has both ends."""
    size = STEPS // bins
    heights = [sum(counts[start : start + size]) for start in range(0, STEPS, size)]
    heights[-1] += counts[STEPS]
    top = round_top(max(heights))
    labels = (
        (step / LINES, number_format(top * step // LINES, force_grouping=True))
        for step in range(LINES + 1)
    )
    return _frame(words, labels, _bars(heights, top, threshold), threshold)


def round_top(most: int) -> int:
    """The next round number that the lines of the grid divide evenly."""
    unit = 10 ** max(len(str(most)) - 2, 0)
    steps = (4, 8, 12, 20, 40, 60, 80, 100)
    return next(step * unit for step in steps if most <= step * unit)


def across(value: float) -> float:
    return round(START + value * INNER_WIDTH, 1)


def up(value: float) -> float:
    return round(TOP + (1 - value) * INNER_HEIGHT, 1)


def _bars(heights: list[int], top: int, threshold: float) -> SafeString:
    bins = len(heights)
    width = round(INNER_WIDTH / bins - GAP, 1)
    return format_html_join(
        "",
        '<rect class="bar{}" data-from="{}" x="{}" y="{}" width="{}" height="{}" rx="2">'
        "<title>{}</title></rect>",
        (
            (
                " on" if number / bins >= threshold - EDGE else "",
                f"{number / bins:.2f}",
                round(across(number / bins) + GAP / 2, 1),
                up(height / top),
                width,
                round(height / top * INNER_HEIGHT, 1),
                _("%(low).2f to %(high).2f: %(count)d")
                % {
                    "low": number / bins,
                    "high": (number + 1) / bins,
                    "count": height,
                },
            )
            for number, height in enumerate(heights)
        ),
    )


def _frame(
    words: Words,
    labels: Iterable[tuple[float, str]],
    body: SafeString,
    threshold: float,
) -> SafeString:
    x = across(threshold)
    return format_html(
        '<svg class="wa-chart" viewBox="0 0 {} {}" dir="ltr" role="img"'
        ' aria-labelledby="chart-title chart-description" data-start="{}"'
        ' data-width="{}"><title id="chart-title">{}</title>'
        '<desc id="chart-description">{}</desc>{}{}{}'
        '<text class="axis" x="{}" y="{}" text-anchor="middle">{}</text>'
        '<line class="marker" x1="{}" x2="{}" y1="{}" y2="{}"/></svg>',
        *(WIDTH, HEIGHT, START, INNER_WIDTH),
        *(words.title, words.description),
        *(_grid(labels), _ticks(), body),
        *(START + INNER_WIDTH / 2, HEIGHT - 3, words.axis),
        *(x, x, TOP - 8, HEIGHT - BOTTOM),
    )


def _grid(labels: Iterable[tuple[float, str]]) -> SafeString:
    return format_html_join(
        "",
        '<line class="grid" x1="{}" x2="{}" y1="{}" y2="{}"/>'
        '<text class="tick" x="{}" y="{}" text-anchor="end">{}</text>',
        (
            (START, WIDTH - END, up(at), up(at), START - 8, up(at) + 4, label)
            for at, label in labels
        ),
    )


def _ticks() -> SafeString:
    return format_html_join(
        "",
        '<text class="tick" x="{}" y="{}" text-anchor="middle">{}</text>',
        (
            (across(tenth / 10), HEIGHT - BOTTOM + 18, f"{tenth / 10:.1f}")
            for tenth in range(0, 11, 2)
        ),
    )
