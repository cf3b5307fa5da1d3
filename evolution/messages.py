"""Events about messages."""

from datetime import UTC, datetime

from django.utils import timezone

from conversations.whatsapp import (
    Address,
    Event,
    IncomingMessage,
    Kind,
    MessageDeleted,
    MessageEdited,
    Origin,
    StatusUpdate,
)
from evolution import content
from evolution.addresses import GROUP, LID, NOT_CHATS, PHONE, address, jid, user
from evolution.values import UnreadableError, dig, items, mapping, text, whole

STATUSES = {
    # Evolution's word: ours.
    "PENDING": "sent",
    "SERVER_ACK": "sent",
    "DELIVERY_ACK": "delivered",
    "READ": "read",
    "PLAYED": "read",
    "ERROR": "failed",
}
EDIT = ("MESSAGE_EDIT", 14)
REVOKE = ("REVOKE", 0)
LONGEST_ID = 128
LONGEST_NAME = 200
NAMELESS = "Você"  # what Evolution calls us where it does not know our name


def received(instance: str, record: dict) -> list[Event]:
    if not _is_from_me(mapping(record.get("key"))):
        return appeared(instance, record, Origin.CONTACT)
    # What Evolution says by itself, to a caller say, has not reached the server yet.
    is_automatic = record.get("status") == "PENDING"
    return appeared(instance, record, Origin.API if is_automatic else Origin.PHONE)


def sent(instance: str, record: dict) -> list[Event]:
    return appeared(instance, record, Origin.API)


def old(instance: str, record: dict) -> list[Event]:
    return appeared(instance, record, Origin.HISTORY)


def found(instance: str, record: dict) -> list[Event]:
    """A message in Evolution's record, which does not say who sent an own one.

    What was typed on a phone came through WhatsApp, and has its kind of addressing.
    """
    key = mapping(record.get("key"))
    is_ours = _is_from_me(key)
    origin = Origin.PHONE if is_ours else Origin.CONTACT
    if is_ours and "addressingMode" not in key:
        origin = Origin.API
    events = appeared(instance, record, origin)
    if events and key.get("deleted") is True:
        events.append(MessageDeleted(instance, _id(key.get("id"))))
    return events


def appeared(instance: str, record: dict, origin: Origin) -> list[Event]:
    """A message that is there now, whoever wrote it."""
    key = _key(record)
    chat_jid = jid(key.get("remoteJid"))
    if chat_jid.endswith(NOT_CHATS):
        return []
    message = _message(record)
    if (protocol := content.unwrap(message).get("protocolMessage")) is not None:
        return changed(instance, mapping(protocol))
    if not chat_jid.endswith((PHONE, LID, GROUP)):
        raise UnreadableError("The message is in no chat that we know")
    group_jid = chat_jid if chat_jid.endswith(GROUP) else ""
    chat = Address() if group_jid else address(chat_jid, key.get("remoteJidAlt"))
    from_me = _is_from_me(key)
    sender = Address() if from_me else _sender(record, chat)
    return [
        IncomingMessage(
            instance=instance,
            whatsapp_id=_id(key.get("id")),
            origin=origin,
            from_me=from_me,
            chat=chat,
            group_jid=group_jid,
            sender=sender,
            sender_name="" if from_me else name(record, sender),
            sent_at=_sent_at(record),
            **_contents(record, message),
        )
    ]


def changed(instance: str, protocol: dict) -> list[Event]:
    """An edit or a deletion, as WhatsApp itself describes it.

    Only the id of its key means the same to us as to its sender.
    """
    change = protocol.get("type")
    if isinstance(change, bool) or not isinstance(change, str | int):
        raise UnreadableError("The change of a message is of no sort")
    if change in EDIT:
        edited = _message(protocol, "editedMessage")
        return [_edited(instance, dig(protocol, "key.id"), edited)]
    if change in REVOKE:
        return [MessageDeleted(instance, _id(dig(protocol, "key.id")))]
    return []


