"""What a WhatsApp message is made of.

A message is a JSON object with one key for its content, beside keys that come with
any content: look for the keys we know, never take the first.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from conversations.whatsapp import Kind
from evolution.values import (
    UnreadableError,
    dig,
    items,
    mapping,
    number,
    said,
    text,
    whole,
)

WRAPPERS = (
    "ephemeralMessage",
    "viewOnceMessage",
    "viewOnceMessageV2",
    "viewOnceMessageV2Extension",
    "documentWithCaptionMessage",
    "editedMessage",
    "deviceSentMessage",
    "groupMentionedMessage",
    "botInvokeMessage",
    "lottieStickerMessage",
    "associatedChildMessage",
    "pollCreationMessageV4",
)
DEEPEST = 8
TRANSCRIPT_MARK = "[audio] "


@dataclass(frozen=True)
class Content:
    kind: Kind
    text: str = ""
    media: dict = field(default_factory=dict)
    target: dict = field(default_factory=dict)  # key of the message that it is about
    context: dict = field(default_factory=dict)  # what it replies to, whom it mentions


def unwrap(message: dict) -> dict:
    for _ in range(DEEPEST):
        inner = next(
            (dig(message, f"{name}.message") for name in WRAPPERS if name in message),
            None,
        )
        if not isinstance(inner, dict):
            return message
        message = inner
    return {}


def read(message: dict) -> Content:
    inner = unwrap(message)
    for name, reader in READERS.items():
        if (found := inner.get(name)) is not None:
            content = _read_part(name, reader, found)
            return _with_extras(content, message)
    return Content(Kind.UNKNOWN)


def _read_part(name: str, reader: Callable[[dict], Content], found: object) -> Content:
    if name == "conversation":
        found = {"text": found} if isinstance(found, str) else None
    if not isinstance(found, dict):
        raise UnreadableError(f"{name} has no known shape")
    content = reader(found)
    return replace(content, context=mapping(found.get("contextInfo")))


def _with_extras(content: Content, message: dict) -> Content:
    """Add what Evolution puts beside the content: a transcript, a link to the file."""
    spoken = said(message.get("speechToText")).removeprefix(TRANSCRIPT_MARK)
    url = text(message.get("mediaUrl"))
    media = {**content.media, "url": url} if url else content.media
    return replace(content, text=content.text or spoken, media=media)


def _lines(*values: object) -> str:
    return "\n".join(line for value in values if (line := said(value)))


def _known(**values: object) -> dict:
    return {name: value for name, value in values.items() if value not in (None, "")}


def _file(found: dict) -> dict:
    return _known(
        mimetype=text(found.get("mimetype")),
        seconds=whole(found.get("seconds")),
        file_name=text(found.get("fileName")) or text(found.get("title")),
        bytes=whole(found.get("fileLength")),
    )


def _media(kind: Kind) -> Callable[[dict], Content]:
    return lambda found: Content(kind, said(found.get("caption")), _file(found))


def _video(found: dict) -> Content:
    """A GIF is a video that plays by itself, for ever."""
    is_gif = {"gif": True} if found.get("gifPlayback") is True else {}
    return Content(Kind.VIDEO, said(found.get("caption")), _file(found) | is_gif)


def _audio(found: dict) -> Content:
    kind = Kind.VOICE if found.get("ptt") is True else Kind.AUDIO
    return Content(kind, media=_file(found))


def _first_of(kind: Kind, *paths: str) -> Callable[[dict], Content]:
    """A reader of contents whose text is the first of these that is not empty."""
    return lambda found: Content(
        kind, next((words for path in paths if (words := said(dig(found, path)))), "")
    )


def _location(found: dict) -> Content:
    media = _known(
        latitude=number(found.get("degreesLatitude")),
        longitude=number(found.get("degreesLongitude")),
    )
    words = (found.get(name) for name in ("name", "address", "caption", "comment"))
    return Content(Kind.LOCATION, _lines(*words), media)


def _contacts(found: dict) -> Content:
    names = [text(dig(one, "displayName")) for one in items(found.get("contacts"))]
    together = ", ".join(name for name in names if name)
    return Content(Kind.CONTACT, together or text(found.get("displayName")))


def _poll(found: dict) -> Content:
    options = [text(dig(one, "optionName")) for one in items(found.get("options"))]
    return Content(
        Kind.POLL, _lines(found.get("name"), *(f"- {one}" for one in options if one))
    )


def _vote(found: dict) -> Content:
    chosen = [text(one) for one in items(dig(found, "vote.selectedOptions"))]
    return Content(
        Kind.POLL_VOTE,
        ", ".join(one for one in chosen if one),
        target=mapping(found.get("pollCreationMessageKey")),
    )


def _about(kind: Kind) -> Callable[[dict], Content]:
    return lambda found: Content(
        kind, said(found.get("text")), target=mapping(found.get("key"))
    )


def _event(found: dict) -> Content:
    starts = whole(found.get("startTime"))
    try:
        starts_at = starts and datetime.fromtimestamp(starts, UTC).isoformat()
    except (ValueError, OverflowError, OSError):
        starts_at = None
    words = _lines(found.get("name"), found.get("description"))
    return Content(Kind.EVENT, words, _known(starts_at=starts_at))


def _invite(found: dict) -> Content:
    return Content(Kind.INVITE, _lines(found.get("groupName"), found.get("caption")))


READERS: dict[str, Callable[[dict], Content]] = {
    "imageMessage": _media(Kind.IMAGE),
    "videoMessage": _video,
    "ptvMessage": _media(Kind.VIDEO_NOTE),
    "audioMessage": _audio,
    "documentMessage": _media(Kind.DOCUMENT),
    "stickerMessage": _media(Kind.STICKER),
    "locationMessage": _location,
    "liveLocationMessage": _location,
    "contactMessage": _contacts,
    "contactsArrayMessage": _contacts,
    "pollCreationMessage": _poll,
    "pollCreationMessageV2": _poll,
    "pollCreationMessageV3": _poll,
    "pollCreationMessageV5": _poll,
    "pollUpdateMessage": _vote,
    "reactionMessage": _about(Kind.REACTION),
    "pinInChatMessage": _about(Kind.PIN),
    "eventMessage": _event,
    "albumMessage": lambda found: Content(Kind.ALBUM),
    "groupInviteMessage": _invite,
    "placeholderMessage": lambda found: Content(Kind.HIDDEN),
    "buttonsResponseMessage": _first_of(
        Kind.TEXT, "selectedDisplayText", "selectedButtonId"
    ),
    "listResponseMessage": _first_of(
        Kind.TEXT, "title", "description", "singleSelectReply.selectedRowId"
    ),
    "templateButtonReplyMessage": _first_of(
        Kind.TEXT, "selectedDisplayText", "selectedId"
    ),
    "interactiveResponseMessage": _first_of(
        Kind.TEXT,
        "body.text",
        "nativeFlowResponseMessage.paramsJson",
        "nativeFlowResponseMessage.name",
    ),
    "buttonsMessage": _first_of(Kind.TEXT, "contentText"),
    "listMessage": _first_of(Kind.TEXT, "description", "title"),
    "interactiveMessage": _first_of(Kind.TEXT, "body.text", "header.title"),
    "templateMessage": _first_of(
        Kind.TEXT,
        "hydratedTemplate.hydratedContentText",
        "hydratedFourRowTemplate.hydratedContentText",
    ),
    "extendedTextMessage": _first_of(Kind.TEXT, "text"),
    "conversation": _first_of(Kind.TEXT, "text"),
}
