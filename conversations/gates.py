"""Rules that settle a burst before a model is asked. The first that applies wins.

Order: is the agent on at all; may this sender be answered; is it too late; is a person
here; is silence wanted; is it for us; is it worth asking; is there budget left.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

import regex
from django.utils import timezone

from conversations.models import (
    FOREVER,
    Access,
    AgentSettings,
    Conversation,
    Message,
    Mode,
)
from conversations.whatsapp import Kind
from llm.stopping import is_stop

Outcome = Message.Outcome

# Why a reply is written: in a direct chat, to somebody who addressed us, or of our own.
DIRECT, ADDRESSED, UNPROMPTED = "direct", "addressed", "unprompted"

_URL = regex.compile(r"https?://\S+|www\.\S+", regex.IGNORECASE)
_MENTION = regex.compile(r"@\d+")
LONGEST_STOP = 100
_LETTER = regex.compile(r"\p{L}|\p{N}")


@dataclass(frozen=True)
class Verdict:
    """Settled in silence (`outcome`), to be answered (`prompt`), or to be judged (neither)."""

    reason: str
    outcome: str = ""
    prompt: str = ""
    is_stop: bool = False  # from now on, for the set time


@dataclass(frozen=True)
class Spent:
    """What a conversation and the day have used up so far."""

    replies: list[datetime]  # of the agent in this conversation, within an hour
    unprompted: list[datetime]  # the same, unprompted ones, within a day
    calls: int  # of models, today, of all numbers
    cost: Decimal
    own_calls: int = 0  # of this number, where a limit of its own asks for them
    own_cost: Decimal = Decimal(0)


def check(
    agent: AgentSettings,
    conversation: Conversation,
    burst: list[Message],
    addressed: str,
    spent: Spent,
    other_number: str = "",
    is_shown: bool = False,
) -> Verdict:
    """`addressed` says how the burst addresses the agent, `other_number` which other
    instance of ours it comes from; "" if it does not. `is_shown`: the model that judges
    sees a picture of it."""
    said = burst[-1]
    if silence := shut(agent, conversation, said, other_number, addressed):
        return Verdict(outcome=silence[0], reason=silence[1])
    if addressed and _tells_to_stop(agent, conversation, said):
        outcome, reason = told_to_stop(agent)
        return Verdict(outcome=outcome, reason=reason, is_stop=True)
    if silence := looping(agent, spent):
        return Verdict(outcome=silence[0], reason=silence[1])
    if not conversation.is_group or addressed:
        return _prompted(agent, conversation, addressed, spent)
    if silence := (
        _not_addressed(agent)
        or (not is_shown and _trivial(burst))
        or _unprompted_budget(agent, spent)
        or model_budget(agent, spent)
    ):
        return Verdict(outcome=silence[0], reason=silence[1])
    return Verdict(reason="Not addressed: the model is asked")


def _prompted(
    agent: AgentSettings, conversation: Conversation, addressed: str, spent: Spent
) -> Verdict:
    if silence := model_budget(agent, spent):
        return Verdict(outcome=silence[0], reason=silence[1])
    if conversation.is_group:
        return Verdict(reason=addressed, prompt=ADDRESSED)
    return Verdict(reason="A direct message", prompt=DIRECT)


Silence = tuple[str, str] | None


def shut(
    agent: AgentSettings,
    conversation: Conversation,
    message: Message,
    other_number: str = "",
    addressed: str = "",
) -> Silence:
    """Whether nothing is answered, whatever the burst that ends with this one says."""
    return (
        stood_back(agent, conversation)
        or _from_ourselves(other_number)
        or _not_allowed(agent, conversation, message)
        or _too_old(agent, message)
        or quiet(agent, conversation, is_addressed=bool(addressed))
    )


def stood_back(agent: AgentSettings, conversation: Conversation) -> Silence:
    """Whether the agent is to be silent here, whatever is said."""
    if not agent.whole.is_on:
        return Outcome.PAUSED, "The agent is switched off"
    if not agent.is_on:
        return Outcome.PAUSED, "The agent is switched off for this number"
    if conversation.mode == Mode.OFF:
        return Outcome.PAUSED, "The agent is off in this conversation"
    if conversation.is_paused:
        until = conversation.paused_until
        return (
            Outcome.PAUSED,
            "Paused" if until == FOREVER else f"Paused until {_time(until)}",
        )
    if conversation.is_taken_over:
        return (
            Outcome.TAKEN_OVER,
            f"A person is here until {_time(conversation.taken_over_until)}",
        )
    return None


def quiet(
    agent: AgentSettings, conversation: Conversation, *, is_addressed: bool
) -> Silence:
    """Whether a group's wish for silence still holds."""
    if not conversation.is_quiet or (is_addressed and not agent.quiet_when_addressed):
        return None
    return Outcome.STOPPED, f"Asked to be quiet until {_time(conversation.quiet_until)}"


def told_to_stop(agent: AgentSettings) -> tuple[str, str]:
    return Outcome.STOPPED, f"Told to be quiet for {agent.quiet_minutes} minutes"


