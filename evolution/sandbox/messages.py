"""What the product asks of the bridge: send, look up, tick as read, ask for groups."""

import base64
import re
from datetime import datetime
from math import ceil
from typing import TYPE_CHECKING, Any

from evolution.sandbox import bodies, files
from evolution.sandbox.bodies import Refused
from evolution.sandbox.instances import fields_of
from evolution.sandbox.routes import Routes, route
from evolution.sandbox.world import GROUP, Group, Instance, Message

if TYPE_CHECKING:
    from evolution.sandbox.bridge import Answer, Bridge, Request

ROUTES: Routes = {}
PRESENCES = ("unavailable", "available", "composing", "recording", "paused")
NO_USER = (
    'Error: JID decoded but user is empty: "@s.whatsapp.net" -> user: "", '
    'server: "s.whatsapp.net", device: undefined'
)
TWO_DAYS = 172_800  # what Evolution subtracts for the disappearing mode


def require(body: Any, where: str = "instance", **types: type) -> dict:
    """Check a body as Evolution's JSON schema does, and say it as it does."""
    body = fields_of(body)
    names = {
        str: "string",
        list: "array",
        bool: "boolean",
        int: "number",
        dict: "object",
    }
    wrong = []
    for key, kind in types.items():
        if key not in body:
            wrong.append(f'{where} requires property "{key}"')
        elif not isinstance(body[key], kind):
            wrong.append(f"{key} is not of a type(s) {names[kind]}")
    if wrong:
        raise Refused(400, [wrong])
    return body


def require_link(instance: Instance, reading: str) -> None:
    """Each state fails in its own way, none of which names the state."""
    if instance.state == "open":
        return
    if instance.state == "connecting":
        reading = "id"
    elif instance.was_linked:
        raise Refused(400, ["Error: Connection Closed"])
    raise Refused(
        400, [f"TypeError: Cannot read properties of undefined (reading '{reading}')"]
    )


@route(ROUTES, "POST", "message/sendText")
def send_text(bridge: "Bridge", request: "Request") -> "Answer":
    instance = request.instance
    body = require(request.body, number=str, text=str)
    require_link(instance, "sendMessage")
    chat = _resolve(bridge, body["number"])
    if not body["text"].strip():
        raise Refused(400, ["Text is required"])
    wanted = body.get("messageId") if bridge.takes_message_ids else None
    message = instance.messages.get(wanted)
    if message is None:
        message = _store(bridge, instance, chat, body, wanted or bodies.new_id())
    bridge.emit(instance, "send.message", message.data)
    return 201, message.data


@route(ROUTES, "POST", "message/sendMedia")
def send_media(bridge: "Bridge", request: "Request") -> "Answer":
    instance = request.instance
    body = require(request.body, number=str, mediatype=str, media=str)
    require_link(instance, "sendMessage")
    chat = _resolve(bridge, body["number"])
    message = _store(bridge, instance, chat, body, bodies.new_id())
    is_told = bool(instance.webhook and instance.webhook["webhookBase64"])
    data = bodies.sent(message, is_told)
    bridge.emit(instance, "send.message", data)
    return 201, data


def _resolve(bridge: "Bridge", number: str) -> str:
    """The JID that WhatsApp has for a number, a JID or a LID."""
    if number.endswith("@lid"):
        person = bridge.world.lids.get(number.partition("@")[0])
        return person.jid if person else number
    digits = re.sub(r"\D", "", number.partition("@")[0])
    if number.endswith(GROUP) or len(digits) >= 18:
        if f"{digits}{GROUP}" not in bridge.world.groups:
            raise Refused(400, ["[object Object]"])
        return f"{digits}{GROUP}"
    if not digits:
        raise Refused(400, [NO_USER])
    jid = f"{digits}@s.whatsapp.net"
    if digits not in bridge.world.people:
        raise Refused(400, [{"jid": jid, "exists": False, "number": number}])
    return jid


