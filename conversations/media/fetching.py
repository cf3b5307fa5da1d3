"""Fetches the file of a message from the bridge, and stores it under a name of ours.

Each step may be repeated: a file is fetched once, and a row that says `stored` has one.
"""

import hashlib
import logging
import re

from conversations import whatsapp
from conversations.media import lanes
from conversations.media.sniffing import seconds, sniff
from conversations.media.storage import faults, store
from conversations.models import AgentSettings, MediaFile, Message
from conversations.whatsapp import BridgeError, Kind, MediaContent

logger = logging.getLogger(__name__)

State = MediaFile.State

CARRIERS = {
    Kind.IMAGE.value,
    Kind.VIDEO.value,
    Kind.VIDEO_NOTE.value,
    Kind.AUDIO.value,
    Kind.VOICE.value,
    Kind.DOCUMENT.value,
    Kind.STICKER.value,
}
# Of a thing that is not to be heard: then its message is judged without it.
TRIES = 3
MEGABYTE = 1_000_000
MOST_BYTES = 50 * MEGABYTE  # the most that the settings may allow
_downloads = lanes.Lanes()
# What would show a name as another one.
_DECEPTIVE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f]"
)


def carries_file(message: Message) -> bool:
    return message.kind in CARRIERS


def files(messages: list[Message]) -> dict[int, MediaFile]:
    """Their files by message, with rows for those that have none yet."""
    found = {
        one.message_id: one for one in MediaFile.objects.filter(message__in=messages)
    }
    for message in messages:
        if message.pk not in found:
            found[message.pk] = MediaFile.objects.get_or_create(
                message=message, defaults=_claimed(message.media)
            )[0]
    return found


def _claimed(media: dict) -> dict:
    """What the message says of its file; its type is told when it is here."""
    length, size = media.get("seconds"), media.get("bytes")
    return {
        "name": clean_name(str(media.get("file_name") or "")),
        "seconds": length if isinstance(length, int) and 0 <= length < 2**31 else None,
        "bytes": size if isinstance(size, int) and 0 <= size < 2**63 else None,
    }


def clean_name(name: str) -> str:
    """A file's name without folders and without what hides its end."""
    return _DECEPTIVE.sub("", re.split(r"[/\\]", name)[-1]).strip(" .")[:255]


def fetch(agent: AgentSettings, message: Message, file: MediaFile) -> float | None:
    """Fetch a file that is not there yet. Return after how many seconds to try again."""
    if file.state != State.PENDING:
        return None
    if reason := _too_large(agent, file.bytes):
        return end(file, State.REFUSED, reason)
    if not message.whatsapp_id:
        return end(file, State.FAILED, "It has no id to be fetched by")
    try:
        content = _download(message, file, int(agent.largest_file * MEGABYTE))
    except BridgeError as error:
        logger.info("Cannot fetch the file of message %s: %s", message.pk, error)
        if error.kind == "too_large":
            return end(file, State.REFUSED, _too_large(agent, MOST_BYTES + 1))
        if error.retryable:
            return again(file, str(error))
        return end(file, State.FAILED, str(error))
    if reason := _too_large(agent, len(content.data)):
        return end(file, State.REFUSED, reason)
    if not content.data:
        return end(file, State.FAILED, "The file is empty")
    try:
        _store(file, content)
    except faults() as error:
        logger.error("Cannot store the file of message %s: %r", message.pk, error)
        return again(file, f"It cannot be stored: {error!r}")
    return None


def _download(message: Message, file: MediaFile, most: int) -> MediaContent:
    """Its sender says how large it is. Of those that are small, several come at once."""
    fetch = whatsapp.provider().fetch_media
    where = message.conversation.instance, message.whatsapp_id
    if lanes.is_small(file.bytes):
        try:
            with _downloads.of(file.bytes):
                return fetch(*where, min(most, lanes.SMALL))
        except BridgeError as error:
            if error.kind != "too_large":
                raise
    with _downloads.of(None):
        return fetch(*where, most)


def _too_large(agent: AgentSettings, size: int | None) -> str:
    if agent.largest_file <= 0:
        return "Files are not fetched"
    if size is not None and size > agent.largest_file * MEGABYTE:
        return f"Larger than {agent.largest_file:g} MB"
    return ""


def end(file: MediaFile, state: str, reason: str) -> None:
    file.state, file.error = state, reason[:300]
    file.save(update_fields=["state", "error"])


def again(file: MediaFile, reason: str, asked_for: float | None = None) -> float:
    """Note that it failed, and return after how many seconds to try again."""
    file.error, file.attempts = reason[:300], file.attempts + 1
    file.save(update_fields=["error", "attempts"])
    return max(asked_for or 0, min(60, 2.0**file.attempts))


def _store(file: MediaFile, content: MediaContent) -> None:
    """The file first, then the row that names it: what has no row is swept away."""
    file.mimetype = sniff(content.data, content.mimetype)
    if file.message.kind == Kind.DOCUMENT:  # of others the bridge makes one up
        file.name = file.name or clean_name(content.name)
    file.bytes = len(content.data)
    file.sha256 = hashlib.sha256(content.data).hexdigest()
    file.seconds = seconds(content.data) or file.seconds
    store(file.file, content.data)
    file.state, file.error, file.attempts = State.STORED, "", 0
    file.save()


def forgive(message: Message) -> None:
    """What prevented it may be gone: the file is fetched and read anew."""
    rows = MediaFile.objects.filter(message=message).exclude(error="")
    rows.filter(state__in=[State.FAILED, State.REFUSED]).update(
        state=State.PENDING, error="", attempts=0
    )
    rows.update(error="", attempts=0, read_at=None)
