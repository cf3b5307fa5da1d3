"""What the model of step 1 does otherwise than it used to, in words."""

from collections.abc import Iterator

from django.contrib.auth.models import AnonymousUser, User
from django.urls import reverse
from django.utils.translation import gettext as _

from conversations.models import Conversation
from llm.lab.drift import Alarm, Sign, drift
from whatsapp_agent.home.attention import MOST, Concern


def of_drift(user: User | AnonymousUser) -> Iterator[Concern]:
    if not user.has_perm("llm.view_decision"):
        return
    alarms = drift().alarms[:MOST]
    keys = {alarm.conversation for alarm in alarms} - {None}
    groups = Conversation.objects.in_bulk(keys) if keys else {}
    for alarm in alarms:
        text = sentence(alarm)
        if group := groups.get(alarm.conversation):
            text = _("%(group)s: %(text)s") % {"group": group, "text": text}
        yield Concern(text, reverse("admin:lab"), "warn")


def sentence(alarm: Alarm) -> str:
    return _text(alarm) % {
        "model": alarm.version.model,
        "before": _percent(alarm.before),
        "now": _percent(alarm.now),
        "value": f"{alarm.value or 0:.2f}",
    }


def _text(alarm: Alarm) -> str:
    match alarm.sign, alarm.now > alarm.before:
        case Sign.SCORES, True:
            return _(
                "The probabilities by %(model)s have risen: %(now)s on average,"
                " %(before)s before. Does the threshold still fit?"
            )
        case Sign.SCORES, False:
            return _(
                "The probabilities by %(model)s have moved: %(now)s on average,"
                " %(before)s before. Does the threshold still fit?"
            )
        case Sign.FAILURES, _any:
            return _(
                "%(model)s fails more often: %(now)s of its last judgements,"
                " %(before)s before"
            )
        case Sign.REPLIES, _any:
            return _(
                "The agent finds a reply wanted in %(now)s of the last judgements,"
                " in %(before)s before"
            )
        case _any:
            return _(
                "%(model)s says %(value)s in %(now)s of its last judgements,"
                " in %(before)s before: does it still tell them apart?"
            )


def _percent(share: float) -> str:
    return f"{share * 100:.0f}\N{NO-BREAK SPACE}%"