def _store(
    bridge: "Bridge", instance: Instance, chat: str, body: dict, message_id: str
) -> Message:
    now = int(bridge.clock())
    info = _sent_context(bridge, instance, chat, body, now)
    kind, content, file = "conversation", body.get("text"), None
    if "media" in body:
        kind, content, file = files.sent(body, info, now)
    carried = {"file": base64.b64encode(file.data).decode()} if file else {}
    message = record_sent(
        bridge, instance, chat, message_id, {kind: content}, info, **carried
    )
    # WhatsApp tells of deliveries in direct chats only.
    if not chat.endswith(GROUP):
        bridge.later(
            bridge.pace.receipt,
            lambda: give_receipt(bridge, instance, message, "DELIVERY_ACK"),
        )
    return message


def record_sent(
    bridge: "Bridge",
    instance: Instance,
    chat: str,
    message_id: str,
    content: dict,
    info: dict | None = None,
    **carried: str,
) -> Message:
    """Note down what was sent through the API; the content is named by its type."""
    (kind,) = content
    data = {
        "key": {"remoteJid": chat, "fromMe": True, "id": message_id},
        "pushName": "Você",
        "status": "PENDING",
        "message": content,
        **({"contextInfo": info} if info else {}),
        "messageType": kind,
        "messageTimestamp": int(bridge.clock()),
        "instanceId": instance.id,
        "source": bodies.source(message_id),
    }
    bridge.record(
        "message",
        instance=instance.name,
        data=data,
        chat=chat,
        sender="",
        origin="api",
        db_id=bodies.new_db_id(),
        **carried,
    )
    return instance.messages[message_id]


def _sent_context(
    bridge: "Bridge", instance: Instance, chat: str, body: dict, now: int
) -> dict:
    info: dict = {}
    if not chat.endswith(GROUP):
        info = {
            "mentionedJid": [],
            "groupMentions": [],
            "ephemeralSettingTimestamp": bodies.long(now - TWO_DAYS),
            "disappearingMode": {"initiator": 0},
        }
    elif body.get("mentionsEveryOne"):
        group = bridge.world.groups[chat]
        members = bodies.participants(group, bridge.world, instance)
        info["mentionedJid"] = [member["id"] for member in members]
    elif mentioned := body.get("mentioned"):
        info["mentionedJid"] = [
            f"{re.sub(r'[^0-9]', '', number)}@s.whatsapp.net" for number in mentioned
        ]
    return info | _quoted(bridge, instance, fields_of(body.get("quoted")))


def _quoted(bridge: "Bridge", instance: Instance, quoted: dict) -> dict:
    """An unknown message is silently not quoted, unless the whole of it is given."""
    key = fields_of(quoted.get("key"))
    known = instance.messages.get(key.get("id"))
    if known:
        return bodies.quotation(known, bridge.world, instance)
    if not quoted.get("message"):
        return {}
    author = instance.owner.jid if key.get("fromMe") else key.get("remoteJid", "")
    return {
        "participant": key.get("participant") or author,
        "stanzaId": key["id"],
        "quotedMessage": quoted["message"],
    }


def give_receipt(
    bridge: "Bridge", instance: Instance, message: Message, status: str
) -> None:
    if instance.state == "open" and status not in message.updates:
        bridge.record("status", instance=instance.name, id=message.id, status=status)
        bridge.emit(instance, "messages.update", bodies.update(message, status))


@route(ROUTES, "POST", "baileys/generateMessageID", since_2_4=True)
def generate_message_id(bridge: "Bridge", request: "Request") -> "Answer":
    return 200, {"id": bodies.new_id()}


@route(ROUTES, "POST", "chat/sendPresence")
def send_presence(bridge: "Bridge", request: "Request") -> "Answer":
    body = require(request.body, number=str, presence=str, delay=int)
    if body["presence"] not in PRESENCES:
        allowed = ",".join(PRESENCES)
        problem = f"presence is not one of enum values: {allowed}"
        raise Refused(400, [[problem]])
    require_link(request.instance, "presenceSubscribe")
    chat = _resolve(bridge, body["number"])
    if body["presence"] in ("composing", "recording"):
        until = bridge.clock() + body["delay"] / 1000
        request.instance.typing[chat] = until
    return 201, {"presence": body["presence"]}


