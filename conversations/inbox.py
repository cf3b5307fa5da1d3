"""Webhooks that were answered 200 and are not yet taken in: a file beside SQLite's database.

In the database a webhook would wait for whoever writes, and store a message while
Evolution waits. Here it waits for nobody but the disk. The worker takes in what is here,
oldest first, and deletes it once the database has it on disk; so what a crash leaves is
taken in twice, which does no more than a delivery that Evolution repeats. PostgreSQL needs
no such file: its writers do not wait for each other.
"""

import logging
import os
import sqlite3
import threading
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.db import DatabaseError, connections
from django.utils.translation import gettext as _, ngettext

from conversations import whatsapp
from conversations.durability import durable
from conversations.intake import TooEarly
from whatsapp_agent.sqlite import log

logger = logging.getLogger(__name__)

# Seconds between looks, while something comes and after so many seconds without.
POLL, IDLE_POLL, IDLE_AFTER = 0.005, 0.025, 2.0
# Taken in by one transaction; no more once they have so many characters.
MOST, MOST_CHARACTERS = 32, 4_000_000
# Seconds between tries of what cannot be stored yet, doubled each time up to the longest.
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 60.0
# Evolution repeats for so long, too.
PATIENCE = 20 * 60
# What waits for so many seconds is told of.
LATE = 30
# A history of thousands of messages takes some of that.
STUCK_AFTER = 120
# After so many pages SQLite tidies its log up, which takes a moment. The worker does so
# before a webhook has to.
TAKERS_PAGES, PAGES = 1000, 8192
# Of the log from the start on, in bytes: a little more than the worker lets it have.
LOG_BYTES = 6_000_000

_SCHEMA = """
    CREATE TABLE IF NOT EXISTS webhook (
        id INTEGER PRIMARY KEY AUTOINCREMENT,  -- no id comes twice: they are deleted by it
        body TEXT NOT NULL,
        received_at REAL NOT NULL,  -- Unix time
        due_at REAL NOT NULL DEFAULT 0,  -- at first at once, whatever becomes of the clock
        tries INTEGER NOT NULL DEFAULT 0
    )"""
# The clock may be set back: nothing waits for longer than the longest pause.
_DUE = "due_at <= :now OR due_at > :now + :longest"

_mine = threading.local()
_writing, _opening = threading.Lock(), threading.Lock()


@dataclass(frozen=True)
class Waiting:
    count: int
    seconds: float  # that the oldest has waited


@dataclass(frozen=True)
class _Row:
    id: int
    body: str
    received_at: float
    tries: int

    @property
    def is_old(self) -> bool:
        return time.time() - self.received_at > PATIENCE

    @property
    def pause(self) -> float:
        return min(LONGEST_PAUSE, FIRST_PAUSE * 2**self.tries)


def is_used() -> bool:
    return bool(settings.INBOX)


def put(body: str) -> None:
    """Keep a body, safe from a power cut where that is promised.

    May raise sqlite3.Error or OSError: then it may come again.
    """
    row = body, time.time()
    # Threads of one process queue here: SQLite's own way of waiting is to sleep.
    with _writing:
        _database().execute(
            "INSERT INTO webhook (body, received_at) VALUES (?, ?)", row
        )
    if settings.SQLITE_SYNCHRONOUS != "NORMAL":
        log.sync(settings.INBOX)


def waiting() -> Waiting:
    """What should have been taken in by now."""
    if not (is_used() and Path(settings.INBOX).exists()):
        return Waiting(0, 0)
    now = time.time()
    sql = f"SELECT count(*), min(received_at) FROM webhook WHERE {_DUE}"
    count, oldest = _database().execute(sql, _at(now)).fetchone()
    return Waiting(count, max(0, now - oldest) if count else 0)


def problem() -> str:
    """What is wrong with it, as a sentence, or ""."""
    try:
        found = waiting()
    except (sqlite3.Error, OSError) as error:
        return _("Webhooks cannot be kept in %(path)s: %(error)s") % {
            "path": settings.INBOX,
            "error": error,
        }
    if found.seconds < LATE:
        return ""
    return ngettext(
        "%(n)d webhook waits to be taken in by the worker",
        "%(n)d webhooks wait to be taken in by the worker",
        found.count,
    ) % {"n": found.count}


def take_in() -> int:
    """Have the bridge's provider store what is due; return how many it looked at.

    May raise DatabaseError: then nothing could be stored.
    """
    rows = _due()
    if not rows:
        return 0
    with durable():
        ends = whatsapp.provider().take_in([row.body for row in rows])
    _settle(rows, ends)
    return len(rows)


