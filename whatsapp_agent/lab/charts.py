"""The charts of the page, each with the table that says the same."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from django.utils.formats import number_format
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from llm.lab import curves, reliability, stacked
from llm.lab.curves import Rule, percent
from llm.lab.findings import Finding
from llm.lab.plots import Chart, Mark
from llm.lab.posterior import Row
from llm.lab.prices import NEVER
from whatsapp_agent.lab import words


@dataclass(frozen=True)
class Key:
    kind: str
    label: str


@dataclass(frozen=True)
class Figure:
    key: str
    title: str
    note: str
    drawing: SafeString
    keys: list[Key]
    head: list[str]
    rows: list[list[str]]


def figures(found: Finding, tried: float, rules: Sequence[Rule]) -> Iterator[Figure]:
    marks = [Mark("now", found.threshold)]
    if found.recommended is not None:
        marks.append(Mark("best", found.recommended))
    marks.append(Mark("tried", tried))
    yield _scores(found, marks)
    yield _precision(found, marks)
    yield _replies(found, marks)
    yield _cost(found, marks)
    yield _against(found, tried, rules)
    if found.labels:
        yield _reliability(found)


def _scores(found: Finding, marks: list[Mark]) -> Figure:
    title = _("Scores")
    note = _("How often each score was given")
    chart = Chart("scores", title, note, _("probability that a reply is wanted"))
    rows = [
        [f"{n / 20:.2f}–{(n + 1) / 20:.2f}", *map(_whole, row)]
        for n, row in enumerate(stacked.bins(found))
    ]
    return Figure(
        "scores",
        title,
        note,
        stacked.histogram(found, chart, marks),
        [
            Key("wanted", _("Labelled wanted")),
            Key("unwanted", _("Labelled not wanted")),
            Key("unlabelled", _("Not labelled")),
        ],
        [_("Score"), _("Wanted"), _("Not wanted"), _("Not labelled")],
        rows,
    )


def _precision(found: Finding, marks: list[Mark]) -> Figure:
    title = _("Precision and recall")
    note = (
        _("No labels here: what is expected of the score alone or from other groups")
        if found.is_prior_only
        else _("With 90 % intervals")
    )
    chart = Chart("precision", title, note, _("threshold"))
    rows = [
        [
            words.threshold(row.threshold),
            words.shares(row.precision),
            words.shares(row.recall),
        ]
        for row in found.rows
    ]
    return Figure(
        "precision",
        title,
        note,
        curves.precision_and_recall(found, chart, marks),
        [
            Key("precision", _("Precision: of the replies, how many are wanted")),
            Key("recall", _("Recall: of the wanted ones, how many are sent")),
        ],
        [_("Threshold"), _("Precision"), _("Recall")],
        rows,
    )


def _against(found: Finding, tried: float, rules: Sequence[Rule]) -> Figure:
    title = _("Precision against recall")
    note = _("Each point is a threshold; thin lines have the same F1")
    chart = Chart("against", title, note, _("recall"))
    always = found.rows[0]
    rows = [
        [
            words.threshold(row.threshold),
            words.shares(row.recall),
            words.shares(row.precision),
            _f1(row),
        ]
        for row in found.rows
    ]
    rows.append(
        [
            _("A reply to everything"),
            words.shares(always.recall),
            words.shares(always.precision),
            _f1(always),
        ]
    )
    rows += [
        [
            one.name,
            percent(one.recall),
            percent(one.precision),
            _harmonic(one.precision, one.recall),
        ]
        for one in rules
    ]
    return Figure(
        "against",
        title,
        note,
        curves.against_each_other(found, chart, tried, rules),
        [
            Key("always-dot", _("A reply to everything")),
            *([Key("rule-dot", _("A simple rule: see the table"))] if rules else []),
            Key("tried-dot", _("The threshold tried")),
        ],
        [_("Threshold"), _("Recall"), _("Precision"), _("F1")],
        rows,
    )


def _replies(found: Finding, marks: list[Mark]) -> Figure:
    title = _("Replies a day")
    note = _("Counted, not estimated")
    chart = Chart("replies", title, note, _("threshold"))
    rows = [
        [
            words.threshold(row.threshold),
            words.daily(row.response_rate * found.total / found.days),
            percent(row.response_rate),
        ]
        for row in found.rows
    ]
    head = [_("Threshold"), _("Replies a day"), _("Share")]
    drawing = curves.replies(found, chart, marks)
    return Figure("replies", title, note, drawing, [], head, rows)


def _cost(found: Finding, marks: list[Mark]) -> Figure:
    title = _("Cost a day")
    note = _("In unwanted replies, with 90 % interval")
    chart = Chart("cost", title, note, _("threshold"))
    daily = found.total / found.days
    rows = [
        [
            words.threshold(row.threshold),
            words.daily(row.unwanted.mean * daily),
            words.daily(row.missed.mean * daily),
            words.interval(type(row.cost)(*(value * daily for value in row.cost))),
        ]
        for row in found.rows
    ]
    keys = [
        Key("unwanted-area", _("Unwanted replies")),
        Key("missed-area", _("Missed questions")),
    ]
    if found.recommended is not None and found.recommended < NEVER:
        keys.append(Key("best-area", _("Where the best threshold lies")))
    return Figure(
        "cost",
        title,
        note,
        curves.cost(found, chart, marks),
        keys,
        [_("Threshold"), _("Unwanted"), _("Missed"), _("Cost")],
        rows,
    )


def _reliability(found: Finding) -> Figure:
    title = _("Do the scores mean what they say?")
    note = words.reliability(found)
    chart = Chart("reliability", title, note, _("score"))
    rows = [
        [
            number_format(one.score, decimal_pos=2),
            f"{percent(one.share)} [{round(100 * one.interval.low)}–{round(100 * one.interval.high)}]",
            str(one.labelled),
        ]
        for one in found.dots
    ]
    keys = [Key("band-dot", _("Labels of a band, with 90 % interval"))]
    if not found.is_one_class:
        before, after = found.brier
        rows.append(
            [_("Brier score"), f"{before:.3f} → {after:.3f}", str(found.labelled)]
        )
        keys.append(Key("calibrated", _("Calibrated")))
    keys.append(Key("diagonal", _("As the scores say")))
    return Figure(
        "reliability",
        title,
        note,
        reliability.diagram(found, chart),
        keys,
        [_("Score"), _("Wanted"), _("Labels")],
        rows,
    )


def _f1(row: Row) -> str:
    if not (row.precision and row.recall):
        return _("n/a")
    return _harmonic(row.precision.mean, row.recall.mean)


def _harmonic(precision: float, recall: float) -> str:
    if not precision + recall:
        return _("n/a")
    f1 = 2 * precision * recall / (precision + recall)
    return number_format(f1, decimal_pos=2)


def _whole(number: int) -> str:
    return number_format(number, force_grouping=True)