@route(ROUTES, "POST", "chat/markMessageAsRead")
def mark_read(bridge: "Bridge", request: "Request") -> "Answer":
    keys = require(request.body, readMessages=list)["readMessages"]
    for index, key in enumerate(keys):
        require(key, f"readMessages[{index}]", id=str, fromMe=bool, remoteJid=str)
    instance = request.instance
    if instance.state != "open":
        problem = (
            "TypeError: Cannot read properties of undefined (reading 'readMessages')"
        )
        raise Refused(500, ["Read messages fail", problem])
    for key in keys:
        message = instance.messages.get(key["id"])
        # Evolution drops LID keys, and spoils those of groups.
        is_useful = key["remoteJid"].endswith("@s.whatsapp.net")
        if message and is_useful and "READ" not in message.updates:
            fields = {"instance": instance.name, "id": message.id, "status": "READ"}
            bridge.record("status", **fields)
    return 201, {"message": "Read messages", "read": "success"}


@route(ROUTES, "POST", "chat/getBase64FromMediaMessage")
def get_file(bridge: "Bridge", request: "Request") -> "Answer":
    asked = fields_of(fields_of(request.body).get("message"))
    message = request.instance.messages.get(fields_of(asked.get("key")).get("id"))
    if message is None:
        raise Refused(400, ["Message not found"])
    if not message.file:
        raise Refused(400, ["The message is not of the media type"])
    return 201, bodies.file(message)


@route(ROUTES, "POST", "chat/findMessages")
def find_messages(bridge: "Bridge", request: "Request") -> "Answer":
    body = fields_of(request.body)
    where = fields_of(body.get("where"))
    size = int(body.get("offset") or 50)
    page = int(body.get("page") or 1)
    total, found = _find(request.instance, where, (page - 1) * size, size)
    return 200, {
        "messages": {
            "total": total,
            "pages": ceil(total / size),
            "currentPage": page,
            "records": [bodies.record(message) for message in found],
        }
    }


def _find(
    instance: Instance, where: dict, skip: int, count: int
) -> tuple[int, list[Message]]:
    key = fields_of(where.get("key"))
    if "id" in key:
        message = instance.messages.get(key["id"])
        found = [message] if message else []
        return len(found), found[skip : skip + count]
    since, until = _span(fields_of(where.get("messageTimestamp")))
    only_ours = key.get("fromMe") is True
    addresses = [
        (kind, key[name])
        for kind, name in (("jid", "remoteJid"), ("alt", "remoteJidAlt"))
        if name in key
    ] or [("", "")]
    pages = [
        instance.timeline(*address, only_ours).between(since, until, 0, skip + count)
        for address in addresses
    ]
    unique = {message.id: message for _, found in pages for message in found}
    newest = sorted(unique.values(), key=lambda message: message.order, reverse=True)
    return max(total for total, _ in pages), newest[skip : skip + count]


def _span(span: dict) -> tuple[float | None, float | None]:
    """Evolution heeds the bounds only where both are given."""
    if not ("gte" in span and "lte" in span):
        return None, None
    try:
        since, until = (datetime.fromisoformat(span[key]) for key in ("gte", "lte"))
    except (TypeError, ValueError) as error:
        raise Refused(500, f"Invalid time: {span}") from error
    return since.timestamp(), until.timestamp()


@route(ROUTES, "GET", "group/findGroupInfos")
def group_infos(bridge: "Bridge", request: "Request") -> "Answer":
    group = _group(bridge, request)
    return 200, bodies.group_info(group, bridge.world, request.instance)


@route(ROUTES, "GET", "group/participants")
def group_participants(bridge: "Bridge", request: "Request") -> "Answer":
    group = _group(bridge, request)
    members = bodies.participants(group, bridge.world, request.instance)
    known = [member | {"name": None, "imgUrl": None} for member in members]
    return 200, {"participants": known}


def _group(bridge: "Bridge", request: "Request") -> Group:
    jid = request.query.get("groupJid")
    if not jid:
        hint = 'ex: "groupJid=120362@g.us"'
        raise Refused(400, ["The group id needs to be informed in the query", hint])
    problem = "Error: item-not-found"
    if request.instance.state != "open":
        problem = (
            "TypeError: Cannot read properties of undefined (reading 'groupMetadata')"
        )
    elif jid in bridge.world.groups:
        return bridge.world.groups[jid]
    raise Refused(404, ["Error fetching group", problem])
