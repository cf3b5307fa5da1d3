"""Which messages to judge together, and when."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from conversations.models import Message


@dataclass(frozen=True)
class Burst:
    """The pending messages of one sender, and when that sender counts as silent."""

    messages: list[Message]
    over_at: datetime


def first_over(
    pending: list[Message], wait_for: Callable[[Message], float], longest: float
) -> Burst | None:
    """The burst that is over first. `wait_for` gives a message's seconds of silence.

    Messages of different senders are never merged, and nobody waits for anybody else.
    """
    by_sender: dict[int | None, list[Message]] = {}
    for message in pending:
        by_sender.setdefault(message.sender_id, []).append(message)
    bursts = [
        Burst(messages, _over_at(messages, wait_for, longest))
        for messages in by_sender.values()
    ]
    return min(bursts, key=lambda burst: burst.over_at, default=None)


def _over_at(
    messages: list[Message], wait_for: Callable[[Message], float], longest: float
) -> datetime:
    wait = min(wait_for(message) for message in messages)
    first = min(message.received_at for message in messages)
    last = max(message.received_at for message in messages)
    return min(last + timedelta(seconds=wait), first + timedelta(seconds=longest))
