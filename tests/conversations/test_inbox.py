import json
import os
import sqlite3
import threading
import time
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from django.db import OperationalError
from django.urls import reverse
from django.utils import timezone

from conversations import inbox, intake
from conversations.models import Message
from evolution import states, webhook
from evolution.models import UnreadableEvent
from tests.evolution import recorded
from whatsapp_agent.operations import health, machine

TEXT = "webhooks/messages/dm_pn_conversation/01-messages.upsert"
EDIT = "webhooks/messages/edit_protocol/02-messages.update"
EDITED = "webhooks/messages/to_be_edited/01-messages.upsert"
KEY = "C6A68DC9-EB5D-4428-B4E4-9E4D4B7D3753"

pytestmark = [pytest.mark.sqlite, pytest.mark.django_db]


@pytest.fixture(autouse=True)
def file(settings, tmp_path, monkeypatch):
    settings.INBOX = str(tmp_path / "db.sqlite3-inbox")
    for name in ("_states", "_addresses", "_seen"):
        monkeypatch.setattr(states, name, {})
    return tmp_path / "db.sqlite3-inbox"


@pytest.fixture
def deliver(client):
    def post(body):
        url, headers = reverse("api:webhook"), {"X-Webhook-Secret": "webhook-secret"}
        return client.post(url, body, content_type="application/json", headers=headers)

    return post


def message(whatsapp_id: str) -> dict:
    body = recorded.load(TEXT)
    body["data"]["key"]["id"] = whatsapp_id
    return body


def bodies(file) -> list[str]:
    with closing(sqlite3.connect(file)) as database:
        return [row[0] for row in database.execute("SELECT body FROM webhook")]


@contextmanager
def later(time_machine, seconds: float):
    time_machine.move_to(timezone.now() + timedelta(seconds=seconds))
    yield


def ids() -> set[str]:
    return set(Message.objects.values_list("whatsapp_id", flat=True))


def test_a_webhook_is_answered_before_the_database_has_it(deliver, file):
    response = deliver(message("M1"))

    assert (response.status_code, response.json()) == (200, {"status": "ok"})
    assert len(bodies(file)) == 1
    assert not Message.objects.exists()


def test_what_waits_is_stored_and_gone(deliver, file):
    for number in range(3):
        deliver(message(f"M{number}"))

    assert inbox.take_in() == 3

    assert ids() == {"M0", "M1", "M2"}
    assert bodies(file) == []
    assert inbox.take_in() == 0


def test_no_more_than_a_transaction_bears_is_taken_at_once(deliver, monkeypatch):
    monkeypatch.setattr(inbox, "MOST", 2)
    for number in range(3):
        deliver(message(f"M{number}"))

    assert [inbox.take_in() for _ in range(3)] == [2, 1, 0]


