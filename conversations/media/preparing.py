"""What the messages of a burst carry, fetched and read before the burst is judged.

A burst of plain texts costs nothing here. All of it may be repeated: what is fetched or
read stays so, and what failed for good says why.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils import timezone

from conversations.mailbox import Lease
from conversations.media import fetching, hearing, reading
from conversations.models import (
    Access,
    AgentSettings,
    Conversation,
    MediaFile,
    Message,
    Mode,
)
from conversations.whatsapp import Kind

SPOKEN = (Kind.VOICE, Kind.AUDIO)


@dataclass(frozen=True)
class Prepared:
    until: datetime | None = None  # when to look again
    unheard: str = ""  # why nothing of the burst can be understood


def prepare(
    lease: Lease,
    agent: AgentSettings,
    conversation: Conversation,
    burst: list[Message],
    *,
    is_silent: bool,
    addressed: str,
) -> Prepared:
    """`is_silent`: whatever it says, nothing is answered. Then nothing may cost money."""
    left = [message for message in burst if not message.deleted_at]
    carriers = [message for message in left if fetching.carries_file(message)]
    if not carriers or not _may_keep(conversation, burst[-1]):
        return Prepared()
    found = fetching.files(carriers)
    is_heard = not is_silent and hearing.is_wanted(agent, conversation, addressed)
    waits = []
    for message in carriers:
        message.conversation = conversation
        file = found[message.pk]
        wait = fetching.fetch(agent, message, file)
        if wait is None and is_heard and message.kind in SPOKEN:
            wait = hearing.hear(lease, agent, message, file)
        if not is_silent:
            reading.read(agent, file)
        if wait is not None:
            waits.append((wait, message, file))
    if until := _until(agent, burst, waits, is_silent):
        return Prepared(until)
    for _, _, file in waits:
        hearing.give_up(lease, file)
    if not is_heard or any(message.text for message in left):
        return Prepared()
    reasons = (found[one.pk].error for one in carriers if one.kind == Kind.VOICE)
    return Prepared(unheard=next(filter(None, reasons), ""))


def fetch_one(agent: AgentSettings, message: Message) -> None:
    """As staff asked for it, whatever became of the message."""
    file = fetching.files([message])[message.pk]
    wait = fetching.fetch(agent, message, file)
    is_spoken = message.is_inbound and message.kind in SPOKEN
    is_wanted = agent.transcribe != AgentSettings.Transcribe.NEVER
    if wait is None and is_spoken and is_wanted:
        wait = hearing.hear(None, agent, message, file)
    reading.read(agent, file)
    if wait is not None:
        hearing.give_up(None, file)


def _may_keep(conversation: Conversation, message: Message) -> bool:
    """Of who is blocked, and where the agent is off, nothing is fetched."""
    sender = message.sender.access if message.sender else Access.DEFAULT
    is_blocked = Access.BLOCKED in (conversation.access, sender)
    return conversation.mode != Mode.OFF and not is_blocked


def _until(
    agent: AgentSettings,
    burst: list[Message],
    waits: list[tuple[float, Message, MediaFile]],
    is_silent: bool,
) -> datetime | None:
    """When to try again; None when that would be too late, or is not worth it.

    Where nothing is answered, nobody waits for it; whoever is there wants to see it.
    """
    patient = [
        wait
        for wait, message, file in waits
        if file.attempts < fetching.TRIES
        or (message.kind == Kind.VOICE and not is_silent)
    ]
    if not patient:
        return None
    until = timezone.now() + timedelta(seconds=max(patient))
    oldest = timedelta(minutes=agent.oldest_answered)
    is_in_time = until - burst[-1].sent_at < oldest
    return until if is_silent or is_in_time else None
