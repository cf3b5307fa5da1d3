"""What is there besides the chats: staff, what they did, the queue, what went wrong."""

import hashlib
import json
from collections.abc import Iterator
from random import Random

from django.contrib.admin.models import LogEntry
from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import Group, User
from django.contrib.contenttypes.models import ContentType
from django.contrib.sessions.models import Session
from django.db import connection
from django_q.models import OrmQ, Task
from django_q.signing import SignedPackage

from bench.pages.bulk import Row, insert, moment
from bench.pages.chats import DAY, DAYS, Size
from bench.pages.words import Writer
from conversations.models import AgentSettings, Conversation, SettingsChange, Worker
from evolution.models import Instance, RefusedWebhook, UnreadableEvent

ROLES = ("viewer", "operator", "admin")
STAFF = 5  # of each role


def fill(size: Size, random: Random, writer: Writer, until: float) -> None:
    def past() -> object:
        return moment(until - random.random() * DAYS * DAY)

    many = size.messages // 100
    kind = ContentType.objects.get_for_model(Conversation).pk
    AgentSettings.load()
    insert(Instance, _instances(until))
    insert(Worker, _workers(until))
    insert(Session, _sessions(max(10, many // 20), until))
    insert(LogEntry, (_log_entry(random, writer, kind, past()) for _ in range(many)))
    insert(
        SettingsChange, (_settings_change(past()) for _ in range(max(5, many // 50)))
    )
    insert(Task, _tasks(many * 5, random, until))
    insert(OrmQ, _queued(20, until))
    insert(UnreadableEvent, _unreadable(max(10, many // 20), writer, past))
    insert(RefusedWebhook, _refused(max(5, many // 200), past))


def make_staff() -> None:
    """The first may do everything."""
    unusable = make_password(None)
    User.objects.create(
        username="root", is_staff=True, is_superuser=True, password=unusable
    )
    for role in ROLES:
        group = Group.objects.get(name=role)
        for number in range(STAFF):
            user = User.objects.create(
                username=f"{role}{number}", is_staff=True, password=unusable
            )
            user.groups.add(group)


def _instances(until: float) -> Iterator[Row]:
    for name, state in (("whatsapp-agent", "open"), ("spare", "close")):
        yield {
            "name": name,
            "state": state,
            "phone_jid": "551130000000@s.whatsapp.net",
            "profile_name": "The agent",
            "webhook_at": moment(until - 5),
            "state_at": moment(until - 5 * DAY),
        }


def _workers(until: float) -> Iterator[Row]:
    for slot in ("host-0", "host-1"):
        yield {"slot": slot, "started_at": moment(until), "seen_at": moment(until)}


def _sessions(count: int, until: float) -> Iterator[Row]:
    for number in range(count):
        key = hashlib.md5(str(number).encode()).hexdigest()
        end = moment(until + (number % 28 - 14) * DAY)
        yield {"session_key": key, "session_data": "e30:1", "expire_date": end}


def _log_entry(random: Random, writer: Writer, kind: int, at: object) -> Row:
    return {
        "action_time": at,
        "user_id": random.randint(1, 1 + STAFF * len(ROLES)),
        "content_type_id": kind,
        "object_id": str(random.randint(1, 20)),
        "object_repr": writer.name(),
        "action_flag": 2,
        "change_message": "Paused until somebody resumes.",
    }


def _settings_change(at: object) -> Row:
    return {
        "staff_id": 1,
        "changed_at": at,
        "before": json.dumps({"threshold": 0.6, "bot_name": "Assistant"}),
        "after": json.dumps({"threshold": 0.7, "bot_name": "Helper"}),
    }


def _tasks(count: int, random: Random, until: float) -> Iterator[Row]:
    def pickled(name: str, value: object) -> object:
        return Task._meta.get_field(name).get_db_prep_save(value, connection)

    args, kwargs = pickled("args", (17,)), pickled("kwargs", {})
    result, error = pickled("result", None), pickled("result", "Traceback: boom")
    for number in range(count):
        started = until - random.random() * 30 * DAY
        failed = number % 250 == 3
        yield {
            "id": hashlib.md5(f"task {number}".encode()).hexdigest(),
            "name": f"quick-brown-fox-{number}",
            "func": "conversations.tasks.process",
            "args": args,
            "kwargs": kwargs,
            "result": error if failed else result,
            "started": moment(started),
            "stopped": moment(started + 0.1),
            "success": not failed,
            "attempt_count": 1,
            "cluster": "whatsapp-agent",
        }


def _queued(count: int, until: float) -> Iterator[Row]:
    for number in range(count):
        task = {
            "id": hashlib.md5(f"queued {number}".encode()).hexdigest(),
            "name": f"lazy-dog-{number}",
            "func": "conversations.tasks.process",
            "args": (number,),
            "kwargs": {},
        }
        yield {
            "key": "whatsapp-agent",
            "payload": SignedPackage.dumps(task),
            "lock": moment(until),
        }


def _unreadable(count: int, writer: Writer, past) -> Iterator[Row]:
    for number in range(count):
        body = json.dumps({"event": "messages.upsert", "data": writer.text() * 20})
        yield {
            "body": body,
            "digest": hashlib.sha256(str(number).encode()).hexdigest(),
            "error": "data.key: this is missing",
            "received_at": past(),
            "replayed_at": past() if number % 2 else None,
        }


def _refused(count: int, past) -> Iterator[Row]:
    for number in range(count):
        yield {
            "reason": "secret",
            "source": f"192.0.2.{number}",
            "first_at": past(),
            "last_at": past(),
        }
