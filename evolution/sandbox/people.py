"""What people do on their phones."""

import base64
import re
from typing import TYPE_CHECKING

from evolution.sandbox import bodies, files
from evolution.sandbox.bodies import Refused
from evolution.sandbox.messages import give_receipt
from evolution.sandbox.world import GROUP, Group, Instance, Message, Person

if TYPE_CHECKING:
    from evolution.sandbox.bridge import Bridge

DEVICES = ("android", "ios", "web")
FIRST_PHONE = 5511988880100
FIRST_GROUP = 120363000000000100
AGENT_NAMES = {"", "agent", "assistant", "bot"}


def add_person(bridge: "Bridge", name: str, phone: str = "", lid: str = "") -> Person:
    people = bridge.world.people
    phone = re.sub(r"\D", "", phone) or str(FIRST_PHONE + len(people) + 1)
    if phone in people:
        raise Refused(400, [f"The number {phone} is taken by {people[phone].name}."])
    bridge.record("person", name=name, phone=phone, lid=lid)
    return people[phone]


def add_group(bridge: "Bridge", name: str, members: list[str], jid: str = "") -> Group:
    """A group of these phones and whichever phones are linked."""
    groups = bridge.world.groups
    jid = jid or f"{FIRST_GROUP + len(groups) + 1}{GROUP}"
    unknown = [phone for phone in members if phone not in bridge.world.people]
    if unknown or not members:
        raise Refused(400, ["A group needs members that exist."])
    bridge.record("group", jid=jid, name=name, members=members)
    return groups[jid]


def write(
    bridge: "Bridge",
    instance: Instance,
    chat: str,
    text: str,
    *,
    sender: str = "",
    quoted: str = "",
    mention: bool = False,
    agent_names: list[str] | None = None,
    kind: str = "text",
    message_id: str = "",
    sent_at: float | None = None,
    file: dict | None = None,
) -> Message:
    """Write a message into a chat: a person's JID, or a group's.

    `sender` is a phone; without one the linked phone's owner types. `mention` and an
    @ in a group mention the agent; @Name mentions a member. A voice note says the text.
    """
    _require_link(instance)
    mentions: list[str] = []
    if chat.endswith(GROUP):
        text = f"@ {text}" if mention and "@" not in text else text
        text, mentions = _with_mentions(bridge, instance, chat, text, agent_names or [])
    content_type, content = "conversation", text
    carried = _carried(kind, text, file)
    if carried:
        content_type, content = files.content(carried, text, bridge.clock())
    data = _data(
        bridge, instance, chat, sender, content_type, content, message_id, sent_at
    )
    quoted_message = instance.messages.get(quoted)
    if mentions or quoted_message:
        data["contextInfo"] = bodies.context(
            mentions, quoted_message, bridge.world, instance
        )
    message = _publish(bridge, instance, data, chat, sender, carried)
    if sender and not chat.endswith(GROUP):
        _read_chat(bridge, instance, chat)
    return message


def _carried(kind: str, text: str, file: dict | None) -> files.File | None:
    if kind == "voice":
        return files.voice_note(text)
    if kind == "picture":
        return files.picture()
    if kind == "film":
        return files.film()
    return files.given(file or {}) if kind == "file" else None


def _require_link(instance: Instance) -> None:
    if instance.state != "open":
        raise Refused(
            400, ["No phone is linked, so nobody would receive this. Scan the QR code."]
        )


def _with_mentions(
    bridge: "Bridge", instance: Instance, chat: str, text: str, agent_names: list[str]
) -> tuple[str, list[str]]:
    group = _group(bridge, chat)
    own = {name.casefold() for name in agent_names} | AGENT_NAMES
    members = {
        bridge.world.people[phone].name.casefold(): bridge.world.people[phone]
        for phone in group.members
    }
    mentions: list[str] = []

    def replace(match: re.Match) -> str:
        name = match[1].casefold()
        person = members.get(name) or (instance.owner if name in own else None)
        if person is None:
            return match[0]
        mentions.append(person.lid_jid)
        return f"@{person.lid}"

    return re.sub(r"(?<!\S)@(\w*)", replace, text), list(dict.fromkeys(mentions))


def _group(bridge: "Bridge", jid: str) -> Group:
    if jid not in bridge.world.groups:
        raise Refused(404, [f"There is no group {jid}."])
    return bridge.world.groups[jid]


def _data(
    bridge: "Bridge",
    instance: Instance,
    chat: str,
    sender: str,
    content_type: str,
    content: str | dict,
    message_id: str = "",
    sent_at: float | None = None,
) -> dict:
    author = _author(bridge, instance, sender)
    device = DEVICES[int(author.phone) % 3] if sender else "ios"
    message_id = message_id or bodies.new_id(device)
    return {
        "key": _key(bridge, chat, author, not sender, message_id),
        "pushName": author.name,
        "status": "DELIVERY_ACK" if sender else "SERVER_ACK",
        "message": {content_type: content},
        "contextInfo": None,
        "messageType": content_type,
        "messageTimestamp": int(sent_at or bridge.clock()),
        "instanceId": instance.id,
        "source": bodies.source(message_id),
    }


