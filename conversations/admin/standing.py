"""Whether the agent answers in a conversation, in a few words."""

from dataclasses import dataclass
from datetime import datetime

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from conversations.models import FOREVER, AgentSettings, Conversation, Mode


@dataclass(frozen=True)
class Standing:
    text: str
    tone: str = ""
    is_back: bool = False  # it stands back, and can be told to go on


def standing(conversation: Conversation) -> Standing:
    agent = AgentSettings.of(conversation.instance)
    name = {"name": agent.bot_name}
    if not agent.is_on:
        return Standing(_("%(name)s is switched off") % name, "bad")
    if conversation.is_paused:
        return Standing(_paused(conversation.paused_until), "warn", is_back=True)
    if conversation.is_taken_over:
        until = {"time": moment(conversation.taken_over_until)}
        return Standing(_("A person is here until %(time)s") % until, "warn", True)
    if conversation.is_quiet:
        until = {"time": moment(conversation.quiet_until)}
        return Standing(_("Asked to be quiet until %(time)s") % until, "warn", True)
    match conversation.mode:
        case Mode.LIVE:
            return Standing(_("%(name)s answers here") % name, "ok")
        case Mode.DRAFT:
            return Standing(_("%(name)s writes drafts here") % name, "warn")
        case Mode.SHADOW:
            return Standing(_("%(name)s only watches here") % name)
    return Standing(_("%(name)s is off here") % name)


def moment(at: datetime) -> str:
    """As short as it is clear."""
    local = timezone.localtime(at)
    is_today = local.date() == timezone.localdate()
    return date_format(local, "TIME_FORMAT" if is_today else "SHORT_DATETIME_FORMAT")


def _paused(until: datetime) -> str:
    if until == FOREVER:
        return _("Paused until somebody resumes")
    return _("Paused until %(time)s") % {"time": moment(until)}
