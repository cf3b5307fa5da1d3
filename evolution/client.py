"""Evolution API's calls, one function each. All fail with BridgeError and nothing else."""

import logging
import re
import time
from datetime import datetime
from email.utils import parsedate_to_datetime
from functools import cache

import requests
from django.conf import settings

from conversations.whatsapp import BridgeError
from evolution import errors
from evolution.transport import (
    CONNECT_TIMEOUT,
    READ_TIMEOUT,
    call,
    dicts,
    expect,
    path_part,
    session,
)
from evolution.values import dig, text

logger = logging.getLogger(__name__)

# Create and connect wait for WhatsApp's first QR code.
LINK_TIMEOUT = 30
# Evolution downloads a file from WhatsApp before it answers with it, in base64.
MEDIA_TIMEOUT = 60
BESIDE_MEDIA = 100_000
VERSION_SECONDS = 600

_version: dict[str, tuple[float, str]] = {}


def send_text(
    instance: str,
    number: str,
    text: str,
    quoted: dict | None = None,
    mentioned: list[str] | None = None,
    message_id: str = "",
    timeout: float | None = None,
) -> dict:
    """Send a text; return the message as accepted, which is not yet delivered."""
    # Without linkPreview=False, Evolution would fetch whatever address the text names.
    body = {"number": number, "text": text, "linkPreview": False}
    extras = {"quoted": quoted, "mentioned": mentioned, "messageId": message_id}
    body |= {key: value for key, value in extras.items() if value}
    sent = call(
        "POST",
        f"/message/sendText/{path_part(instance)}",
        body=body,
        timeout=timeout or settings.EVOLUTION_SEND_TIMEOUT,
        sends=True,
    )
    if not isinstance(dig(sent, "key.id"), str):
        raise errors.no_answer(status=201)
    return sent


def send_media(
    instance: str, number: str, media: dict, quoted: dict | None = None
) -> dict:
    """Send {mediatype, media, fileName, ...}; return the message as accepted."""
    extras = {"quoted": quoted, "caption": media.get("caption")}
    body = {"number": number, **media}
    body.pop("caption", None)
    body |= {key: value for key, value in extras.items() if value}
    sent = call(
        "POST",
        f"/message/sendMedia/{path_part(instance)}",
        body=body,
        timeout=settings.EVOLUTION_SEND_TIMEOUT,
        sends=True,
    )
    if not isinstance(dig(sent, "key.id"), str):
        raise errors.no_answer(status=201)
    return sent


def react(instance: str, key: dict, emoji: str) -> dict:
    """React to the message with this key; return the reaction as accepted."""
    sent = call(
        "POST",
        f"/message/sendReaction/{path_part(instance)}",
        body={"key": key, "reaction": emoji},
        timeout=settings.EVOLUTION_SEND_TIMEOUT,
        sends=True,
    )
    if not isinstance(dig(sent, "key.id"), str):
        raise errors.no_answer(status=201)
    return sent


def update_message(instance: str, jid: str, whatsapp_id: str, text: str) -> None:
    """Edit a text that was sent from here."""
    key = {"id": whatsapp_id, "remoteJid": jid, "fromMe": True}
    body = {"number": jid, "key": key, "text": text}
    call("POST", f"/chat/updateMessage/{path_part(instance)}", body=body)


def delete_message(instance: str, jid: str, whatsapp_id: str) -> None:
    """Delete for everybody what was sent from here."""
    body = {"id": whatsapp_id, "remoteJid": jid, "fromMe": True}
    path = f"/chat/deleteMessageForEveryone/{path_part(instance)}"
    call("DELETE", path, body=body)


def send_presence(
    instance: str, number: str, seconds: float, presence: str = "composing"
) -> None:
    """Show a presence. Evolution answers only when it has been shown for that long."""
    body = {"number": number, "presence": presence, "delay": int(seconds * 1000)}
    path = f"/chat/sendPresence/{path_part(instance)}"
    call("POST", path, body=body, timeout=seconds + READ_TIMEOUT)


def mark_read(instance: str, jid: str, whatsapp_ids: list[str]) -> None:
    keys = [
        {"id": whatsapp_id, "fromMe": False, "remoteJid": jid}
        for whatsapp_id in whatsapp_ids
    ]
    path = f"/chat/markMessageAsRead/{path_part(instance)}"
    call("POST", path, body={"readMessages": keys})


def find_messages(
    instance: str, where: dict, page: int = 1, page_size: int = 50
) -> dict:
    """One page, newest first: {total, pages, currentPage, records}."""
    body = {"where": where, "page": page, "offset": page_size}
    answer = call("POST", f"/chat/findMessages/{path_part(instance)}", body=body)
    messages = expect(dig(answer, "messages"), dict)
    expect(messages.get("records"), list)
    expect(messages.get("pages"), int)
    return messages


