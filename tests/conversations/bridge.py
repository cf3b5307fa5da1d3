"""A WhatsApp provider that remembers what it was told, for tests of what stands above it."""

from collections.abc import Callable, Sequence
from datetime import datetime

from django.utils import timezone

from conversations.whatsapp import (
    Address,
    BridgeError,
    GroupInfo,
    Kind,
    MediaContent,
    Quote,
    SentMessage,
)

OWN = Address("5511999990009@s.whatsapp.net", "271357031895794@lid")

sent: list[dict] = []
record: list[SentMessage] = []
shown: list[tuple] = []
lookups: list[tuple] = []
looked_after: list[int | str] = []
# Called with the text before a send; it may raise, or do what happens meanwhile.
before_send: Callable[[str], None] | None = None
after_send: Callable[[str], None] | None = None
# Whom texts mentioned, and reactions: to what, whose it is, and the emoji.
mentioned: list[str] = []
reacted: list[tuple[str, str, str]] = []
# What was sent as what.
files: list[tuple[Kind, MediaContent]] = []
# What was edited, and deleted (None for a text).
changed: list[tuple[str, str, str | None]] = []
change_error: BridgeError | None = None
lookup_error: BridgeError | None = None
own: Address = OWN
# Of other instances.
others: dict[str, Address] = {}
message_ids = False
# The files of messages by WhatsApp id, and what was asked for.
media: dict[str, MediaContent | BridgeError] = {}
fetched: list[str] = []
group: GroupInfo | BridgeError = GroupInfo("Weekend trip", [])


def reset() -> None:
    global before_send, after_send, lookup_error, own, message_ids, group, change_error
    logs = (
        sent,
        record,
        shown,
        lookups,
        looked_after,
        media,
        fetched,
        changed,
        files,
        others,
        reacted,
        mentioned,
    )
    for log in logs:
        log.clear()
    before_send = after_send = lookup_error = change_error = None
    own, message_ids = OWN, False
    group = GroupInfo("Weekend trip", [])


def is_configured() -> bool:
    return True


def own_addresses(instance: str, group_jid: str = "") -> Address:
    return own


def numbers() -> dict[str, Address]:
    return {"whatsapp-agent": own, **others}


def new_message_id(instance: str) -> str:
    return f"PRE{len(sent):03}" if message_ids else ""


def send_message(
    instance: str,
    to: str,
    text: str,
    quote: Quote | None = None,
    message_id: str = "",
    mentions: Sequence[str] = (),
) -> str:
    if before_send:
        before_send(text)
    sent_id = message_id or f"OUT{len(record):03}"
    sent.append({"to": to, "text": text, "quote": quote, "id": sent_id})
    mentioned.extend(mentions)
    record.append(SentMessage(sent_id, text, timezone.now()))
    if after_send:
        after_send(text)
    return sent_id


def send_media(
    instance: str,
    to: str,
    kind: Kind,
    content: MediaContent,
    caption: str = "",
    quote: Quote | None = None,
) -> str:
    if before_send:
        before_send(caption)
    sent_id = f"OUT{len(record):03}"
    sent.append({"to": to, "text": caption, "quote": quote, "id": sent_id})
    files.append((kind, content))
    told = {"mimetype": content.mimetype, "bytes": len(content.data)}
    if kind == Kind.DOCUMENT:
        told["file_name"] = content.name
    record.append(SentMessage(sent_id, caption, timezone.now(), kind, told))
    if after_send:
        after_send(caption)
    return sent_id


def react(instance: str, to: Quote, emoji: str) -> str:
    if before_send:
        before_send(emoji)
    reacted.append((to.whatsapp_id, to.sender_jid, emoji))
    sent_id = f"REACT{len(reacted):03}"
    moment, target = timezone.now(), to.whatsapp_id
    record.append(SentMessage(sent_id, emoji, moment, Kind.REACTION, quoted_id=target))
    return sent_id


def edit_message(instance: str, chat_jid: str, whatsapp_id: str, text: str) -> None:
    if change_error:
        raise change_error
    changed.append((chat_jid, whatsapp_id, text))


def delete_message(instance: str, chat_jid: str, whatsapp_id: str) -> None:
    if change_error:
        raise change_error
    changed.append((chat_jid, whatsapp_id, None))


def find_sent(instance: str, jids: list[str], since: datetime, until: datetime):
    lookups.append((list(jids), since, until))
    if lookup_error:
        raise lookup_error
    return [one for one in reversed(record) if since <= one.sent_at <= until]


def show_typing(instance: str, to: str, seconds: float) -> None:
    shown.append(("typing", to))


def mark_read(instance: str, jid: str, whatsapp_ids: list[str]) -> None:
    shown.append(("read", jid, *whatsapp_ids))


def fetch_media(instance: str, whatsapp_id: str, most: int) -> MediaContent:
    fetched.append(whatsapp_id)
    found = media.get(whatsapp_id)
    if found is None:
        raise BridgeError("Message not found", kind="failed")
    if isinstance(found, BridgeError):
        raise found
    if len(found.data) > most:
        raise BridgeError("No usable answer", kind="too_large", retryable=True)
    return found


def look_back() -> None:
    looked_after.append("back")


def neglected() -> list[int]:
    return [7]


def look_after(pk: int) -> None:
    looked_after.append(pk)


def group_info(instance: str, group_jid: str) -> GroupInfo:
    if isinstance(group, BridgeError):
        raise group
    return group
