"""What the stand-in bridge remembers: a fold over the records of its journal.

Every change goes through `World.apply`, so that replaying a journal rebuilds the
same people, links and messages.
"""

import hashlib
from bisect import bisect_left, insort
from collections import defaultdict
from dataclasses import dataclass, field
from operator import attrgetter

GROUP = "@g.us"
SETTINGS = {
    "rejectCall": False,
    "msgCall": "",
    "groupsIgnore": False,
    "alwaysOnline": False,
    "readMessages": False,
    "readStatus": False,
    "syncFullHistory": False,
    "wavoipToken": "",
}


def lid_of(phone: str) -> str:
    """The LID that a number has where none is given: always the same."""
    digest = int(hashlib.sha256(phone.encode()).hexdigest(), 16)
    return str(10**14 + digest % (9 * 10**14))


@dataclass
class Person:
    name: str
    phone: str
    lid: str = ""

    def __post_init__(self) -> None:
        self.lid = self.lid or lid_of(self.phone)

    @property
    def jid(self) -> str:
        return f"{self.phone}@s.whatsapp.net"

    @property
    def lid_jid(self) -> str:
        return f"{self.lid}@lid"


@dataclass
class Group:
    jid: str
    name: str
    members: list[str]  # phones, without the linked one
    at: float


@dataclass
class Message:
    """One message in one instance's chats; `data` as Evolution tells it."""

    data: dict
    chat: str  # the other person's phone JID, or the group's JID
    sender: str  # a phone; "" for the linked one
    origin: str  # contact, phone, api
    db_id: str
    number: int
    file: str = ""  # what it carries, in base64
    updates: list[str] = field(default_factory=list)
    edited: bool = False
    deleted: bool = False
    reactions: dict[str, str] = field(default_factory=dict)  # by sender

    @property
    def id(self) -> str:
        return self.data["key"]["id"]

    @property
    def from_me(self) -> bool:
        return self.data["key"]["fromMe"]

    @property
    def timestamp(self) -> int:
        return self.data["messageTimestamp"]

    @property
    def order(self) -> tuple[int, int]:
        return self.timestamp, self.number


class Timeline:
    """Messages in WhatsApp's order, read from the newest without a scan."""

    def __init__(self) -> None:
        self._messages: list[Message] = []

    def add(self, message: Message) -> None:
        if not self._messages or self._messages[-1].order < message.order:
            self._messages.append(message)
        else:
            insort(self._messages, message, key=attrgetter("order"))

    def between(
        self, since: float | None, until: float | None, skip: int, count: int
    ) -> tuple[int, list[Message]]:
        """How many there are in the span, and a page of them, newest first."""
        key = attrgetter("timestamp")
        first = bisect_left(self._messages, since, key=key) if since else 0
        last = len(self._messages)
        if until is not None:
            # Timestamps are whole seconds: one within the last second belongs to it.
            last = bisect_left(self._messages, int(until) + 1, key=key)
        end = max(first, last - skip)
        page = self._messages[max(first, end - count) : end]
        return max(0, last - first), page[::-1]


@dataclass
class Instance:
    name: str
    id: str
    token: str
    owner: Person
    number: str | None
    at: float
    settings: dict
    webhook: dict | None = None
    state: str = "close"
    reason: int | None = None
    reason_text: str = ""
    changed_at: float = 0
    was_linked: bool = False
    links: int = 0
    is_silent: bool = False  # reports nothing, though it goes on
    # Gone with a restart, as with the real one.
    qr: dict | None = None
    typing: dict[str, float] = field(default_factory=dict)
    # What it has, by id and in order.
    messages: dict[str, Message] = field(default_factory=dict)
    timelines: dict[tuple, Timeline] = field(
        default_factory=lambda: defaultdict(Timeline)
    )
    revisions: dict[str, int] = field(default_factory=lambda: defaultdict(int))

    def timeline(self, kind: str, address: str, only_ours: bool = False) -> Timeline:
        return self.timelines.get((kind, address, only_ours)) or Timeline()

    def add(self, message: Message) -> None:
        key = message.data["key"]
        self.messages[message.id] = message
        addresses = {("", ""), ("chat", message.chat), ("jid", key["remoteJid"])}
        if "remoteJidAlt" in key:
            addresses.add(("alt", key["remoteJidAlt"]))
        for kind, address in addresses:
            self.timelines[kind, address, False].add(message)
            if message.from_me:
                self.timelines[kind, address, True].add(message)


class World:
    def __init__(self) -> None:
        self.people: dict[str, Person] = {}
        self.lids: dict[str, Person] = {}
        self.groups: dict[str, Group] = {}
        self.instances: dict[str, Instance] = {}
        self.demo_played = False
        self.numbered = 0

    def apply(self, kind: str, at: float, fields: dict) -> None:
        """Take over one record. Kinds that only testify change nothing."""
        change = getattr(self, f"_{kind}", None)
        if change:
            change(at, **fields)

    def _person(self, at: float, name: str, phone: str, lid: str = "") -> None:
        person = Person(name, phone, lid)
        self.people[phone] = self.lids[person.lid] = person

    def _group(self, at: float, jid: str, name: str, members: list[str]) -> None:
        self.groups[jid] = Group(jid, name, members, at)

    def _instance(self, at: float, owner: dict, **fields) -> None:
        instance = Instance(owner=Person(**owner), at=at, changed_at=at, **fields)
        self.instances[instance.name] = instance

    def _removed(self, at: float, instance: str) -> None:
        self.instances.pop(instance, None)

    def _webhook(self, at: float, instance: str, row: dict) -> None:
        self.instances[instance].webhook = row

    def _state(
        self, at: float, instance: str, state: str, reason: int = 0, text: str = ""
    ) -> None:
        found = self.instances[instance]
        found.state, found.changed_at = state, at
        found.revisions[""] += 1
        if state == "open":
            found.was_linked = True
            found.links += 1
        if reason:
            found.reason, found.reason_text = reason, text

    def _silence(self, at: float, instance: str, is_silent: bool) -> None:
        self.instances[instance].is_silent = is_silent

    def _message(self, at: float, instance: str, **fields) -> None:
        self.numbered += 1
        found = self.instances[instance]
        message = Message(number=self.numbered, **fields)
        found.add(message)
        found.typing.pop(message.chat, None)
        found.revisions[message.chat] += 1

    def _change(self, instance: str, id: str) -> Message:
        found = self.instances[instance]
        message = found.messages[id]
        found.revisions[message.chat] += 1
        return message

    def _status(self, at: float, instance: str, id: str, status: str) -> None:
        self._change(instance, id).updates.append(status)

    def _edit(self, at: float, instance: str, id: str, text: str) -> None:
        message = self._change(instance, id)
        message.data["message"] = {"conversation": text}
        message.edited = True
        message.updates.append("EDITED")

    def _delete(self, at: float, instance: str, id: str) -> None:
        message = self._change(instance, id)
        message.deleted = True
        message.updates.append("DELETED")

    def _reaction(
        self, at: float, instance: str, id: str, sender: str, emoji: str
    ) -> None:
        reactions = self._change(instance, id).reactions
        if emoji:
            reactions[sender] = emoji
        else:
            reactions.pop(sender, None)

    def _demo(self, at: float) -> None:
        self.demo_played = True
