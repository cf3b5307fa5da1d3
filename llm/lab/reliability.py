"""Do scores mean what they say? Labels of each band beside its scores."""

from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from llm.lab import plots
from llm.lab.bands import STEPS
from llm.lab.curves import percent
from llm.lab.findings import Dot, Finding
from llm.lab.plots import Chart


def diagram(found: Finding, chart: Chart) -> SafeString:
    parts = [plots.line([(0, 0), (1, 1)], "diagonal")]
    if found.labels and not found.is_one_class:
        curve = [(n / STEPS, p) for n, p in enumerate(found.calibrated)]
        parts.append(plots.line(curve, "calibrated"))
    for one in found.dots:
        parts.append(plots.whisker(one.score, *one.interval, "band"))
        parts.append(plots.dot((one.score, one.share), "band", told(one)))
    return plots.draw(chart, plots.percents(), parts)


def told(one: Dot) -> str:
    return _("Scores about %(score).2f: wanted in %(share)s of %(count)d labels") % {
        "score": one.score,
        "share": percent(one.share),
        "count": one.labelled,
    }
