"""The bridge's memory as the phone page shows it."""

import re
from typing import TYPE_CHECKING

from evolution.sandbox.world import GROUP, Group, Instance, Message, Person

if TYPE_CHECKING:
    from evolution.sandbox.bridge import Bridge

LATEST = 150
KINDS = {
    "audioMessage": "voice",
    "imageMessage": "picture",
    "videoMessage": "video",
    "documentMessage": "document",
}


def person_row(person: Person) -> dict:
    return {
        "name": person.name,
        "phone": person.phone,
        "jid": person.jid,
        "lid": person.lid_jid,
    }


def group_row(group: Group) -> dict:
    return {"jid": group.jid, "name": group.name, "members": group.members}


def overview(bridge: "Bridge") -> dict:
    world = bridge.world
    return {
        "version": bridge.version,
        "instances": [
            {
                "name": instance.name,
                "state": instance.state,
                "has_qr": instance.qr is not None,
                "is_silent": instance.is_silent,
                "owner": person_row(instance.owner),
                "last": _last_texts(instance),
            }
            for instance in world.instances.values()
        ],
        "people": [person_row(person) for person in world.people.values()],
        "groups": [group_row(group) for group in world.groups.values()],
    }


def _last_texts(instance: Instance) -> dict[str, str]:
    last = {}
    for kind, chat, only_ours in list(instance.timelines):
        if kind == "chat" and not only_ours:
            newest = instance.timeline(kind, chat).between(None, None, 0, 1)[1]
            last[chat] = text_of(newest[0])
    return last


def chat(bridge: "Bridge", instance: Instance, jid: str, cursor: str) -> dict:
    """The latest messages of a chat, unless the cursor says that they are known."""
    typing = instance.typing.get(jid, 0) > bridge.clock()
    revision = f"{instance.revisions[jid]}-{instance.revisions['']}-{int(typing)}"
    answer = {"cursor": revision, "state": instance.state, "typing": typing}
    if revision == cursor:
        return answer
    line = instance.timeline("chat", jid)
    total, latest = line.between(None, None, 0, LATEST)
    shown = [
        bubble(bridge, instance, message)
        for message in reversed(latest)
        if message.data["messageType"] != "reactionMessage"
    ]
    return answer | {"messages": shown, "older": total > LATEST}


def bubble(bridge: "Bridge", instance: Instance, message: Message) -> dict:
    info = message.data.get("contextInfo") or {}
    quoted = instance.messages.get(info.get("stanzaId"))
    return {
        "id": message.id,
        "sender": message.sender,
        "origin": message.origin,
        "name": _name(bridge, message),
        "kind": KINDS.get(message.data["messageType"], "text"),
        "seconds": _told(message, "seconds"),
        "file_name": _told(message, "fileName"),
        "text": "" if message.deleted else _readable(bridge, message),
        "at": message.timestamp,
        "status": _status(message),
        "edited": message.edited,
        "deleted": message.deleted,
        "quoted": quoted
        and {"name": _name(bridge, quoted), "text": _gist(bridge, quoted)},
        "reactions": list(message.reactions.values()),
    }


def _told(message: Message, fact: str) -> str | int:
    content = message.data["message"].get(message.data["messageType"])
    return content.get(fact, "") if isinstance(content, dict) else ""


def _name(bridge: "Bridge", message: Message) -> str:
    if message.sender:
        return bridge.world.people[message.sender].name
    return "Agent" if message.origin == "api" else "Phone's owner"


def _gist(bridge: "Bridge", message: Message) -> str:
    kind = KINDS.get(message.data["messageType"], "")
    return _readable(bridge, message) or kind.capitalize()


def _readable(bridge: "Bridge", message: Message) -> str:
    """The text with names in place of the LIDs that it mentions."""

    def replace(match: re.Match) -> str:
        person = bridge.world.lids.get(match[1])
        return f"@{person.name if person else 'agent'}"

    return re.sub(r"@(\d{12,})", replace, text_of(message))


def _status(message: Message) -> str:
    if "READ" in message.updates:
        return "read"
    if message.origin == "api" and not message.chat.endswith(GROUP):
        return "delivered" if "DELIVERY_ACK" in message.updates else "sent"
    return "delivered"


def text_of(message: Message) -> str:
    kind = message.data["messageType"]
    content = message.data["message"][kind] if not message.edited else None
    if kind == "reactionMessage":
        return f"Reacted with {content['text']}" if content["text"] else ""
    if kind in KINDS:
        return content.get("caption", "")
    return message.data["message"]["conversation"]
