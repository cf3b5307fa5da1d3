"""What the evidence says, in sentences."""

from django.utils.formats import number_format
from django.utils.translation import gettext as _, ngettext

from llm.lab.curves import percent
from llm.lab.findings import MOST_UNWANTED, RISK, At, Badge, Finding
from llm.lab.posterior import Estimate
from llm.lab.prices import NEVER

TONES = {
    Badge.CERTIFIED: "ok",
    Badge.LIKELY: "ok",
    Badge.FEW: "warn",
    Badge.UNLIKELY: "bad",
}


def threshold(value: float) -> str:
    return _("never") if value >= NEVER else number_format(value, decimal_pos=2)


def daily(value: float) -> str:
    return number_format(value, decimal_pos=1 if value < 99.95 else 0)


def interval(one: Estimate) -> str:
    return f"{daily(one.mean)} [{daily(one.low)}–{daily(one.high)}]"


def shares(one: Estimate | None) -> str:
    if one is None:
        return _("n/a")
    low, high = (round(100 * value) for value in (one.low, one.high))
    return f"{percent(one.mean)} [{low}–{high}]"


def headline(found: Finding) -> str:
    """What the recommendation would change, for somebody who reads nothing else."""
    if found.then is None:
        return ""
    now, then = found.now, found.then
    if abs(now.threshold - then.threshold) < 0.005:
        return _(
            "The threshold in force, %s, is the one that the evidence recommends."
        ) % (threshold(now.threshold))
    return _(
        "Moving %(now)s → %(then)s would send %(replies)s; unwanted %(unwanted)s →"
        " %(less)s, missed %(missed)s → %(more)s a day."
    ) % {
        "now": threshold(now.threshold),
        "then": threshold(then.threshold),
        "replies": _replies(then.replies - now.replies),
        "unwanted": daily(now.unwanted.mean),
        "less": interval(then.unwanted),
        "missed": daily(now.missed.mean),
        "more": interval(then.missed),
    }


def _replies(change: float) -> str:
    number = daily(abs(change))
    if number == daily(0):
        return _("as many replies a day")
    if change < 0:
        return _("about %s fewer replies a day") % number
    return _("about %s more replies a day") % number


def badge(found: Finding) -> tuple[str, str, str]:
    """Its name, its tone, and what it promises."""
    match found.badge:
        case Badge.CERTIFIED:
            return (
                _("Certified"),
                TONES[Badge.CERTIFIED],
                _(
                    "Of the replies, at most %(most)s are unwanted; the chance that this is wrong is at most %(risk)s."
                )
                % _limits(),
            )
        case Badge.LIKELY:
            return (
                _("Likely"),
                TONES[Badge.LIKELY],
                _("By the labels so far, at most %(most)s of the replies are unwanted.")
                % _limits(),
            )
        case Badge.FEW:
            return _("Not enough labels"), TONES[Badge.FEW], _more(found)
        case Badge.UNLIKELY:
            return (
                _("Not borne out"),
                TONES[Badge.UNLIKELY],
                _(
                    "The labels do not bear out that at most %(most)s of the replies are unwanted."
                )
                % _limits(),
            )
    return "", "", ""


def _limits() -> dict[str, str]:
    return {"most": percent(MOST_UNWANTED), "risk": percent(RISK)}


def _more(found: Finding) -> str:
    more = found.missing_labels or 0
    return ngettext(
        "About %d more label is needed.", "About %d more labels are needed.", more
    ) % max(more, 1)


def one_class(found: Finding) -> str:
    bound = {"n": found.labelled, "bound": percent(found.one_class_bound)}
    if found.wanted:
        return (
            _(
                "Every one of %(n)d labels says wanted: at most %(bound)s of such messages are not."
            )
            % bound
        )
    return (
        _("None of %(n)d labels says wanted: at most %(bound)s of such messages are.")
        % bound
    )


def reliability(found: Finding) -> str:
    level, spread = found.level, found.spread
    if level is None or spread is None or found.is_one_class:
        return _("Labels of both kinds are needed to test the scores.")
    n = {"n": found.labelled}
    if level.p_value < 0.05:
        if level.observed > level.expected:
            return (
                _(
                    "The scores are too low: replies are wanted more often than they say (n=%(n)d)."
                )
                % n
            )
        return (
            _(
                "The scores are too high: replies are wanted less often than they say (n=%(n)d)."
            )
            % n
        )
    if spread.p_value < 0.05:
        return (
            _(
                "The scores do not mean what they say: too sure of themselves, or of little meaning (n=%(n)d)."
            )
            % n
        )
    return _("No evidence that the scores are off (n=%(n)d).") % n


def tried(one: At) -> dict[str, str]:
    """The numbers beside the slider."""
    return {
        "replies": daily(one.replies),
        "unwanted": interval(one.unwanted),
        "missed": interval(one.missed),
        "precision": shares(one.precision),
        "recall": shares(one.recall),
    }