def _tells_to_stop(
    agent: AgentSettings, conversation: Conversation, message: Message
) -> bool:
    """A few words that tell the agent to stop need no model to be understood."""
    is_possible = conversation.is_group and agent.quiet_minutes > 0
    return is_possible and says_stop(message.text, agent.names)


def says_stop(text: str, names: list[str]) -> bool:
    """Whether a text is nothing but the wish for silence, and whom it is said to."""
    if len(text) > LONGEST_STOP:
        return False
    said = _MENTION.sub(" ", text)
    for name in names:
        said = _name(name).sub(" ", said)
    return is_stop(said)


def _name(name: str) -> regex.Pattern:
    return regex.compile(rf"(?<!\w){regex.escape(name)}(?!\w)", regex.IGNORECASE)


def _time(moment: datetime) -> str:
    return f"{timezone.localtime(moment):%d %b %H:%M}"


def _from_ourselves(other_number: str) -> Silence:
    """Two of our numbers in one chat would talk to each other for ever."""
    if other_number:
        return Outcome.FILTERED, f"From another of our numbers: {other_number}"
    return None


def _not_allowed(
    agent: AgentSettings, conversation: Conversation, message: Message
) -> Silence:
    sender = message.sender.access if message.sender else Access.DEFAULT
    access = {conversation.access, sender}
    if Access.BLOCKED in access:
        return Outcome.FILTERED, "The sender or the conversation is blocked"
    if agent.only_allowed and Access.ALLOWED not in access:
        return (
            Outcome.FILTERED,
            "Neither the sender nor the conversation is on the allow list",
        )
    return None


def _too_old(agent: AgentSettings, message: Message) -> Silence:
    if message.sent_at < agent.oldest_answered_at:
        return Outcome.TOO_OLD, f"Older than {agent.oldest_answered} minutes"
    return None


def looping(agent: AgentSettings, spent: Spent) -> Silence:
    minute_ago = timezone.now() - timedelta(minutes=1)
    if sum(at >= minute_ago for at in spent.replies) >= agent.replies_per_minute:
        return (
            Outcome.OVER_BUDGET,
            f"{agent.replies_per_minute} replies within a minute: a loop?",
        )
    if len(spent.replies) >= agent.replies_per_hour:
        return (
            Outcome.OVER_BUDGET,
            f"{agent.replies_per_hour} replies within an hour: a loop?",
        )
    return None


def _not_addressed(agent: AgentSettings) -> Silence:
    if agent.group_policy == AgentSettings.GroupPolicy.ADDRESSED:
        return Outcome.NOT_ADDRESSED, "In groups it answers only when addressed"
    return None


def _trivial(burst: list[Message]) -> Silence:
    """Nothing in it that a question could be made of."""
    if all(message.kind != Kind.TEXT and not message.text for message in burst):
        return Outcome.FILTERED, f"Only {burst[-1].kind} without words"
    words = " ".join(_URL.sub("", message.text) for message in burst)
    if len(_LETTER.findall(words)) < 3 and "?" not in words:
        return Outcome.FILTERED, "No words: an emoji, a link or a sign of life"
    return None


def _unprompted_budget(agent: AgentSettings, spent: Spent) -> Silence:
    now = timezone.now()
    gap = timedelta(minutes=agent.unprompted_gap)
    # What is dated later than now was said before the clock was set back.
    if any(timedelta() <= now - at < gap for at in spent.unprompted):
        return (
            Outcome.OVER_BUDGET,
            f"It spoke unprompted less than {agent.unprompted_gap:g} min ago",
        )
    hour = sum(at > now - timedelta(hours=1) for at in spent.unprompted)
    if hour >= agent.unprompted_per_hour:
        return Outcome.OVER_BUDGET, f"{hour} unprompted replies within an hour"
    if len(spent.unprompted) >= agent.unprompted_per_day:
        return (
            Outcome.OVER_BUDGET,
            f"{len(spent.unprompted)} unprompted replies within a day",
        )
    return None


def model_budget(agent: AgentSettings, spent: Spent) -> Silence:
    reason = _used_up(agent.whole, spent.calls, spent.cost)
    if not reason and (own := _used_up(agent, spent.own_calls, spent.own_cost)):
        reason = f"{own}, of this number"
    return (Outcome.OVER_BUDGET, reason) if reason else None


def _used_up(agent: AgentSettings, calls: int, cost: Decimal) -> str:
    most_calls, most_cost = agent.daily_limits
    if most_calls is not None and calls >= most_calls:
        return f"The daily limit of {most_calls} model calls"
    if most_cost is not None and cost >= most_cost:
        return f"The daily spend limit of {most_cost}"
    return ""


def how_addressed(
    message: Message, own_jids: set[str], names: list[str], is_reply_to_us: bool
) -> str:
    """How a group message addresses the agent, "" if it does not."""
    if own_jids & set(message.mentions):
        return "It mentions the agent"
    if is_reply_to_us or message.quoted_sender in own_jids:
        return "It replies to the agent"
    for name in names:
        if _name(name).search(message.text):
            return f"It calls {name} by name"
    return ""
