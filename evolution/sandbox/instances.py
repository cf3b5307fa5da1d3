"""Creating, linking and removing instances, and where their webhooks go."""

import re
import uuid
from typing import TYPE_CHECKING, Any

from evolution.sandbox import bodies, linking
from evolution.sandbox.bodies import Refused
from evolution.sandbox.routes import Routes, route
from evolution.sandbox.world import SETTINGS, Instance, lid_of

if TYPE_CHECKING:
    from evolution.sandbox.bridge import Answer, Bridge, Request

ROUTES: Routes = {}
EVENTS = [
    "APPLICATION_STARTUP",
    "QRCODE_UPDATED",
    "MESSAGES_SET",
    "MESSAGES_UPSERT",
    "MESSAGES_EDITED",
    "MESSAGES_UPDATE",
    "MESSAGES_DELETE",
    "SEND_MESSAGE",
    "SEND_MESSAGE_UPDATE",
    "CONTACTS_SET",
    "CONTACTS_UPSERT",
    "CONTACTS_UPDATE",
    "PRESENCE_UPDATE",
    "CHATS_SET",
    "CHATS_UPSERT",
    "CHATS_UPDATE",
    "CHATS_DELETE",
    "GROUPS_UPSERT",
    "GROUP_UPDATE",
    "GROUP_PARTICIPANTS_UPDATE",
    "CONNECTION_UPDATE",
    "LABELS_EDIT",
    "LABELS_ASSOCIATION",
    "CALL",
    "TYPEBOT_START",
    "TYPEBOT_CHANGE_STATUS",
    "REMOVE_INSTANCE",
    "LOGOUT_INSTANCE",
    "INSTANCE_CREATE",
    "INSTANCE_DELETE",
    "STATUS_INSTANCE",
]
FIRST_OWNER = 5511999990009
NO_LENGTH = "Cannot read properties of undefined (reading 'length')"


def fields_of(body: Any) -> dict:
    return body if isinstance(body, dict) else {}


def check_name(bridge: "Bridge", request: "Request") -> None:
    """Evolution looks at the name before it looks at the key."""
    name = fields_of(request.body).get("instanceName", "undefined")
    if name == "undefined" or name in bridge.world.instances:
        raise Refused(403, [f'This name "{name}" is already in use.'])


@route(ROUTES, "POST", "instance/create", named=False)
def create(bridge: "Bridge", request: "Request") -> "Answer":
    body = request.body
    _check_types(body, {"instanceName": str, "number": str, "qrcode": bool})
    if body.get("integration") != "WHATSAPP-BAILEYS":
        raise Refused(400, ["Invalid integration"])
    hook = body.get("webhook") or {}
    if hook and "events" not in hook:
        raise Refused(400, [NO_LENGTH])
    instance = _add(bridge, body)
    if hook:
        row = _row(instance, bridge.clock(), {"enabled": True, **hook})
        bridge.record("webhook", instance=instance.name, row=row)
    identity = {"instanceName": instance.name, "instanceId": instance.id}
    bridge.emit(instance, "instance.create", identity)
    if body.get("qrcode"):
        linking.open_socket(bridge, instance, instance.number)
    return 201, _created(instance, hook, bool(body.get("qrcode")))


def _check_types(body: dict, types: dict[str, type]) -> None:
    names = {str: "string", bool: "boolean"}
    wrong = [
        f"{key} is not of a type(s) {names[kind]}"
        for key, kind in types.items()
        if key in body and not isinstance(body[key], kind)
    ]
    if wrong:
        raise Refused(400, [wrong])


def _add(bridge: "Bridge", body: dict) -> Instance:
    digits = re.sub(r"\D", "", body.get("number") or "")
    phone = digits or str(FIRST_OWNER + len(bridge.world.instances))
    bridge.record(
        "instance",
        name=body["instanceName"],
        id=str(uuid.uuid4()),
        token=body.get("token") or str(uuid.uuid4()).upper(),
        owner={"name": "Front desk", "phone": phone, "lid": lid_of(phone)},
        number=digits or None,
        settings={key: body.get(key, value) for key, value in SETTINGS.items()},
    )
    return bridge.world.instances[body["instanceName"]]


def _created(instance: Instance, hook: dict, with_qr: bool) -> dict:
    names = {
        "url": "webhookUrl",
        "headers": "webhookHeaders",
        "byEvents": "webhookByEvents",
        "base64": "webhookBase64",
    }
    body = {
        "instance": {
            "instanceName": instance.name,
            "instanceId": instance.id,
            "integration": "WHATSAPP-BAILEYS",
            "webhookWaBusiness": None,
            "accessTokenWaBusiness": "",
            "status": instance.state,
        },
        "hash": instance.token,
        "webhook": {names[key]: hook[key] for key in names if key in hook},
        "websocket": {},
        "rabbitmq": {},
        "nats": {},
        "sqs": {},
        "settings": instance.settings,
    }
    return body | ({"qrcode": instance.qr or {"count": 0}} if with_qr else {})


