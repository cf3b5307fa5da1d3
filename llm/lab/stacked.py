"""The scores of all decisions, with what the labels say of them."""

from collections.abc import Iterator, Sequence

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from llm.lab import plots
from llm.lab.bands import STEPS
from llm.lab.charts import round_top
from llm.lab.curves import ticks
from llm.lab.findings import Finding
from llm.lab.plots import Chart, Mark

BINS = 20
GAP = 2
KINDS = ("wanted", "unwanted", "unlabelled")


def bins(found: Finding) -> list[tuple[int, int, int]]:
    """Wanted, unwanted and unlabelled, of each twentieth."""
    size = STEPS // BINS
    logged = [sum(found.counts[n : n + size]) for n in range(0, STEPS, size)]
    logged[-1] += found.counts[STEPS]
    wanted, unwanted = [0] * BINS, [0] * BINS
    for one in found.labels:
        place = min(int(one.p * BINS + 1e-9), BINS - 1)
        (wanted if one.wanted else unwanted)[place] += 1
    return [
        (yes, no, max(n - yes - no, 0))
        for yes, no, n in zip(wanted, unwanted, logged, strict=True)
    ]


def histogram(found: Finding, chart: Chart, marks: Sequence[Mark]) -> SafeString:
    rows = bins(found)
    top = round_top(max(map(sum, rows)))
    bars = format_html_join(
        "",
        "<g><title>{}</title>{}</g>",
        (
            (
                _(
                    "%(low).2f to %(high).2f: %(wanted)d wanted, %(unwanted)d not, %(rest)d unlabelled"
                )
                % {
                    "low": n / BINS,
                    "high": (n + 1) / BINS,
                    "wanted": row[0],
                    "unwanted": row[1],
                    "rest": row[2],
                },
                format_html_join("", "{}", ((bar,) for bar in _bars(n, row, top))),
            )
            for n, row in enumerate(rows)
        ),
    )
    return plots.draw(chart, ticks(top), [bars], marks)


def _bars(place: int, row: tuple[int, int, int], top: int) -> Iterator[SafeString]:
    width = round(plots.INNER_WIDTH / BINS - GAP, 1)
    below = 0
    for kind, count in zip(KINDS, row, strict=True):
        if count:
            height = round(count / top * plots.INNER_HEIGHT, 1)
            yield format_html(
                '<rect class="stack {}" x="{}" y="{}" width="{}" height="{}"/>',
                kind,
                round(plots.across(place / BINS) + GAP / 2, 1),
                plots.up((below + count) / top),
                width,
                height,
            )
        below += count
