"""Files that staff send by hand: stored before they are queued, read again to be sent.

What is stored and then not queued has no row, and is swept away like any such file.
"""

import hashlib
import mimetypes
from collections.abc import Iterator
from contextlib import contextmanager

from django.core.files.uploadedfile import UploadedFile
from django.db.models import F, QuerySet

from conversations.media import lanes, storage
from conversations.media.fetching import MEGABYTE, MOST_BYTES, carries_file, clean_name
from conversations.media.pictures import is_whole
from conversations.media.sniffing import OTHER, PICTURES, sniff
from conversations.models import AgentSettings, MediaFile, Message
from conversations.whatsapp import IncomingMessage, Kind, MediaContent, SentMessage

_uploads = lanes.Lanes()
# What every phone shows or plays in place. All else arrives whole as a document.
SHOWN = {
    "image/jpeg": Kind.IMAGE,
    "image/png": Kind.IMAGE,
    "video/mp4": Kind.VIDEO,
    "audio/mpeg": Kind.AUDIO,
    "audio/mp4": Kind.AUDIO,
    "audio/ogg": Kind.AUDIO,
    "audio/aac": Kind.AUDIO,
}
# Types that say little: then a phone is told what the name says.
VAGUE = {OTHER, "text/plain", "application/zip"}
LONGEST_CAPTION = 1_024  # WhatsApp cuts off the rest
LONGEST_NAME = 150
MOST_REFUSALS = 3


class Unsendable(Exception):
    """The file cannot be sent; the message is a sentence for staff."""


class NotNow(Exception):
    """The file cannot be read at the moment."""


def uploaded(upload: UploadedFile) -> MediaContent:
    """What staff chose; no more of it is read than could be sent."""
    data = upload.read(MOST_BYTES + 1)
    return MediaContent(data, upload.content_type or "", upload.name or "")


def hold(agent: AgentSettings, sent: MediaContent, caption: str) -> MediaFile:
    """Store a file that is to be sent. The row that names it comes with its message."""
    _check(agent, sent, caption)
    file = MediaFile(
        name=_named(sent),
        mimetype=_type(sent),
        bytes=len(sent.data),
        sha256=hashlib.sha256(sent.data).hexdigest(),
        state=MediaFile.State.STORED,
    )
    try:
        storage.store(file.file, sent.data)
    except storage.faults() as error:
        raise Unsendable("The file cannot be stored at the moment.") from error
    return file


def _check(agent: AgentSettings, sent: MediaContent, caption: str) -> None:
    if agent.largest_file <= 0:
        raise Unsendable("The settings allow no files.")
    if not sent.data:
        raise Unsendable("The file is empty.")
    if len(sent.data) > agent.largest_file * MEGABYTE:
        raise Unsendable(f"The file is larger than {agent.largest_file:g} MB.")
    if len(caption.encode("utf-16-le", "surrogatepass")) // 2 > LONGEST_CAPTION:
        raise Unsendable(
            f"What stands under a file has up to {LONGEST_CAPTION} characters."
        )


def _type(sent: MediaContent) -> str:
    """A damaged picture is none: the bridge would trip over it, and no phone shows it."""
    found = sniff(sent.data, sent.mimetype)
    return OTHER if found in PICTURES and not is_whole(sent.data) else found


def _named(sent: MediaContent) -> str:
    """A name without folders, and short enough; of a long one the end stays."""
    return clean_name(sent.name[-LONGEST_NAME:]) or "file"


def kind_of(file: MediaFile, caption: str) -> Kind:
    kind = SHOWN.get(file.mimetype, Kind.DOCUMENT)
    # WhatsApp shows no words beside a sound.
    return Kind.DOCUMENT if kind == Kind.AUDIO and caption else kind


def told(file: MediaFile) -> dict:
    """What the message says of its file."""
    mimetype = file.mimetype
    if mimetype in VAGUE:
        mimetype = mimetypes.guess_type(file.name)[0] or mimetype
    return {"mimetype": mimetype, "file_name": file.name, "bytes": file.bytes}


@contextmanager
def lane(message: Message) -> Iterator[bool]:
    """Whether there is room for its file, until it is sent; nobody waits for it."""
    if not carries_file(message):
        yield True
        return
    size = message.media.get("bytes")
    room = _uploads.of(size if isinstance(size, int) else None)
    is_free = room.acquire(blocking=False)
    try:
        yield is_free
    finally:
        if is_free:
            room.release()


def content(message: Message) -> MediaContent:
    """What is to be sent; or NotNow, or Unsendable."""
    file = MediaFile.objects.filter(message=message).first()
    if file is None or not file.is_stored:
        raise Unsendable("Its file is not there any more")
    try:
        data = storage.content(file.file)
    except FileNotFoundError as error:
        raise Unsendable("Its file is not there any more") from error
    except storage.faults() as error:
        raise NotNow(f"Its file cannot be read: {error!r}") from error
    return MediaContent(data, message.media["mimetype"], file.name)


def note_refusal(message: Message) -> None:
    """The bridge answered that it failed, not that the file can never be sent."""
    MediaFile.objects.filter(message=message).update(attempts=F("attempts") + 1)


def is_refused(message: Message) -> bool:
    """Whether the bridge failed over its file so often that it always will."""
    refused = MediaFile.objects.filter(message=message, attempts__gte=MOST_REFUSALS)
    return carries_file(message) and refused.exists()


def forgive(messages: QuerySet[Message]) -> None:
    MediaFile.objects.filter(message__in=messages).update(attempts=0)


def is_same(message: Message, told: IncomingMessage | SentMessage) -> bool:
    """Whether a message of ours is the one that the bridge tells of.

    The words under a file may be none, so its type and name count too, where the bridge
    tells them: pictures arrive without a name. Where nothing differs it is the same one.
    That may be wrong of two pictures without words, but then one that left is never
    sent twice; staff see that it is said to be sent.
    """
    if (message.kind, message.text) != (told.kind, told.text):
        return False
    if told.kind == Kind.REACTION and message.quoted_id != told.quoted_id:
        return False
    return all(
        message.media.get(fact, told.media[fact]) == told.media[fact]
        for fact in ("mimetype", "file_name")
        if told.media.get(fact)
    )
