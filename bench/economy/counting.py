"""A replay's tally, from what the product stored about it."""

import re

from django.db.models import Count

from bench.economy.chats import Chat
from bench.economy.replay import NOT_IN_THE_SCRIPT
from bench.economy.tally import Tally
from conversations.models import Conversation
from llm.models import Decision

WAITING = "waiting for the burst to end"
ADDRESSED = "addressed: answered without judging"
# A rule's reason, as stored, and what it is called here.
RULES = {
    r"It calls .* by name|It mentions|It replies": ADDRESSED,
    r"No words|Only .* without words": "nothing to judge in it",
    r"It spoke unprompted less than": "budget: too soon after an unprompted reply",
    r"unprompted replies within an hour": "budget: unprompted replies an hour",
    r"unprompted replies within a day": "budget: unprompted replies a day",
    r"a loop\?": "guard against loops",
    r"Older than": "too old",
}


def count(chat: Chat, conversation: Conversation) -> Tally:
    found = Tally(len(chat.messages), chat.hours, wanted=len(chat.replies))
    for decision in conversation.decisions.annotate(size=Count("messages")):
        _count_decision(found, decision)
    _count_wanted(found, chat, conversation)
    replies = conversation.messages.filter(author="agent", status="sent")
    found.sent = replies.count()
    found.uncalled_for = replies.filter(text=NOT_IN_THE_SCRIPT).count()
    return found


def _count_decision(found: Tally, decision: Decision) -> None:
    if decision.step == Decision.Step.RESPONSE:
        found.written += 1
        return
    # One message of a burst stands for the decision; the others cost none.
    found.unjudged[WAITING] += decision.size - 1
    if decision.source == Decision.Source.MODEL:
        found.judged += 1
    else:
        found.unjudged[_rule(decision.why)] += 1


def _count_wanted(found: Tally, chat: Chat, conversation: Conversation) -> None:
    ids = [f"{n:08}" for n in chat.replies]
    for message in conversation.messages.with_whatsapp_ids(ids):
        if message.outcome == "replied":
            found.answered += 1
        else:
            found.missed[_rule(message.reason)] += 1


def _rule(reason: str) -> str:
    return next(
        (name for pattern, name in RULES.items() if re.search(pattern, reason)), reason
    )