def updated(instance: str, record: dict) -> list[Event]:
    """A receipt; or an edit, whose status then means nothing."""
    if _is_no_chat(record):
        return []
    whatsapp_id = record.get("keyId") or dig(record, "key.id")
    edited = dig(record, "message.editedMessage.message")
    if isinstance(edited, dict):
        return [_edited(instance, whatsapp_id, edited)]
    word = record.get("status")
    if word is None or not _is_from_me({**mapping(record.get("key")), **record}):
        return []
    if not (isinstance(word, str) and word in STATUSES):
        raise UnreadableError("The status of a message is unknown")
    return [StatusUpdate(instance, _id(whatsapp_id), STATUSES[word])]


def deleted(instance: str, record: dict) -> list[Event]:
    """Either side deleted it: in one shape `id` is the message's, in the other Evolution's."""
    if _is_no_chat(record):
        return []
    whatsapp_id = dig(record, "key.id") or record.get("id")
    return [MessageDeleted(instance, _id(whatsapp_id))]


def _is_no_chat(record: dict) -> bool:
    """Of a status, say, nothing is kept that could be changed."""
    found = dig(record, "key.remoteJid") or record.get("remoteJid")
    return jid(found).endswith(NOT_CHATS)


def name(record: dict, sender: Address) -> str:
    """The name that the sender gave themselves; Evolution puts their number in its place."""
    found = text(record.get("pushName"), LONGEST_NAME).strip()
    numbers = [user(one) for one in sender.jids]
    return "" if found in (NAMELESS, *numbers) else found


def _contents(record: dict, message: dict) -> dict:
    found = content.read(message)
    context = mapping(record.get("contextInfo")) or found.context
    quoted = content.read(mapping(context.get("quotedMessage")))
    target = found.target or mapping(message.get("quoted"))
    mentions = [jid(one) for one in items(context.get("mentionedJid"))]
    return {
        "kind": found.kind,
        "text": found.text,
        "media": found.media,
        "quoted_id": text(target.get("id") or context.get("stanzaId"), LONGEST_ID),
        "quoted_sender": jid(
            target.get("participant") if target else context.get("participant")
        ),
        "quoted_text": quoted.text,
        "mentions": tuple(dict.fromkeys(one for one in mentions if one)),
    }


def _edited(instance: str, whatsapp_id: object, message: dict) -> MessageEdited:
    found = content.read(message)
    if found.kind is Kind.UNKNOWN or (found.kind is Kind.TEXT and not found.text):
        # Taking it for an empty text would erase what was said.
        raise UnreadableError("The edit of a message has no known shape")
    return MessageEdited(instance, _id(whatsapp_id), found.text)


def _key(record: dict) -> dict:
    key = record.get("key")
    if not isinstance(key, dict):
        raise UnreadableError("The message has no key")
    return key


def _message(record: dict, name: str = "message") -> dict:
    message = record.get(name)
    if not isinstance(message, dict | None):
        raise UnreadableError(f"{name} is no object")
    return message or {}


def _id(value: object) -> str:
    whatsapp_id = text(value)
    if not 0 < len(whatsapp_id) <= LONGEST_ID:
        raise UnreadableError("The message has no id")
    return whatsapp_id


def _is_from_me(key: dict) -> bool:
    from_me = key.get("fromMe")
    if not isinstance(from_me, bool | None):
        # Taking our own words for a stranger's would have us answer ourselves.
        raise UnreadableError("fromMe is neither true nor false")
    return bool(from_me)


def _sender(record: dict, chat: Address) -> Address:
    if chat:
        return chat
    key = _key(record)
    participant = key.get("participant") or record.get("participant")
    return address(participant, key.get("participantAlt"))


def _sent_at(record: dict) -> datetime:
    seconds = whole(record.get("messageTimestamp")) or 0
    if seconds <= 0:
        return timezone.now()
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return timezone.now()
