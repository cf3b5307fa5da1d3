"""The JSON that Evolution 2.3.7 writes, built from what the bridge remembers."""

import secrets
from datetime import UTC, datetime
from typing import Any

from evolution.sandbox.world import GROUP, Group, Instance, Message, Person, World

CLIENT_NAME = "evolution_sandbox"
# Nobody draws this picture: whoever shows a QR code draws `code`.
PICTURE = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4"
    "nGP4DwABAQEAG7buVgAAAABJRU5ErkJggg=="
)
REASONS = {
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    413: "Payload Too Large",
    500: "Internal Server Error",
}


class Refused(Exception):
    """An answer that is not a success."""

    def __init__(self, status: int, message: Any) -> None:
        super().__init__(message)
        self.status = status
        self.body = error(status, message)


def error(status: int, message: Any) -> dict:
    return {
        "status": status,
        "error": REASONS[status],
        "response": {"message": message},
    }


def iso(at: float) -> str:
    moment = datetime.fromtimestamp(at, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def long(value: int, unsigned: bool = False) -> dict:
    """A 64-bit number as JavaScript's Long: two signed halves."""
    low = value & 0xFFFFFFFF
    return {
        "low": low if unsigned or low < 2**31 else low - 2**32,
        "high": value >> 32,
        "unsigned": unsigned,
    }


def numbered(data: bytes) -> dict:
    """Bytes as JSON makes them of a Uint8Array."""
    return {str(index): byte for index, byte in enumerate(data)}


def source(message_id: str) -> str:
    """The device, which Evolution guesses from the id's shape."""
    length = len(message_id)
    if message_id.startswith("3A") and length == 20:
        return "ios"
    if message_id.startswith("3E") and length == 22:
        return "web"
    if length in (21, 32):
        return "android"
    return "desktop" if length == 18 else "unknown"


def new_id(device: str = "web") -> str:
    shapes = {"ios": ("3A", 9), "web": ("3EB0", 9), "android": ("AC", 15)}
    prefix, length = shapes[device]
    return prefix + secrets.token_hex(length).upper()


def new_db_id() -> str:
    return "c" + secrets.token_hex(12)


def envelope(
    instance: Instance, event: str, data: Any, now: float, server_url: str
) -> dict:
    body = {
        "event": event,
        "instance": instance.name,
        "data": data,
        "destination": instance.webhook["url"],
        "date_time": iso(now),
    }
    if instance.was_linked:
        body["sender"] = instance.owner.jid
    return body | {"server_url": server_url, "apikey": instance.token}


def person_key(person: Person, from_me: bool, message_id: str) -> dict:
    return {
        "remoteJid": person.jid,
        "remoteJidAlt": person.lid_jid,
        "fromMe": from_me,
        "id": message_id,
        "participant": "",
        "addressingMode": "pn",
    }


def group_key(group: Group, sender: Person, from_me: bool, message_id: str) -> dict:
    return {
        "remoteJid": group.jid,
        "fromMe": from_me,
        "id": message_id,
        "participant": sender.lid_jid,
        "participantAlt": sender.jid,
        "addressingMode": "lid",
    }


def upsert(message: Message, with_file: bool = False) -> dict:
    """What a message from a person looks like, with what every phone adds."""
    devices = {
        "threadId": [],
        "deviceListMetadata": {
            "senderKeyIndexes": [],
            "recipientKeyIndexes": [],
            "senderKeyHash": numbered(bytes(range(10))),
            "senderTimestamp": long(message.timestamp - 40_000, unsigned=True),
            "recipientKeyHash": numbered(bytes(range(10))),
            "recipientTimestamp": long(message.timestamp - 40_000, unsigned=True),
        },
        "deviceListMetadataVersion": 2,
        "messageSecret": numbered(bytes(range(32))),
    }
    content = {**message.data["message"], "messageContextInfo": devices}
    if with_file and message.file:
        content["base64"] = message.file
    return message.data | {"message": content}


def sent(message: Message, with_file: bool) -> dict:
    """A message that the API sent, as it is answered and told."""
    if not (with_file and message.file):
        return message.data
    return message.data | {
        "message": {**message.data["message"], "base64": message.file}
    }


def context(
    mentions: list[str], quoted: Message | None, world: World, instance: Instance
) -> dict:
    info: dict = {
        "mentionedJid": mentions,
        "groupMentions": [],
        "statusAttributions": [],
    }
    if quoted:
        info |= quotation(quoted, world, instance)
    return info


def quotation(quoted: Message, world: World, instance: Instance) -> dict:
    sender = world.people[quoted.sender] if quoted.sender else instance.owner
    in_group = quoted.chat.endswith(GROUP)
    return {
        "participant": sender.lid_jid if in_group else sender.jid,
        "stanzaId": quoted.id,
        "quotedMessage": quoted.data["message"],
    }


def record(message: Message) -> dict:
    """A message as findMessages lists it."""
    data, key = message.data, message.data["key"]
    return {
        "id": message.db_id,
        "key": key | ({"deleted": True} if message.deleted else {}),
        "pushName": data["pushName"],
        "messageType": data["messageType"],
        "message": data["message"],
        "messageTimestamp": data["messageTimestamp"],
        "instanceId": data["instanceId"],
        "source": data["source"],
        "contextInfo": data.get("contextInfo"),
        "MessageUpdate": [{"status": status} for status in message.updates],
    }


def file(message: Message) -> dict:
    """The file of a message as getBase64FromMediaMessage hands it over."""
    kind = message.data["messageType"]
    found = message.data["message"][kind]
    mimetype = found["mimetype"]
    ending = mimetype.partition(";")[0].partition("/")[2]
    return {
        "mediaType": kind,
        "fileName": found.get("fileName") or f"{message.id}.{ending}",
        "caption": found.get("caption"),
        "size": {"fileLength": found["fileLength"]},
        "mimetype": mimetype,
        "base64": message.file,
        "buffer": None,
    }


def update(message: Message, status: str) -> dict:
    """The receipt of a message that we sent."""
    return {
        "keyId": message.id,
        "remoteJid": message.data["key"]["remoteJid"],
        "fromMe": True,
        "status": status,
        "instanceId": message.data["instanceId"],
        "messageId": message.db_id,
    }


def protocol_key(message: Message, instance: Instance) -> dict:
    """A message's key as its sender sees it, which is how edits name it."""
    chat = message.chat if message.chat.endswith(GROUP) else instance.owner.jid
    return {"remoteJid": chat, "fromMe": True, "id": message.id}


def disconnection(instance: Instance) -> str:
    """The JSON within the JSON that tells why a link ended."""
    if instance.reason_text == "device_removed":
        data = '{"tag":"conflict","attrs":{"type":"device_removed"}}'
        why = "Stream Errored (conflict)"
    else:
        data, why = "null", f"Log out instance: {instance.name}"
    return (
        f'{{"error":{{"data":{data},"isBoom":true,"isServer":false,"output":'
        f'{{"statusCode":401,"payload":{{"statusCode":401,"error":"Unauthorized",'
        f'"message":"{why}"}},"headers":{{}}}}}},"date":"{iso(instance.changed_at)}"}}'
    )


def instance_row(instance: Instance, contacts: int) -> dict:
    """An instance as fetchInstances lists it."""
    ended = instance.reason is not None
    linked = instance.was_linked
    return {
        "id": instance.id,
        "name": instance.name,
        "connectionStatus": instance.state,
        "ownerJid": instance.owner.jid if linked else None,
        "profileName": instance.owner.name if instance.links > 1 else None,
        "profilePicUrl": None,
        "integration": "WHATSAPP-BAILEYS",
        "number": instance.number,
        "businessId": None,
        "token": instance.token,
        "clientName": CLIENT_NAME,
        "disconnectionReasonCode": instance.reason,
        "disconnectionObject": disconnection(instance) if ended else None,
        "disconnectionAt": iso(instance.changed_at) if ended else None,
        "createdAt": iso(instance.at),
        "updatedAt": iso(instance.changed_at),
        "Chatwoot": None,
        "Proxy": None,
        "Rabbitmq": None,
        "Nats": None,
        "Sqs": None,
        "Websocket": None,
        "Setting": {
            "id": f"c{instance.id}",
            **instance.settings,
            "createdAt": iso(instance.at),
            "updatedAt": iso(instance.at),
            "instanceId": instance.id,
        },
        "_count": {
            "Message": len(instance.messages),
            "Contact": contacts,
            "Chat": 0,
        },
    }


def participants(group: Group, world: World, instance: Instance) -> list[dict]:
    people = [world.people[phone] for phone in group.members] + [instance.owner]
    return [
        {
            "id": person.lid_jid,
            "phoneNumber": person.jid,
            "admin": None if index else "superadmin",
        }
        for index, person in enumerate(people)
    ]


def group_info(group: Group, world: World, instance: Instance) -> dict:
    members = participants(group, world, instance)
    return {
        "id": group.jid,
        "subject": group.name,
        "subjectOwner": members[0]["id"],
        "subjectTime": int(group.at),
        "pictureUrl": None,
        "size": len(members),
        "creation": int(group.at),
        "owner": members[0]["id"],
        "restrict": False,
        "announce": False,
        "participants": members,
        "isCommunity": False,
        "isCommunityAnnounce": False,
    }
