"""What Evolution's webhooks say: a JSON body in, events out.

Only this module and those it reads with know Evolution's key names. Bodies differ from
version to version, and a sender can put anything into a message.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from conversations import whatsapp
from evolution import connection, messages
from evolution.connection import InstanceEvent
from evolution.values import UnreadableError, moment, text

LONGEST_INSTANCE = 100

Event = whatsapp.Event | InstanceEvent
Reader = Callable[[str, dict], list[Event]]

# Not an event of Evolution's: what we found in its record.
FOUND = "messages.found"
ABOUT_MESSAGES: dict[str, Reader] = {
    FOUND: messages.found,
    "messages.upsert": messages.received,
    "messages.set": messages.old,
    "messages.update": messages.updated,
    "messages.edited": messages.changed,
    "messages.delete": messages.deleted,
    "send.message": messages.sent,
    "send.message.update": messages.changed,
}
ABOUT_INSTANCES: dict[str, Reader] = {
    "connection.update": connection.connection,
    "qrcode.updated": connection.qr_code,
    "status.instance": connection.status,
    "group-participants.update": connection.participants,
}
WITHOUT_DATA: dict[str, Reader] = {
    "logout.instance": connection.logout,
    "remove.instance": connection.removed,
}
IGNORED = frozenset(
    {
        "application.startup",
        "call",
        "chats.delete",
        "chats.set",
        "chats.update",
        "chats.upsert",
        "contacts.set",
        "contacts.update",
        "contacts.upsert",
        "error",
        "groups.update",
        "groups.upsert",
        "instance.create",
        "instance.delete",
        "labels.association",
        "labels.edit",
        "presence.update",
        "typebot.change-status",
        "typebot.start",
    }
)


@dataclass(frozen=True)
class Failure:
    """One unreadable record out of several, in a body of its own."""

    body: dict
    error: UnreadableError


@dataclass(frozen=True)
class Parsed:
    instance: str
    events: list[Event] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)

    @property
    def about_conversations(self) -> list[whatsapp.Event]:
        return [one for one in self.events if isinstance(one, whatsapp.Event)]

    @property
    def about_instances(self) -> list[InstanceEvent]:
        return [one for one in self.events if isinstance(one, InstanceEvent)]


def parse(body: dict) -> Parsed:
    """Read a webhook's body, or raise UnreadableError. Of several records some may fail."""
    event = text(body.get("event"))
    instance = text(body.get("instance"))
    if event in IGNORED:
        return Parsed(instance[:LONGEST_INSTANCE])
    if not 0 < len(instance) <= LONGEST_INSTANCE:
        raise UnreadableError("The body names no instance")
    if event in WITHOUT_DATA:
        return Parsed(instance, WITHOUT_DATA[event](instance, {}))
    if event in ABOUT_INSTANCES:
        return Parsed(
            instance, ABOUT_INSTANCES[event](instance, _record(body.get("data")))
        )
    if event in ABOUT_MESSAGES:
        return _read_messages(event, instance, body)
    raise UnreadableError(f"The event {event[:40]!r} is unknown")


def _read_messages(event: str, instance: str, body: dict) -> Parsed:
    """One record, or a list of them, of which each counts for itself."""
    data = body.get("data")
    if not isinstance(data, list):
        return Parsed(instance, _read_record(event, instance, body, data))
    events: list[Event] = []
    failures: list[Failure] = []
    for record in data:
        try:
            events += _read_record(event, instance, body, record)
        except UnreadableError as error:
            failures.append(Failure({**body, "data": [record]}, error))
    return Parsed(instance, events, failures)


def _read_record(event: str, instance: str, body: dict, data: object) -> list[Event]:
    record = _record(data)
    events = ABOUT_MESSAGES[event](instance, record)
    events = [_dated(one, body) for one in events]
    if event == "messages.upsert":
        events += connection.own_address(instance, body.get("sender"), record)
    return events


def _dated(event: Event, body: dict) -> Event:
    """Several edits of one message may come in any order."""
    if not isinstance(event, whatsapp.MessageEdited):
        return event
    return replace(event, told_at=moment(body.get("date_time")))


def _record(data: object) -> dict:
    if not isinstance(data, dict):
        raise UnreadableError("The data is no object")
    return data