@route(ROUTES, "GET", "instance/connect")
def connect(bridge: "Bridge", request: "Request") -> "Answer":
    instance = request.instance
    if instance.state == "open":
        return 200, _state(instance)
    if instance.state == "close":
        linking.open_socket(bridge, instance, request.query.get("number"))
    return 200, instance.qr or {"count": 0}


@route(ROUTES, "GET", "instance/connectionState")
def connection_state(bridge: "Bridge", request: "Request") -> "Answer":
    return 200, _state(request.instance)


def _state(instance: Instance) -> dict:
    return {"instance": {"instanceName": instance.name, "state": instance.state}}


@route(ROUTES, "GET", "instance/fetchInstances", named=False)
def fetch_instances(bridge: "Bridge", request: "Request") -> "Answer":
    found = list(bridge.world.instances.values())
    if request.api_key != bridge.api_key:
        found = [one for one in found if one.token == request.api_key]
    if wanted := request.query.get("instanceName"):
        found = [one for one in found if one.name == wanted]
        if not found:
            raise Refused(404, [f'Instance "{wanted}" not found'])
    contacts = len(bridge.world.people)
    return 200, [bodies.instance_row(one, contacts) for one in found]


@route(ROUTES, "POST", "instance/restart")
def restart(bridge: "Bridge", request: "Request") -> "Answer":
    instance = request.instance
    if instance.state == "close":
        return 200, {"error": True, "message": "[object Object]"}
    answer = _state(instance)
    if instance.is_silent:  # what helps with the real one, too
        bridge.record("silence", instance=instance.name, is_silent=False)
    if instance.state == "open":
        linking.announce_connecting(bridge, instance)
        bridge.later(bridge.pace.link, lambda: linking.announce_open(bridge, instance))
    return 200, answer


@route(ROUTES, "DELETE", "instance/logout")
def logout(bridge: "Bridge", request: "Request") -> "Answer":
    instance = request.instance
    if instance.state == "close":
        raise Refused(400, [f'The "{instance.name}" instance is not connected'])
    linking.close(bridge, instance, "logout")
    return 200, _success("Instance logged out")


@route(ROUTES, "DELETE", "instance/delete")
def delete(bridge: "Bridge", request: "Request") -> "Answer":
    instance = request.instance
    if instance.state != "close":
        linking.close(bridge, instance, "logout")
    identity = {"instanceName": instance.name, "instanceId": instance.id}
    bridge.emit(instance, "remove.instance", None)
    bridge.emit(instance, "instance.delete", identity)
    bridge.record("removed", instance=instance.name)
    return 200, _success("Instance deleted")


def _success(message: str) -> dict:
    return {"status": "SUCCESS", "error": False, "response": {"message": message}}


@route(ROUTES, "POST", "webhook/set")
def set_webhook(bridge: "Bridge", request: "Request") -> "Answer":
    hook = fields_of(request.body).get("webhook")
    if not isinstance(hook, dict):
        raise Refused(400, [['instance requires property "webhook"']])
    missing = [
        f'webhook requires property "{key}"'
        for key in ("enabled", "url")
        if key not in hook
    ]
    if missing:
        raise Refused(400, [missing])
    if "events" not in hook:
        raise Refused(500, NO_LENGTH)
    for index, event in enumerate(hook["events"]):
        if event not in EVENTS:
            allowed = ",".join(EVENTS)
            problem = f"webhook.events[{index}] is not one of enum values: {allowed}"
            raise Refused(400, [[problem]])
    instance = request.instance
    row = _row(instance, bridge.clock(), hook)
    bridge.record("webhook", instance=instance.name, row=row)
    return 201, row


def _row(instance: Instance, now: float, hook: dict) -> dict:
    """The stored webhook; what is left out keeps its old value."""
    old = instance.webhook or {}
    return {
        "id": old.get("id") or bodies.new_db_id(),
        "url": hook["url"],
        "headers": hook.get("headers", old.get("headers")),
        "enabled": hook["enabled"],
        "events": (hook["events"] or EVENTS) if hook["enabled"] else [],
        "webhookByEvents": hook.get("byEvents", old.get("webhookByEvents", False)),
        "webhookBase64": hook.get("base64", old.get("webhookBase64", False)),
        "createdAt": old.get("createdAt") or bodies.iso(now),
        "updatedAt": bodies.iso(now),
        "instanceId": instance.id,
    }


@route(ROUTES, "GET", "webhook/find")
def find_webhook(bridge: "Bridge", request: "Request") -> "Answer":
    return 200, request.instance.webhook
