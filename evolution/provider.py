"""WhatsApp through Evolution API: the functions of conversations.whatsapp.WhatsAppProvider."""

import base64
import logging
import time
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime

from django.conf import settings

from conversations.whatsapp import (
    Address,
    BridgeError,
    Event,
    GroupInfo,
    Kind,
    MediaContent,
    Quote,
    SentMessage,
)
from evolution import backfill, client, content, errors, events, notices, webhook
from evolution.addresses import GROUP, LID, address, user
from evolution.models import Instance, Why
from evolution.values import items, mapping, text

logger = logging.getLogger(__name__)

PAGE_SIZE = 50
# More than anybody sends to one chat while an outcome is unknown.
MAX_PAGES = 40
ASK_AGAIN_SECONDS = 60
TYPING_SECONDS = 20

_asked_at: dict[tuple[str, str], float] = {}


def is_configured() -> bool:
    return bool(settings.EVOLUTION_URL and settings.EVOLUTION_API_KEY)


def parse_incoming_message(payload: dict) -> list[Event]:
    parsed = events.parse(payload)
    if parsed.failures and not parsed.events:
        raise parsed.failures[0].error
    return parsed.about_conversations


def take_in(bodies: list[str]) -> list[Exception | None]:
    ends = webhook.receive(bodies)
    return [end if isinstance(end, Exception) else None for end in ends]


def keep(body: str, error: Exception) -> None:
    webhook.keep_unreadable(body, error)


def own_addresses(instance: str, group_jid: str = "") -> Address:
    """What we know of the linked phone's addresses, after asking where it is not all."""
    row, _ = Instance.objects.get_or_create(name=instance)
    is_missing = not row.phone_jid or (group_jid and not row.lid)
    if is_missing and _may_ask(instance, group_jid):
        try:
            _learn_own_addresses(row, group_jid)
        except BridgeError as error:
            logger.info("Cannot learn the addresses of %s: %s", instance, error)
    return Address(row.phone_jid, row.lid)


def numbers() -> dict[str, Address]:
    linked = Instance.objects.exclude(state=Instance.State.REMOVED).order_by("name")
    return {row.name: Address(row.phone_jid, row.lid) for row in linked}


def new_message_id(instance: str) -> str:
    try:
        return client.new_message_id(instance)
    except BridgeError as error:
        logger.info("No message id of our own: %s", error)
        return ""


def send_message(
    instance: str,
    to: str,
    text: str,
    quote: Quote | None = None,
    message_id: str = "",
    mentions: Sequence[str] = (),
) -> str:
    sent = client.send_text(
        instance,
        to,
        text,
        quoted=_quoted(quote) if quote else None,
        mentioned=[user(jid) for jid in mentions],
        message_id=message_id,
    )
    return sent["key"]["id"]


def send_media(
    instance: str,
    to: str,
    kind: Kind,
    content: MediaContent,
    caption: str = "",
    quote: Quote | None = None,
) -> str:
    media = {
        "mediatype": kind.value,  # Evolution's words are ours
        "mimetype": content.mimetype,
        "media": base64.b64encode(content.data).decode(),
        "fileName": content.name,
        "caption": caption,
    }
    sent = client.send_media(
        instance, to, media, quoted=_quoted(quote) if quote else None
    )
    return sent["key"]["id"]


def react(instance: str, to: Quote, emoji: str) -> str:
    return client.react(instance, _quoted(to)["key"], emoji)["key"]["id"]


def edit_message(instance: str, chat_jid: str, whatsapp_id: str, text: str) -> None:
    client.update_message(instance, chat_jid, whatsapp_id, text)


def delete_message(instance: str, chat_jid: str, whatsapp_id: str) -> None:
    client.delete_message(instance, chat_jid, whatsapp_id)


def find_sent(
    instance: str, jids: Iterable[str], since: datetime, until: datetime
) -> list[SentMessage]:
    found = {
        sent.whatsapp_id: sent
        for jid in jids
        for sent in map(_sent, _sent_records(instance, jid, since, until))
    }
    return sorted(found.values(), key=lambda sent: sent.sent_at, reverse=True)