def _author(bridge: "Bridge", instance: Instance, phone: str) -> Person:
    if phone and phone not in bridge.world.people:
        raise Refused(404, [f"There is nobody with the number {phone}."])
    return bridge.world.people[phone] if phone else instance.owner


def _key(
    bridge: "Bridge", chat: str, author: Person, from_me: bool, message_id: str
) -> dict:
    if chat.endswith(GROUP):
        group = _group(bridge, chat)
        if not from_me and author.phone not in group.members:
            raise Refused(400, [f"{author.name} is not in {group.name}."])
        return bodies.group_key(group, author, from_me, message_id)
    other = bridge.world.people.get(chat.partition("@")[0])
    if other is None or not (from_me or author is other):
        raise Refused(400, [f"{author.name} has no chat {chat}."])
    return bodies.person_key(other, from_me, message_id)


def _publish(
    bridge: "Bridge",
    instance: Instance,
    data: dict,
    chat: str,
    sender: str,
    carried: files.File | None = None,
) -> Message:
    # A conversation without a reply or a mention has no contextInfo at all.
    if data["contextInfo"] is None and data["messageType"] in (
        "conversation",
        "reactionMessage",
    ):
        del data["contextInfo"]
    bridge.record(
        "message",
        instance=instance.name,
        data=data,
        chat=chat,
        sender=sender,
        origin="contact" if sender else "phone",
        db_id=bodies.new_db_id(),
        **({"file": base64.b64encode(carried.data).decode()} if carried else {}),
    )
    message = instance.messages[data["key"]["id"]]
    is_told = bool(instance.webhook and instance.webhook["webhookBase64"])
    bridge.emit(instance, "messages.upsert", bodies.upsert(message, is_told))
    known = {"remoteJid": chat, "instanceId": instance.id}
    picture = {"profilePicUrl": None, "instanceId": instance.id}
    name = {"remoteJid": chat, "pushName": data["pushName"] if sender else ""}
    bridge.emit(instance, "contacts.update", name | picture)
    bridge.emit(instance, "chats.update", [known])
    return message


def _read_chat(bridge: "Bridge", instance: Instance, chat: str) -> None:
    """Who writes has seen what was there."""
    _, latest = instance.timeline("chat", chat, True).between(None, None, 0, 20)
    for message in latest:
        if message.origin == "api":
            give_receipt(bridge, instance, message, "READ")


def react(
    bridge: "Bridge", instance: Instance, message_id: str, emoji: str, sender: str = ""
) -> Message:
    """React to a message; an empty emoji takes the reaction back."""
    _require_link(instance)
    target = _message(instance, message_id)
    key = {
        "remoteJid": target.chat,
        "fromMe": target.from_me,
        "id": target.id,
        "participant": target.data["key"].get("participant", ""),
    }
    now = bodies.long(int(bridge.clock() * 1000))
    content = {"key": key, "text": emoji, "senderTimestampMs": now}
    data = _data(bridge, instance, target.chat, sender, "reactionMessage", content)
    message = _publish(bridge, instance, data, target.chat, sender)
    bridge.record(
        "reaction", instance=instance.name, id=target.id, sender=sender, emoji=emoji
    )
    return message


def _message(instance: Instance, message_id: str) -> Message:
    if message_id not in instance.messages:
        raise Refused(404, [f"There is no message {message_id}."])
    return instance.messages[message_id]


def _own_message(instance: Instance, message_id: str, sender: str) -> Message:
    _require_link(instance)
    message = _message(instance, message_id)
    is_own = message.origin != "api" and message.sender == sender
    if not is_own or message.deleted:
        raise Refused(400, ["Only messages of one's own can be changed."])
    return message


def edit(
    bridge: "Bridge", instance: Instance, message_id: str, text: str, sender: str = ""
) -> None:
    message = _own_message(instance, message_id, sender)
    if message.data["messageType"] != "conversation":
        raise Refused(400, ["Only texts can be edited."])
    bridge.record("edit", instance=instance.name, id=message_id, text=text)
    content = {"conversation": text}
    bridge.emit(
        instance,
        "messages.edited",
        {
            "key": bodies.protocol_key(message, instance),
            "type": "MESSAGE_EDIT",
            "editedMessage": content,
            "timestampMs": str(int(bridge.clock() * 1000)),
        },
    )
    bridge.emit(
        instance,
        "messages.update",
        {
            "keyId": message_id,
            "remoteJid": message.chat,
            "fromMe": message.from_me,
            "participant": message.data["key"]["participant"],
            "status": "SERVER_ACK",
            "instanceId": instance.id,
            "message": {"editedMessage": {"message": content}},
            "messageId": message.db_id,
        },
    )


def delete(
    bridge: "Bridge", instance: Instance, message_id: str, sender: str = ""
) -> None:
    message = _own_message(instance, message_id, sender)
    bridge.record("delete", instance=instance.name, id=message_id)
    key = bodies.protocol_key(message, instance)
    bridge.emit(instance, "messages.edited", {"key": key, "type": "REVOKE"})
    data = message.data["key"] | {"status": "DELETED"}
    bridge.emit(instance, "messages.delete", data)
