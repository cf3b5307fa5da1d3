"""Commands in a chat, from contacts whom the operator named. No model is asked.

Who may command is decided by the contact alone, and what is a command by its exact
text: what anybody claims to be, or an edit makes of a message, changes nothing.
"""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from conversations import forgetting, gates, settings_history, steering
from conversations.models import (
    FOREVER,
    Access,
    AgentSettings,
    Conversation,
    Message,
    Mode,
)
from conversations.whatsapp import Kind

FORGET, FORGET_YES = ("forget", ()), ("forget", ("yes",))
# To one person within ten minutes, who commands nothing else.
MOST_ANSWERS = 4
_DURATION = re.compile(r"([1-9][0-9]{0,3})(m|h|d)")
_UNITS = {"m": "minutes", "h": "hours", "d": "days"}


@dataclass(frozen=True)
class Said:
    """A command, and the message that gives it."""

    message: Message
    word: str
    arguments: tuple[str, ...]
    prefix: str

    @property
    def text(self) -> str:
        return " ".join([self.prefix + self.word, *self.arguments])[:100]


def first(
    agent: AgentSettings, conversation: Conversation, pending: list[Message]
) -> Said | None:
    """The first command among these. Nothing that waits holds it up."""
    if not agent.command_prefix:
        return None
    found = (_said(agent.command_prefix, message) for message in pending)
    return next(
        (said for said in found if said and _may_say(said, agent, conversation)), None
    )


def _said(prefix: str, message: Message) -> Said | None:
    if message.kind != Kind.TEXT or message.edited_at or message.deleted_at:
        return None
    if not message.text.startswith(prefix):
        return None
    word, *arguments = message.text[len(prefix) :].lower().split() or [""]
    if not re.fullmatch("[a-z]+", word):
        return None
    return Said(message, word, tuple(arguments), prefix)


def _may_say(said: Said, agent: AgentSettings, conversation: Conversation) -> bool:
    sender = said.message.sender
    if sender is None or sender.access == Access.BLOCKED:
        return False
    return sender.may_command or _is_wish(said, agent, conversation)


def _is_wish(said: Said, agent: AgentSettings, conversation: Conversation) -> bool:
    """Whether anybody may say it: to be forgotten, unless they only play with it."""
    if not agent.forget_in_chat or conversation.is_group:
        return False
    if (said.word, said.arguments) not in (FORGET, FORGET_YES):
        return False
    lately = timezone.now() - timedelta(minutes=10)
    answers = conversation.messages.filter(sent_at__gte=lately, author="command")
    return answers.count() < MOST_ANSWERS


def is_answered(conversation: Conversation) -> bool:
    """A group where the agent is not to be noticed does not hear of commands either."""
    return not conversation.is_group or conversation.mode not in (Mode.OFF, Mode.SHADOW)


def obey(said: Said, conversation: Conversation) -> str:
    """Do it, and return what to answer. The transaction is the caller's."""
    match said.word, said.arguments:
        case "pause", ():
            return _pause(conversation, FOREVER)
        case "pause", ("all",):
            return _switch(said, is_on=False)
        case "pause", (duration,) if span := _span(duration):
            return _pause(conversation, timezone.now() + span)
        case "resume", ():
            steering.resume(conversation)
            return _resumed(conversation)
        case "resume", ("all",):
            return _switch(said, is_on=True)
        case "status", ():
            return _status(conversation)
        case command if command == FORGET and not conversation.is_group:
            return _ask_whether(said.prefix)
        case command if command == FORGET_YES and not conversation.is_group:
            forgetting.ask(said.message.sender)
            return _("What you said is being deleted here.")
    return _help(said.prefix)


def be_quiet(conversation: Conversation, minutes: int) -> None:
    until = timezone.now() + timedelta(minutes=minutes)
    Conversation.objects.filter(pk=conversation.pk).update(quiet_until=until)


def _span(text: str) -> timedelta | None:
    found = _DURATION.fullmatch(text)
    return timedelta(**{_UNITS[found[2]]: int(found[1])}) if found else None


def _pause(conversation: Conversation, until: datetime) -> str:
    steering.pause(conversation, until)
    if until == FOREVER:
        return _("Paused here until somebody resumes.")
    return _("Paused here until %(time)s.") % {"time": _moment(until)}


def _switch(said: Said, *, is_on: bool) -> str:
    row = settings_history.lock()
    if row.is_on != is_on:
        before = {"is_on": row.is_on}
        row.is_on = is_on
        who = f"{said.message.sender}: {said.text}"
        settings_history.save(row, before, None, commander=who[:200])
    if not is_on:
        return _("Switched off in all chats until somebody resumes all.")
    answer = _("Switched on. Chats that are paused by themselves stay so.")
    if off := row.switched_off:
        answer += " " + _("Still switched off: %(names)s.") % {"names": ", ".join(off)}
    return answer


def _resumed(conversation: Conversation) -> str:
    agent = AgentSettings.load()
    if not agent.is_on:
        return _("Resumed here, but everything is switched off: resume all.")
    if not agent.laid_over(conversation.instance).is_on:
        return _("Resumed here, but this number is switched off in the settings.")
    if conversation.mode == Mode.OFF:
        return _("Resumed, but the agent is off in this chat.")
    return _("Resumed here.")


def _status(conversation: Conversation) -> str:
    agent = AgentSettings.load().laid_over(conversation.instance)
    silence = gates.stood_back(agent, conversation)
    silence = silence or gates.quiet(agent, conversation, is_addressed=False)
    if silence:
        return _("Silent here: %(reason)s.") % {"reason": silence[1]}
    match conversation.mode:
        case Mode.SHADOW:
            return _("Only watching here: nothing is sent.")
        case Mode.DRAFT:
            return _("Writing drafts here, for approval.")
    return _("Answering here.")


def _ask_whether(prefix: str) -> str:
    return _(
        "Everything that you wrote is then deleted here, in groups too, and cannot be"
        " brought back. If that is what you want, answer: %(p)sforget yes"
    ) % {"p": prefix}


def _help(prefix: str) -> str:
    return _(
        "%(p)spause - be silent here; %(p)spause 2h for two hours (30m, 1d)\n"
        "%(p)sresume - answer here again\n"
        "%(p)spause all, %(p)sresume all - the same in all chats\n"
        "%(p)sstatus - what it does here"
    ) % {"p": prefix}


def _moment(at: datetime) -> str:
    return date_format(timezone.localtime(at), "SHORT_DATETIME_FORMAT")
