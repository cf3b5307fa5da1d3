"""Evolution API's calls, one function each. All fail with BridgeError and nothing else."""

import json
import logging
import re
import threading
import time
from datetime import datetime
from email.utils import parsedate_to_datetime
from functools import cache
from typing import Any
from urllib.parse import quote

import requests
from django.conf import settings

from conversations.whatsapp import BridgeError
from evolution import errors
from evolution.values import dig, text

logger = logging.getLogger(__name__)

CONNECT_TIMEOUT = 5
READ_TIMEOUT = 15
# Create and connect wait for WhatsApp's first QR code.
LINK_TIMEOUT = 30
# Pages of findMessages carry the thumbnails of pictures.
MAX_BYTES = 10_000_000
# Evolution downloads a file from WhatsApp before it answers with it, in base64.
MEDIA_TIMEOUT = 60
MAX_MEDIA_BYTES = 70_000_000
VERSION_SECONDS = 600
NOT_JSON = object()

_local = threading.local()
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
    sent = _call(
        "POST",
        f"/message/sendText/{_name(instance)}",
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
    sent = _call(
        "POST",
        f"/message/sendMedia/{_name(instance)}",
        body=body,
        timeout=settings.EVOLUTION_SEND_TIMEOUT,
        sends=True,
    )
    if not isinstance(dig(sent, "key.id"), str):
        raise errors.no_answer(status=201)
    return sent


def react(instance: str, key: dict, emoji: str) -> dict:
    """React to the message with this key; return the reaction as accepted."""
    sent = _call(
        "POST",
        f"/message/sendReaction/{_name(instance)}",
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
    _call("POST", f"/chat/updateMessage/{_name(instance)}", body=body)


def delete_message(instance: str, jid: str, whatsapp_id: str) -> None:
    """Delete for everybody what was sent from here."""
    body = {"id": whatsapp_id, "remoteJid": jid, "fromMe": True}
    path = f"/chat/deleteMessageForEveryone/{_name(instance)}"
    _call("DELETE", path, body=body)


def send_presence(
    instance: str, number: str, seconds: float, presence: str = "composing"
) -> None:
    """Show a presence. Evolution answers only when it has been shown for that long."""
    body = {"number": number, "presence": presence, "delay": int(seconds * 1000)}
    path = f"/chat/sendPresence/{_name(instance)}"
    _call("POST", path, body=body, timeout=seconds + READ_TIMEOUT)


def mark_read(instance: str, jid: str, whatsapp_ids: list[str]) -> None:
    keys = [
        {"id": whatsapp_id, "fromMe": False, "remoteJid": jid}
        for whatsapp_id in whatsapp_ids
    ]
    path = f"/chat/markMessageAsRead/{_name(instance)}"
    _call("POST", path, body={"readMessages": keys})


def find_messages(
    instance: str, where: dict, page: int = 1, page_size: int = 50
) -> dict:
    """One page, newest first: {total, pages, currentPage, records}."""
    body = {"where": where, "page": page, "offset": page_size}
    answer = _call("POST", f"/chat/findMessages/{_name(instance)}", body=body)
    messages = _expect(dig(answer, "messages"), dict)
    _expect(messages.get("records"), list)
    _expect(messages.get("pages"), int)
    return messages


def media(instance: str, whatsapp_id: str) -> dict:
    """The file of a message, fetched from WhatsApp: {base64, mimetype, fileName, ...}."""
    body = {"message": {"key": {"id": whatsapp_id}}, "convertToMp4": False}
    answer = _call(
        "POST",
        f"/chat/getBase64FromMediaMessage/{_name(instance)}",
        body=body,
        timeout=MEDIA_TIMEOUT,
        most=MAX_MEDIA_BYTES,
    )
    return _expect(answer, dict)


def group_info(instance: str, group_jid: str) -> dict:
    path = f"/group/findGroupInfos/{_name(instance)}"
    return _expect(_call("GET", path, params={"groupJid": group_jid}), dict)


def group_participants(instance: str, group_jid: str) -> list[dict]:
    path = f"/group/participants/{_name(instance)}"
    answer = _call("GET", path, params={"groupJid": group_jid})
    return _dicts(dig(answer, "participants"))


def create(
    name: str, webhook: dict | None = None, number: str = "", qrcode: bool = False
) -> dict:
    body = {"instanceName": name, "integration": "WHATSAPP-BAILEYS", "qrcode": qrcode}
    extras = {"webhook": webhook, "number": number}
    body |= {key: value for key, value in extras.items() if value}
    _name(name)
    answer = _call("POST", "/instance/create", body=body, timeout=LINK_TIMEOUT)
    return _expect(answer, dict)


def connect(instance: str, number: str = "") -> dict:
    """The QR code: {code, pairingCode, count}; or the state of an open instance.

    While the instance is closed, every call opens another socket to WhatsApp: wait by
    `connection_state`, never by this.
    """
    path = f"/instance/connect/{_name(instance)}"
    params = {"number": number} if number else None
    return _expect(_call("GET", path, params=params, timeout=LINK_TIMEOUT), dict)


def connection_state(instance: str) -> str:
    """Open, connecting or close; "" while Evolution is still starting."""
    answer = _call("GET", f"/instance/connectionState/{_name(instance)}")
    return text(_expect(dig(answer, "instance"), dict).get("state"))


def fetch_instances(name: str = "") -> list[dict]:
    params = {"instanceName": name} if name else None
    return _dicts(_call("GET", "/instance/fetchInstances", params=params))


def restart(instance: str) -> None:
    _call("POST", f"/instance/restart/{_name(instance)}")


def logout(instance: str) -> None:
    _call("DELETE", f"/instance/logout/{_name(instance)}")


def delete(instance: str) -> None:
    _call("DELETE", f"/instance/delete/{_name(instance)}")


def set_webhook(instance: str, webhook: dict) -> dict:
    path = f"/webhook/set/{_name(instance)}"
    return _expect(_call("POST", path, body={"webhook": webhook}), dict)


def find_webhook(instance: str) -> dict | None:
    return _expect(_call("GET", f"/webhook/find/{_name(instance)}"), dict | None)


def version() -> str:
    """What the server says it is, asked every ten minutes; "" where it does not say."""
    asked_at, known = _version.get(settings.EVOLUTION_URL, (-VERSION_SECONDS, ""))
    if time.monotonic() - asked_at < VERSION_SECONDS:
        return known
    try:
        answer = _call("GET", "/")
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
        with _session().get(
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
    answer = _call("POST", f"/baileys/generateMessageID/{_name(instance)}")
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


def _call(
    method: str,
    path: str,
    *,
    body: dict | None = None,
    params: dict | None = None,
    timeout: float = READ_TIMEOUT,
    sends: bool = False,
    most: int | None = None,
) -> Any:
    try:
        with _session().request(
            method,
            settings.EVOLUTION_URL + path,
            json=body,
            params=params,
            headers={"apikey": settings.EVOLUTION_API_KEY},
            timeout=(CONNECT_TIMEOUT, timeout),
            allow_redirects=False,
            stream=True,
        ) as response:
            answer = _parse(_read(response, most or MAX_BYTES))
    except requests.RequestException as error:
        raise errors.from_exception(error) from error
    status = response.status_code
    if status < 300 and answer is NOT_JSON:
        raise errors.no_answer(status)
    if status >= 300 or dig(answer, "error") is True:
        said = None if answer is NOT_JSON else answer
        raise errors.from_answer(status, said, sends=sends)
    return answer


def _session() -> requests.Session:
    if not hasattr(_local, "session"):
        _local.session = requests.Session()
        # No proxy and no .netrc from the environment: Evolution is a neighbour.
        _local.session.trust_env = False
    return _local.session


def _read(response: requests.Response, most: int) -> bytes:
    content = bytearray()
    for chunk in response.iter_content(65_536):
        content += chunk
        if len(content) > most:
            raise requests.RequestException("The answer is too large.")
    return bytes(content)


def _parse(content: bytes) -> Any:
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        return NOT_JSON


def _name(instance: str) -> str:
    """The name as a part of a path. Dots would be resolved, and lead elsewhere."""
    if not instance.strip(" ."):
        raise BridgeError(f"{instance!r} cannot name an instance.", kind="rejected")
    return quote(instance, safe="")


def _expect(answer: Any, kind: type) -> Any:
    if not isinstance(answer, kind):
        raise errors.no_answer(status=200)
    return answer


def _dicts(answer: Any) -> list[dict]:
    return [_expect(item, dict) for item in _expect(answer, list)]