def show_typing(instance: str, to: str, seconds: float) -> None:
    notices.send(client.send_presence, instance, to, min(seconds, TYPING_SECONDS))


def mark_read(instance: str, jid: str, whatsapp_ids: list[str]) -> None:
    # Evolution 2.3 says yes to groups and LIDs too, and does nothing.
    if whatsapp_ids and not jid.endswith((GROUP, LID)):
        notices.send(client.mark_read, instance, jid, whatsapp_ids)


def group_info(instance: str, group_jid: str) -> GroupInfo:
    info = client.group_info(instance, group_jid)
    return GroupInfo(
        name=text(info.get("subject")),
        participants=[
            _address(mapping(one)) for one in items(info.get("participants"))
        ],
    )


def fetch_media(instance: str, whatsapp_id: str, most: int) -> MediaContent:
    found = client.media(instance, whatsapp_id, most)
    try:
        data = base64.b64decode(text(found.get("base64")), validate=True)
    except ValueError as error:
        raise errors.no_answer(status=201) from error
    return MediaContent(data, text(found.get("mimetype")), text(found.get("fileName")))


def look_back() -> None:
    backfill.ask(Why.START)


def neglected() -> list[int]:
    return backfill.due() if is_configured() else []


def look_after(pk: int) -> None:
    backfill.search(pk)


def _may_ask(instance: str, group_jid: str) -> bool:
    now = time.monotonic()
    if now - _asked_at.get((instance, group_jid), -ASK_AGAIN_SECONDS) < (
        ASK_AGAIN_SECONDS
    ):
        return False
    _asked_at[instance, group_jid] = now
    return True


def _learn_own_addresses(row: Instance, group_jid: str) -> None:
    if not row.phone_jid:
        owners = [one.get("ownerJid") for one in client.fetch_instances(row.name)]
        _remember(row, "phone_jid", address(*owners).phone_jid)
    if row.phone_jid and not row.lid and group_jid:
        members = map(_address, client.group_participants(row.name, group_jid))
        lids = (one.lid for one in members if one.phone_jid == row.phone_jid)
        _remember(row, "lid", next(lids, ""))


def _remember(row: Instance, field: str, value: str) -> None:
    if value:
        setattr(row, field, value)
        row.save(update_fields=[field])


def _address(participant: dict) -> Address:
    """Either address may be the `id`, by the group's addressing."""
    return address(*(participant.get(key) for key in ("id", "phoneNumber", "lid")))


def _quoted(quote: Quote) -> dict:
    """The whole message, since Evolution drops a quote that it cannot look up."""
    key = {
        "id": quote.whatsapp_id,
        "remoteJid": quote.chat_jid,
        "fromMe": False,
    }
    if quote.chat_jid.endswith(GROUP):
        key["participant"] = quote.sender_jid
    return {"key": key, "message": {"conversation": quote.text}}


def _sent_records(
    instance: str, jid: str, since: datetime, until: datetime
) -> Iterator[dict]:
    where = {
        "key": {"remoteJid": jid, "fromMe": True},
        "messageTimestamp": {"gte": _iso(since), "lte": _iso(until)},
    }
    for page in range(1, MAX_PAGES + 1):
        answer = client.find_messages(instance, where, page, PAGE_SIZE)
        yield from answer["records"]
        if page >= answer["pages"]:
            return
    # Half a record proves nothing about what is not in it.
    raise BridgeError(
        f"More than {MAX_PAGES * PAGE_SIZE} messages were sent to {jid} in that time.",
        kind="failed",
    )


def _sent(record: dict) -> SentMessage:
    try:
        found = content.read(record["message"])
        return SentMessage(
            whatsapp_id=record["key"]["id"],
            text=found.text,
            sent_at=datetime.fromtimestamp(int(record["messageTimestamp"]), UTC),
            kind=found.kind,
            media=found.media,
            quoted_id=text(found.target.get("id")),
        )
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        # It may be the very one that is looked for.
        raise errors.no_answer(status=200) from error


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
