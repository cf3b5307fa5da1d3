"""Django's SQLite backend with a queue for writers.

A writer that finds SQLite locked sleeps and looks again, up to a tenth of a second at a
time. Among many writers that is unfair: a webhook could wait for seconds while the worker
is busy. Here a transaction first waits for its turn: among the threads of its process,
then among the processes. There one stands next, and only that one may take the turn when
it is given away: whoever just had it cannot take it again before. So a webhook waits for
one transaction of each other process, however many threads these have.

A statement that writes outside a transaction is one by itself, and queues as well. Who
comes in another way, a person at a shell, does not, and is still safe: SQLite's own lock
remains.
"""

import fcntl
import os
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from django.db.backends.sqlite3 import base

from whatsapp_agent.sqlite import log

_WRITES = ("INSERT", "UPDATE", "DELETE", "REPLACE")


class Cursor(base.SQLiteCursorWrapper):
    def __init__(
        self, connection: sqlite3.Connection, database: "DatabaseWrapper"
    ) -> None:
        super().__init__(connection)
        self._database = database

    def execute(self, query: str, params: object = None) -> "Cursor":
        return self._in_turn(super().execute, query, params)

    def executemany(self, query: str, param_list: Iterable) -> "Cursor":
        return self._in_turn(super().executemany, query, param_list)

    def _in_turn(self, execute: Callable, query: str, params: object) -> "Cursor":
        is_alone = not self._database.in_atomic_block
        if is_alone and query.lstrip()[:7].upper().startswith(_WRITES):
            with self._database.turn():
                done = execute(query, params)
            self._database.wait_for_disk()
            return done
        return execute(query, params)


class DatabaseWrapper(base.DatabaseWrapper):
    _threads = threading.Lock()
    _has_turn = False
    # Files of this connection's own, for flock goes by file.
    _next: int | None = None
    _turnstile: int | None = None

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)
        # Whether who commits waits until the disk has it.
        self.waits_for_disk = self.settings_dict.get("WAITS_FOR_DISK", False)

    def create_cursor(self, name: str | None = None) -> Cursor:
        return self.connection.cursor(factory=lambda raw: Cursor(raw, self))

    @contextmanager
    def turn(self) -> Iterator[None]:
        self._wait_for_turn()
        try:
            yield
        finally:
            self._give_way()

    def _start_transaction_under_autocommit(self) -> None:
        self._wait_for_turn()
        try:
            super()._start_transaction_under_autocommit()
        except BaseException:
            self._give_way()
            raise

    def _commit(self) -> None:
        try:
            super()._commit()
        finally:
            self._give_way()
        self.wait_for_disk()

    def _rollback(self) -> None:
        try:
            super()._rollback()
        finally:
            self._give_way()

    def wait_for_disk(self) -> None:
        """Until it has all that was committed, if this connection promises that.

        By then others have their turn.
        """
        if self.waits_for_disk:
            log.sync(self.settings_dict["NAME"])

    def _close(self) -> None:
        super()._close()
        self._give_way()
        if self._turnstile is not None:
            os.close(self._turnstile)
            os.close(self._next)
            self._turnstile = self._next = None

    def _wait_for_turn(self) -> None:
        if self.is_in_memory_db():
            return
        if self._turnstile is None:
            self._turnstile, self._next = (
                self._lock_file("turn"),
                self._lock_file("next"),
            )
        self._threads.acquire()
        self._has_turn = True
        fcntl.flock(self._next, fcntl.LOCK_EX)
        fcntl.flock(self._turnstile, fcntl.LOCK_EX)
        fcntl.flock(self._next, fcntl.LOCK_UN)

    def _lock_file(self, name: str) -> int:
        path = f"{self.settings_dict['NAME']}-{name}"
        return os.open(path, os.O_RDWR | os.O_CREAT, 0o600)

    def _give_way(self) -> None:
        if self._has_turn:
            self._has_turn = False
            fcntl.flock(self._turnstile, fcntl.LOCK_UN)
            self._threads.release()