def test_what_a_crash_leaves_is_stored_once(deliver, file, monkeypatch):
    deliver(message("M1"))
    with monkeypatch.context() as crash:
        crash.setattr(inbox, "_settle", lambda rows, ends: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            inbox.take_in()
    assert len(bodies(file)) == 1

    inbox.take_in()

    assert ids() == {"M1"}
    assert bodies(file) == []


def test_no_key_reaches_the_file(deliver, file):
    deliver(message("M1"))

    everything = b"".join(one.read_bytes() for one in file.parent.iterdir())
    assert b"M1" in everything
    assert KEY.encode() not in everything


def test_only_we_may_read_the_file(deliver, file):
    deliver(message("M1"))

    modes = {one.name: oct(one.stat().st_mode & 0o777) for one in file.parent.iterdir()}
    assert set(modes.values()) == {"0o600"}, modes


def test_its_log_has_its_length_from_the_start(deliver, file):
    deliver(message("M1"))
    log = file.with_name(f"{file.name}-wal")
    length = log.stat().st_size
    for number in range(20):
        deliver(message(f"N{number}"))

    assert length == log.stat().st_size == inbox.LOG_BYTES
    assert len(bodies(file)) == 21


def test_a_log_that_has_no_room_grows_as_it_is_used(deliver, file, monkeypatch):
    def fail(*args):
        raise OSError("No space left on device")

    monkeypatch.setattr(inbox, "bytes", fail, raising=False)
    deliver(message("M1"))

    assert len(bodies(file)) == 1


def test_a_thread_that_opens_it_takes_no_lock_from_the_others(deliver, file):
    """Else another process that closes it takes the log away that they write to."""

    def locks() -> int:
        inode = f":{file.stat().st_ino} "
        lines = Path("/proc/locks").read_text().splitlines()
        return sum(inode in line and f" {os.getpid()} " in line for line in lines)

    deliver(message("M1"))
    before = locks()
    for number in range(2):
        other = threading.Thread(target=inbox.put, args=[str(number)])
        other.start()
        other.join()

    assert before == locks() == 1


def test_what_cannot_be_read_is_kept_and_takes_no_neighbour_along(deliver, file):
    deliver(message("M1"))
    deliver("{")
    deliver(message("M2"))

    inbox.take_in()

    assert ids() == {"M1", "M2"}
    assert UnreadableEvent.objects.get().body == "{"
    assert bodies(file) == []


@pytest.mark.parametrize(
    "body",
    [b"\xff\xfe\xfa", b"\0", b'{"a": "\xe9"}', '{"a": 1'.encode("utf-16"), b""],
    ids=["bytes", "zero", "latin-1", "utf-16", "empty"],
)
def test_whatever_bytes_come_are_kept_as_without_an_inbox(deliver, body, settings):
    deliver(body)
    inbox.take_in()
    by_inbox = UnreadableEvent.objects.get()
    by_inbox.delete()
    settings.INBOX = ""

    deliver(body)

    directly = UnreadableEvent.objects.get()
    assert (by_inbox.body, by_inbox.error) == (directly.body, directly.error)


def test_large_ones_are_taken_one_after_the_other(deliver, monkeypatch):
    monkeypatch.setattr(inbox, "MOST_CHARACTERS", 1000)
    for number in range(3):
        deliver(message(f"M{number}"))

    assert [inbox.take_in() for _ in range(3)] == [2, 1, 0]


def test_asks_for_another_delivery_where_the_disk_fails(deliver, monkeypatch):
    def fail(path):
        raise OSError("No space left on device")

    monkeypatch.setattr(inbox.log, "sync", fail)

    assert deliver(message("M1")).status_code == 503


def test_asks_for_another_delivery_where_the_file_cannot_be_written(
    deliver, settings, tmp_path
):
    settings.INBOX = str(tmp_path / "inbox")
    (tmp_path / "inbox").write_text("no database at all" * 100)

    assert deliver(message("M1")).status_code == 503


@pytest.mark.parametrize("seconds", [-90, -30, 30, 90])
def test_a_clock_that_jumps_changes_no_order(deliver, time_machine, seconds):
    deliver(message("M1"))
    time_machine.move_to(timezone.now() + timedelta(seconds=seconds))
    deliver(message("M2"))

    assert inbox.take_in() == 2

    stored = Message.objects.order_by("id").values_list("whatsapp_id", flat=True)
    assert list(stored) == ["M1", "M2"]


class TestTooEarly:
    def test_a_change_waits_for_its_message(self, deliver, time_machine):
        deliver(recorded.load(EDIT))
        inbox.take_in()
        deliver(recorded.load(EDITED))
        inbox.take_in()
        before = Message.objects.get()
        assert before.edited_at is None

        with later(time_machine, inbox.FIRST_PAUSE + 0.1):
            assert inbox.take_in() == 1

        assert Message.objects.get().edited_at
        assert inbox.waiting().count == 0

    def test_it_is_tried_less_and_less_often(self, deliver, time_machine):
        deliver(recorded.load(EDIT))
        pauses = []
        for _ in range(9):
            assert inbox.take_in() == 1
            pauses.append(pause := min(60, 0.5 * 2 ** len(pauses)))
            with later(time_machine, pause - 0.1):
                assert inbox.take_in() == 0
            time_machine.move_to(timezone.now() + timedelta(seconds=0.2))

        assert pauses[-1] == 60

    def test_it_is_given_up_when_evolution_would(self, deliver, file, time_machine):
        deliver(recorded.load(EDIT))

        with later(time_machine, inbox.PATIENCE + 1):
            inbox.take_in()

        assert bodies(file) == []
        assert not UnreadableEvent.objects.exists()

    def test_a_clock_that_was_set_back_makes_nobody_wait_longer(
        self, deliver, time_machine
    ):
        deliver(recorded.load(EDIT))
        inbox.take_in()

        with later(time_machine, -3600):
            assert inbox.take_in() == 1


class TestWhileTheDatabaseFails:
    @pytest.fixture
    def broken(self, monkeypatch):
        """It cannot store what names one of these."""
        named = {"M1"}
        receive = intake.receive

        def fail(events):
            if named & {getattr(event, "whatsapp_id", "") for event in events}:
                raise OperationalError("database is locked")
            return receive(events)

        monkeypatch.setattr(intake, "receive", fail)
        return named

    def test_nothing_is_lost(self, deliver, broken, file):
        deliver(message("M1"))

        with pytest.raises(OperationalError):
            inbox.take_in()
        assert len(bodies(file)) == 1
        broken.clear()
        inbox.take_in()

        assert ids() == {"M1"}

    def test_what_fails_alone_holds_nobody_up(self, deliver, broken, file):
        deliver(message("M1"))
        deliver(message("M2"))

        inbox.take_in()

        assert ids() == {"M2"}
        assert len(bodies(file)) == 1

    def test_what_fails_for_long_is_kept_for_staff(
        self, deliver, broken, file, time_machine
    ):
        deliver(message("M1"))

        with later(time_machine, inbox.PATIENCE + 1):
            inbox.take_in()

        assert UnreadableEvent.objects.get().error.startswith("OperationalError")
        assert bodies(file) == []

    def test_what_could_not_be_kept_either_stays(
        self, deliver, broken, file, time_machine, monkeypatch
    ):
        def fail(*args):
            raise OperationalError("database is locked")

        monkeypatch.setattr(webhook, "keep_unreadable", fail)
        deliver(message("M1"))

        with later(time_machine, inbox.PATIENCE + 1), pytest.raises(OperationalError):
            inbox.take_in()

        assert len(bodies(file)) == 1


def test_tells_how_many_wait_and_for_how_long(deliver, time_machine):
    assert inbox.waiting() == inbox.Waiting(0, 0)
    deliver(message("M1"))
    time_machine.move_to(timezone.now() + timedelta(seconds=30))
    deliver(message("M2"))

    found = inbox.waiting()

    assert (found.count, round(found.seconds)) == (2, 30)


class TestStaffAreTold:
    @pytest.fixture(params=[1, 2], ids=["of one", "of two"])
    def late(self, request, deliver, time_machine):
        for number in range(request.param):
            deliver(message(f"M{number}"))
        time_machine.move_to(timezone.now() + timedelta(seconds=inbox.LATE + 1))
        return {
            1: "1 webhook waits to be taken in by the worker",
            2: "2 webhooks wait to be taken in by the worker",
        }[request.param]

    def test_at_home(self, late, admin_client):
        assert late in admin_client.get(reverse("admin:index")).text

    def test_by_readiness(self, late, client, monkeypatch):
        monkeypatch.setattr(health, "_known", (float("-inf"), {}))

        found = client.get("/readyz").json()["inbox"]

        assert found == {"ok": False, "why": late}

    def test_by_the_doctor(self, late):
        assert list(machine.webhooks())[0][1] == f"{late}."

    def test_by_the_metrics(self, late, client):
        text = client.get("/metrics").text

        assert f"whatsapp_agent_inbox {late[0]}.0" in text
        assert f"whatsapp_agent_inbox_seconds {inbox.LATE + 1}" in text

    def test_of_nothing_that_came_just_now(self, deliver):
        deliver(message("M1"))

        assert inbox.problem() == ""

    def test_of_a_file_that_cannot_be_used(self, settings, tmp_path):
        settings.INBOX = str(tmp_path / "inbox")
        (tmp_path / "inbox").write_text("no database at all" * 100)

        assert inbox.problem().startswith("Webhooks cannot be kept in")


def test_another_database_has_none(deliver, settings):
    settings.INBOX = ""

    deliver(message("M1"))

    assert ids() == {"M1"}
    assert inbox.start() is None
    assert inbox.waiting().count == 0


@pytest.mark.django_db(transaction=True)
def test_the_worker_takes_in_whatever_fails_meanwhile(deliver, monkeypatch):
    taker = inbox.Taker()
    taken, pauses = [], []
    ends = iter([OperationalError("locked"), 1, 0])

    def take_in():
        end = next(ends)
        if isinstance(end, Exception):
            raise end
        taken.append(end)
        return end

    def sleep(seconds):
        pauses.append(seconds)
        if seconds == inbox.POLL:
            raise KeyboardInterrupt

    monkeypatch.setattr(inbox, "take_in", take_in)
    clock = SimpleNamespace(sleep=sleep, monotonic=time.monotonic)
    monkeypatch.setattr(inbox, "time", clock)

    with pytest.raises(KeyboardInterrupt):
        taker.run()

    assert (taken, pauses) == ([1, 0], [1, inbox.POLL])
    assert not taker.is_stuck


def test_a_worker_that_starts_catches_up_first(deliver, monkeypatch):
    monkeypatch.setattr(inbox, "MOST", 2)
    for number in range(5):
        deliver(message(f"M{number}"))

    inbox.catch_up()

    assert len(ids()) == 5


def test_a_worker_that_cannot_catch_up_starts_all_the_same(deliver, monkeypatch, file):
    def fail(events):
        raise OperationalError("database is locked")

    monkeypatch.setattr(intake, "receive", fail)
    deliver(message("M1"))

    inbox.catch_up()

    assert len(bodies(file)) == 1


@pytest.mark.parametrize(
    ("seconds", "pause"), [(0, inbox.POLL), (inbox.IDLE_AFTER + 1, inbox.IDLE_POLL)]
)
def test_it_is_looked_into_less_often_while_nothing_comes(
    deliver, monkeypatch, seconds, pause
):
    now, pauses = 1000.0, []
    clock = SimpleNamespace(sleep=pauses.append, monotonic=lambda: now, time=time.time)
    monkeypatch.setattr(inbox, "time", clock)
    taker = inbox.Taker()
    deliver(message("M1"))
    taker._look()
    taker._look()

    now += seconds
    taker._look_again_at = float("inf")
    taker._look()

    assert pauses == [pause]


def test_what_another_process_puts_there_is_seen():
    taker = inbox.Taker()
    taker._look()
    taker._look_again_at = float("inf")

    other = threading.Thread(target=inbox.put, args=[json.dumps(message("M1"))])
    other.start()
    other.join()
    taker._look()

    assert ids() == {"M1"}
