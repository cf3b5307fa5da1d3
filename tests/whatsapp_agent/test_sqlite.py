import fcntl
import os
import threading
import time
from collections.abc import Callable, Iterator

import pytest
from django.conf import settings
from django.db.utils import ConnectionHandler

pytestmark = [pytest.mark.sqlite, pytest.mark.django_db]

QUEUEING = {**settings.DATABASES["default"], "ENGINE": "whatsapp_agent.sqlite"}


@pytest.fixture
def connect(tmp_path) -> Iterator[Callable]:
    """Makes connections to one file, for any thread."""
    database = {**QUEUEING, "NAME": str(tmp_path / "db.sqlite3")}
    made = []

    def connect():
        connection = ConnectionHandler({"default": database})["default"]
        connection.inc_thread_sharing()
        made.append(connection)
        return connection

    yield connect
    for connection in made:
        connection.close()


def begin(connection) -> None:
    connection.set_autocommit(
        False, force_begin_transaction_with_broken_autocommit=True
    )


def in_thread(act: Callable[[], None]) -> threading.Thread:
    thread = threading.Thread(target=act)
    thread.start()
    time.sleep(0.2)
    return thread


@pytest.mark.parametrize(
    "end",
    [
        pytest.param(lambda connection: connection.commit(), id="commit"),
        pytest.param(lambda connection: connection.rollback(), id="rollback"),
        pytest.param(lambda connection: connection.close(), id="close"),
    ],
)
def test_a_second_writer_waits_for_its_turn(connect, end):
    first, second = connect(), connect()
    begin(first)

    waiting = in_thread(lambda: begin(second))

    assert waiting.is_alive()
    end(first)
    waiting.join(5)
    assert not waiting.is_alive()


def test_who_waits_comes_before_the_one_who_just_had_it(connect):
    database, order = connect(), []
    begin(database)

    def another_process() -> None:
        name = database.settings_dict["NAME"]
        with open(f"{name}-next") as following, open(f"{name}-turn") as turn:
            fcntl.flock(following, fcntl.LOCK_EX)
            fcntl.flock(turn, fcntl.LOCK_EX)
            order.append("another")

    waiting = in_thread(another_process)
    database.connection.commit()
    database._give_way()
    database._wait_for_turn()
    order.append("the same")
    waiting.join(5)

    assert order == ["another", "the same"]


@pytest.fixture
def waits(monkeypatch) -> list[str]:
    """The files that the disk was waited for."""
    files = []
    monkeypatch.setattr(
        os, "fdatasync", lambda fd: files.append(os.readlink(f"/proc/self/fd/{fd}"))
    )
    return files


def test_a_commit_waits_for_the_log(connect, waits):
    connection = connect()
    connection.waits_for_disk = True
    begin(connection)
    before = list(waits)

    connection.commit()

    assert (before, waits) == ([], [f"{connection.settings_dict['NAME']}-wal"])


def test_a_statement_on_its_own_waits_for_the_log(connect, waits):
    connection = connect()
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE t (a)")
        connection.waits_for_disk = True
        cursor.execute("INSERT INTO t VALUES (1)")

    assert len(waits) == 1


def test_a_rollback_waits_for_nothing(connect, waits):
    connection = connect()
    connection.waits_for_disk = True
    begin(connection)

    connection.rollback()

    assert waits == []


def test_others_have_their_turn_while_the_disk_is_waited_for(connect, monkeypatch):
    first, second = connect(), connect()
    second.ensure_connection()
    monkeypatch.setattr(first, "waits_for_disk", True)
    monkeypatch.setattr(os, "fdatasync", lambda log: begin(second))
    begin(first)

    first.commit()

    assert not second.get_autocommit()


def test_a_failed_beginning_keeps_nobody_out(connect, monkeypatch):
    first, second = connect(), connect()
    first.ensure_connection()
    monkeypatch.setattr(first, "transaction_mode", "NONSENSE")
    with pytest.raises(Exception, match="syntax error"):
        begin(first)

    waiting = in_thread(lambda: begin(second))

    assert not waiting.is_alive()


def test_reading_needs_no_turn(connect):
    first, second = connect(), connect()
    begin(first)

    with second.cursor() as cursor:
        assert cursor.execute("SELECT 1").fetchone() == (1,)


def test_a_database_in_memory_has_no_queue():
    memory = {**QUEUEING, "NAME": ":memory:"}
    connection = ConnectionHandler({"default": memory})["default"]
    begin(connection)

    assert connection._turnstile is None
    connection.close()


def test_a_statement_on_its_own_waits_for_its_turn(connect):
    first, second = connect(), connect()
    with first.cursor() as cursor:
        cursor.execute("CREATE TABLE one (id INTEGER)")
    begin(first)

    waiting = in_thread(lambda: second.cursor().execute("INSERT INTO one VALUES (1)"))

    assert waiting.is_alive()
    first.rollback()
    waiting.join(5)
    begin(first)  # its turn is over


def test_several_statements_of_one_kind_wait_together(connect):
    first, second = connect(), connect()
    with first.cursor() as cursor:
        cursor.execute("CREATE TABLE one (id INTEGER)")
    begin(first)

    insert = "INSERT INTO one VALUES (%s)"
    waiting = in_thread(lambda: second.cursor().executemany(insert, [(1,), (2,)]))

    assert waiting.is_alive()
    first.rollback()
    waiting.join(5)
    assert not waiting.is_alive()
