"""What tests of a conversation's page say and ask again and again."""

import re
from datetime import timedelta

from django.urls import reverse
from django.utils import timezone

from conversations.models import Conversation, Message
from llm.models import Decision
from tests.factories import make_inbound

HTMX = {"HX-Request": "true"}
READER = ["view_conversation"]
OPERATOR = [*READER, "steer_conversation"]


def url(conversation: Conversation, view: str = "change", **also: int) -> str:
    name = f"admin:conversations_conversation_{view}"
    key = "object_id" if view == "change" else "pk"
    return reverse(name, kwargs={key: conversation.pk, **also})


def decide(message: Message, **fields) -> Decision:
    defaults = {
        "conversation": message.conversation,
        "step": "relevance",
        "source": "model",
        "outcome": "silent",
        "p": 0.35,
        "threshold": 0.6,
        "why": "They ask each other",
        "provider": "openai",
        "model": "small-1",
        "input": "the secret prompt",
        "output": "the raw answer",
    }
    decision = Decision.objects.create(**{**defaults, **fields})
    decision.messages.add(message)
    return decision


def say(conversation: Conversation, count: int) -> list[Message]:
    """As many messages, a second apart."""
    start = timezone.now() - timedelta(hours=1)
    return [
        make_inbound(
            conversation, f"message {n};", sent_at=start + timedelta(seconds=n)
        )
        for n in range(count)
    ]


def react(message: Message, emoji: str, **fields) -> Message:
    return make_inbound(
        message.conversation,
        emoji,
        kind="reaction",
        quoted_id=message.whatsapp_id,
        outcome="filtered",
        reason="A reaction",
        **fields,
    )


def bubble(text: str, message: Message) -> str:
    """The part of a page that is about one message."""
    found = re.search(rf'<article id="message-{message.pk}".*?</article>', text, re.S)
    return found[0] if found else ""
