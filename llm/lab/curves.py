"""Curves over the threshold, and precision against recall."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.formats import number_format
from django.utils.functional import Promise
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from llm.lab import plots
from llm.lab.findings import Finding
from llm.lab.plots import Chart, Mark
from llm.lab.posterior import Estimate, Row

F1_LINES = (0.4, 0.6, 0.8)


def percent(share: float) -> str:
    return f"{number_format(100 * share, decimal_pos=0)} %"


def precision_and_recall(
    found: Finding, chart: Chart, marks: Sequence[Mark]
) -> SafeString:
    prior = " prior" if found.is_prior_only else ""
    parts = []
    for name in ("recall", "precision"):
        rows = [(row.threshold, getattr(row, name)) for row in found.rows]
        known = [(min(at, 1.0), one) for at, one in rows if one is not None]
        parts += _with_band(known, name + prior, 1.0)
    return plots.draw(chart, plots.percents(), parts, marks)


@dataclass(frozen=True)
class Rule:
    """What decides without a model, and how well."""

    name: str | Promise
    recall: float
    precision: float


def against_each_other(
    found: Finding, chart: Chart, tried: float, rules: Sequence[Rule]
) -> SafeString:
    """Recall across, precision up, with lines of the same F1 and what rules would do."""
    rows = [row for row in found.rows if row.precision and row.recall]
    curve = [(row.recall.mean, row.precision.mean) for row in rows]
    parts = [plots.line(_same_f1(f1), "f1", f"F1 {f1}") for f1 in F1_LINES]
    parts.append(plots.line(curve, "pr"))
    parts += [
        plots.dot((x, y), "pr", _told(row), 3)
        for (x, y), row in zip(curve, rows, strict=True)
    ]
    if rows:
        always = rows[0]
        at = (always.recall.mean, always.precision.mean)
        parts.append(plots.dot(at, "always", _("A reply to everything"), 6))
    parts += [
        plots.dot((one.recall, one.precision), "rule", str(one.name), 6)
        for one in rules
    ]
    now = found.at(tried)
    if now.precision and now.recall:
        point = (now.recall.mean, now.precision.mean)
        parts.append(plots.dot(point, "tried", _("The threshold tried"), 7))
    return plots.draw(chart, plots.percents(), parts)


def replies(found: Finding, chart: Chart, marks: Sequence[Mark]) -> SafeString:
    """Exact: it needs no labels."""
    steps = [n / 100 for n in range(101)]
    daily = _replies(found)
    top = round_up(max(daily))
    points = [(at, value / top) for at, value in zip(steps, daily, strict=True)]
    ground = [(at, 0.0) for at in steps]
    parts = [plots.area(ground, points, "replies"), plots.line(points, "replies")]
    return plots.draw(chart, ticks(top), parts, marks)


def cost(found: Finding, chart: Chart, marks: Sequence[Mark]) -> SafeString:
    """Split into unwanted and missed, with the interval of the best threshold shaded."""
    daily, prices = found.total / found.days, found.prices
    rows = [(min(row.threshold, 1.0), row) for row in found.rows]
    top = round_up(max(row.cost.high for _, row in rows) * daily)
    unwanted = [
        (at, prices.unwanted * row.unwanted.mean * daily / top) for at, row in rows
    ]
    total = [(at, row.cost.mean * daily / top) for at, row in rows]
    ground = [(at, 0.0) for at, _ in rows]
    parts = [
        plots.area(ground, unwanted, "unwanted"),
        plots.area(unwanted, total, "missed"),
        *_with_band([(at, row.cost) for at, row in rows], "cost", top / daily),
    ]
    if found.recommended is not None:
        parts.insert(0, plots.shade(*found.interval, "best"))
    return plots.draw(chart, ticks(top), parts, marks)


def ticks(top: float) -> list[tuple[float, str]]:
    digits = 0 if top >= 8 else 1 if top >= 0.8 else 2
    return [
        (n / plots.LINES, number_format(top * n / plots.LINES, decimal_pos=digits))
        for n in range(plots.LINES + 1)
    ]


def round_up(most: float) -> float:
    """The next round number that the lines of the grid divide evenly."""
    unit = 0.01
    while most > unit * 80:
        unit *= 10
    return next(n * unit for n in (4, 8, 12, 20, 40, 60, 80) if most <= n * unit + 1e-9)


def _replies(found: Finding) -> list[float]:
    daily, left = [], found.total
    for count in found.counts:
        daily.append(left / found.days)
        left -= count
    return daily


def _with_band(
    known: Sequence[tuple[float, Estimate]], kind: str, top: float
) -> list[SafeString]:
    lower = [(at, one.low / top) for at, one in known]
    higher = [(at, one.high / top) for at, one in known]
    mean = [(at, one.mean / top) for at, one in known]
    return [plots.area(lower, higher, f"band {kind}"), plots.line(mean, kind)]


def _same_f1(f1: float) -> list[plots.Point]:
    """precision = f1 * recall / (2 * recall - f1)"""
    start = f1 / (2 - f1)
    recalls = [start + (1 - start) * n / 20 for n in range(21)]
    return [(r, f1 * r / (2 * r - f1)) for r in recalls]


def _told(row: Row) -> str:
    return _("At %(at).2f: precision %(precision)s, recall %(recall)s") % {
        "at": row.threshold,
        "precision": percent(row.precision.mean),
        "recall": percent(row.recall.mean),
    }