def media(instance: str, whatsapp_id: str, most: int) -> dict:
    """The file of a message, fetched from WhatsApp: {base64, mimetype, fileName, ...}.

    `most`: of how many bytes it may be.
    """
    body = {"message": {"key": {"id": whatsapp_id}}, "convertToMp4": False}
    answer = call(
        "POST",
        f"/chat/getBase64FromMediaMessage/{path_part(instance)}",
        body=body,
        timeout=MEDIA_TIMEOUT,
        most=most * 4 // 3 + BESIDE_MEDIA,
    )
    return expect(answer, dict)


def group_info(instance: str, group_jid: str) -> dict:
    path = f"/group/findGroupInfos/{path_part(instance)}"
    return expect(call("GET", path, params={"groupJid": group_jid}), dict)


def group_participants(instance: str, group_jid: str) -> list[dict]:
    path = f"/group/participants/{path_part(instance)}"
    answer = call("GET", path, params={"groupJid": group_jid})
    return dicts(dig(answer, "participants"))


def create(
    name: str, webhook: dict | None = None, number: str = "", qrcode: bool = False
) -> dict:
    body = {"instanceName": name, "integration": "WHATSAPP-BAILEYS", "qrcode": qrcode}
    extras = {"webhook": webhook, "number": number}
    body |= {key: value for key, value in extras.items() if value}
    path_part(name)
    answer = call("POST", "/instance/create", body=body, timeout=LINK_TIMEOUT)
    return expect(answer, dict)


def connect(instance: str, number: str = "") -> dict:
    """The QR code: {code, pairingCode, count}; or the state of an open instance.

    While the instance is closed, every call opens another socket to WhatsApp: wait by
    `connection_state`, never by this.
    """
    path = f"/instance/connect/{path_part(instance)}"
    params = {"number": number} if number else None
    return expect(call("GET", path, params=params, timeout=LINK_TIMEOUT), dict)


def connection_state(instance: str) -> str:
    """Open, connecting or close; "" while Evolution is still starting."""
    answer = call("GET", f"/instance/connectionState/{path_part(instance)}")
    return text(expect(dig(answer, "instance"), dict).get("state"))


def fetch_instances(name: str = "") -> list[dict]:
    params = {"instanceName": name} if name else None
    return dicts(call("GET", "/instance/fetchInstances", params=params))


def restart(instance: str) -> None:
    call("POST", f"/instance/restart/{path_part(instance)}")


def logout(instance: str) -> None:
    call("DELETE", f"/instance/logout/{path_part(instance)}")


def delete(instance: str) -> None:
    call("DELETE", f"/instance/delete/{path_part(instance)}")


def set_webhook(instance: str, webhook: dict) -> dict:
    path = f"/webhook/set/{path_part(instance)}"
    return expect(call("POST", path, body={"webhook": webhook}), dict)


def find_webhook(instance: str) -> dict | None:
    return expect(call("GET", f"/webhook/find/{path_part(instance)}"), dict | None)


def version() -> str:
    """What the server says it is, asked every ten minutes; "" where it does not say."""
    asked_at, known = _version.get(settings.EVOLUTION_URL, (-VERSION_SECONDS, ""))
    if time.monotonic() - asked_at < VERSION_SECONDS:
        return known
    try:
        answer = call("GET", "/")
    except BridgeError as error:
        if error.status is None:
            raise
        answer = {}  # behind a proxy that shows only some paths, for one
    known = text(dig(answer, "version"))
    _version[settings.EVOLUTION_URL] = time.monotonic(), known
    return known


def clock() -> datetime | None:
    """What time it is there, to the second; None where it does not say."""
    try:
        with session().get(
            settings.EVOLUTION_URL,
            timeout=CONNECT_TIMEOUT,
            allow_redirects=False,
            stream=True,
        ) as response:
            return parsedate_to_datetime(response.headers["Date"])
    except (requests.RequestException, KeyError, ValueError):
        return None


def is_at_least(*wanted: int) -> bool:
    """Whether the server has this version: is_at_least(2, 4)."""
    return tuple(int(number) for number in re.findall(r"\d+", version())[:3]) >= wanted


def new_message_id(instance: str) -> str:
    """An id to send with; "" before version 2.4, which chooses its own."""
    if not is_at_least(2, 4):
        return ""
    answer = call("POST", f"/baileys/generateMessageID/{path_part(instance)}")
    # The shape of the answer is not published.
    for path in ("id", "messageId", "key.id"):
        if found := text(dig(answer, path)):
            return found
    if isinstance(answer, str) and answer:
        return answer
    _warn_of_unknown_id_shape()
    return ""


@cache
def _warn_of_unknown_id_shape() -> None:
    logger.warning(
        "Evolution API's generateMessageID answers in a shape that we do not know; "
        "messages are sent without an id of our own."
    )
