"""What the product asks of the bridge about messages that are there: react, edit, delete."""

from typing import TYPE_CHECKING

from evolution.sandbox import bodies
from evolution.sandbox.bodies import Refused
from evolution.sandbox.messages import record_sent, require, require_link
from evolution.sandbox.routes import Routes, route
from evolution.sandbox.world import Instance, Message

if TYPE_CHECKING:
    from evolution.sandbox.bridge import Answer, Bridge, Request

ROUTES: Routes = {}


@route(ROUTES, "POST", "message/sendReaction")
def send_reaction(bridge: "Bridge", request: "Request") -> "Answer":
    instance, body = request.instance, require(request.body, key=dict, reaction=str)
    require_link(instance, "sendMessage")
    target = instance.messages.get(body["key"].get("id"))
    if target is None:
        raise Refused(400, ["Message not found"])
    content = {
        "text": body["reaction"],
        "key": body["key"],
        "senderTimestampMs": int(bridge.clock() * 1000),
    }
    message = record_sent(
        bridge, instance, target.chat, bodies.new_id(), {"reactionMessage": content}
    )
    bridge.record(
        "reaction",
        instance=instance.name,
        id=target.id,
        sender="",
        emoji=body["reaction"],
    )
    bridge.emit(instance, "send.message", message.data)
    return 201, message.data


@route(ROUTES, "POST", "chat/updateMessage")
def update_message(bridge: "Bridge", request: "Request") -> "Answer":
    body = require(request.body, number=str, key=dict, text=str)
    message = _own(request.instance, body["key"])
    bridge.record(
        "edit", instance=request.instance.name, id=message.id, text=body["text"]
    )
    now = int(bridge.clock() * 1000)
    key = _key(message)
    content = {"extendedTextMessage": {"text": body["text"]}}
    edit = {"key": key, "editedMessage": content, "timestampMs": now, "type": 14}
    bridge.emit(request.instance, "send.message.update", edit)
    protocol = edit | {"type": "MESSAGE_EDIT", "timestampMs": str(now)}
    return 200, _answer(bridge, message, protocol)


@route(ROUTES, "DELETE", "chat/deleteMessageForEveryone")
def delete_message(bridge: "Bridge", request: "Request") -> "Answer":
    body = require(request.body, id=str, fromMe=bool, remoteJid=str)
    message = _own(request.instance, body)
    bridge.record("delete", instance=request.instance.name, id=message.id)
    bridge.emit(request.instance, "messages.delete", bodies.record(message))
    protocol = {"key": _key(message), "type": "REVOKE"}
    return 201, _answer(bridge, message, protocol)


def _own(instance: Instance, key: dict) -> Message:
    require_link(instance, "sendMessage")
    message = instance.messages.get(key.get("id"))
    if message is None:
        raise Refused(400, ["Message not found"])
    if message.origin != "api":
        raise Refused(400, ["Message not sent by us"])
    return message


def _key(message: Message) -> dict:
    return {"remoteJid": message.chat, "fromMe": True, "id": message.id}


def _answer(bridge: "Bridge", message: Message, protocol: dict) -> dict:
    return {
        "key": _key(message) | {"id": bodies.new_id()},
        "message": {"protocolMessage": protocol},
        "messageTimestamp": str(int(bridge.clock())),
        "status": "PENDING",
    }