def _settle(rows: list[_Row], ends: list[Exception | None]) -> None:
    done: list[int] = []
    later: list[tuple[float, int]] = []
    failed: list[Exception] = []
    for row, end in zip(rows, ends, strict=True):
        match end:
            case None:
                done.append(row.id)
            case TooEarly() if row.is_old:
                logger.warning("Gave a webhook up: %s", end)
                done.append(row.id)
            case TooEarly():
                logger.info("Cannot take a webhook in yet: %s", end)
                later.append((time.time() + row.pause, row.id))
            case _ if row.is_old:
                whatsapp.provider().keep(row.body, end)
                done.append(row.id)
            case _:
                failed.append(end)
    database = _database()
    database.executemany(
        "UPDATE webhook SET due_at = ?, tries = tries + 1 WHERE id = ?", later
    )
    places = ", ".join("?" * len(done))
    database.execute(f"DELETE FROM webhook WHERE id IN ({places})", done)
    if failed and not (done or later):
        raise failed[0]


def _due() -> list[_Row]:
    sql = (
        "SELECT id, body, received_at, tries FROM webhook"
        f" WHERE {_DUE} ORDER BY id LIMIT {MOST}"
    )
    rows: list[_Row] = []
    characters = 0
    with closing(_database().execute(sql, _at(time.time()))) as found:
        while characters < MOST_CHARACTERS and (values := found.fetchone()):
            rows.append(_Row(*values))
            characters += len(rows[-1].body)
    return rows


def _at(now: float) -> dict[str, float]:
    return {"now": now, "longest": LONGEST_PAUSE}


def _database(pages: int = PAGES) -> sqlite3.Connection:
    """This thread's connection."""
    if getattr(_mine, "path", "") != settings.INBOX:
        _close()
        with _opening:
            _make()
        database = sqlite3.connect(settings.INBOX, timeout=20, isolation_level=None)
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = NORMAL")
        database.execute("PRAGMA journal_size_limit = 67108864")
        database.execute(f"PRAGMA wal_autocheckpoint = {pages}")
        database.execute(_SCHEMA)
        _make_room(database)
        _mine.database, _mine.path = database, settings.INBOX
    return _mine.database


def _make() -> None:
    """Readable by us alone, whatever the umask.

    Only what is not there yet: whoever closes a file loses the locks that SQLite holds on
    it for other threads, and then other processes take its log away.
    """
    try:
        os.close(os.open(settings.INBOX, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        pass


def _make_room(database: sqlite3.Connection) -> None:
    """Give the log its length: to sync one that grows takes several times as long."""
    database.execute("BEGIN IMMEDIATE")  # nobody else writes to it meanwhile
    try:
        with open(f"{settings.INBOX}-wal", "r+b") as file:
            lacking = LOG_BYTES - file.seek(0, os.SEEK_END)
            file.write(bytes(max(0, lacking)))
    except OSError:
        pass  # then it grows as it is used, if it can
    finally:
        database.execute("ROLLBACK")


def _close() -> None:
    if hasattr(_mine, "path"):
        _mine.database.close()
        del _mine.path


class Taker(threading.Thread):
    """Takes in what comes, for as long as the worker lives."""

    def __init__(self) -> None:
        super().__init__(name="inbox", daemon=True)
        self._looked_at = time.monotonic()
        self._version: int | None = None
        self._look_again_at = self._taken_in_at = 0.0

    @property
    def is_stuck(self) -> bool:
        return time.monotonic() - self._looked_at > STUCK_AFTER

    def run(self) -> None:
        while True:
            try:
                self._look()
            except Exception:
                # All of it is still there, and the database may be back in a moment.
                logger.exception("Cannot take webhooks in")
                connections.close_all()
                time.sleep(1)
            self._looked_at = time.monotonic()

    def _look(self) -> None:
        database = _database(TAKERS_PAGES)
        version = database.execute("PRAGMA data_version").fetchone()[0]
        now = time.monotonic()
        if version == self._version and now < self._look_again_at:
            is_idle = now - self._taken_in_at > IDLE_AFTER
            time.sleep(IDLE_POLL if is_idle else POLL)
        elif take_in():
            self._taken_in_at = now
        else:
            self._version = version  # by then nothing was left
            self._look_again_at = now + FIRST_PAUSE


def catch_up() -> None:
    """Take all in that is due, as far as the database lets us.

    Before a worker answers anything: what came meanwhile may be a person who stepped in.
    """
    try:
        while is_used() and take_in():
            pass
    except (DatabaseError, sqlite3.Error):
        logger.exception("Cannot take webhooks in")
    finally:
        _close()  # the worker's processes are about to be forked


def start() -> Taker | None:
    if not is_used():
        return None
    taker = Taker()
    taker.start()
    return taker
