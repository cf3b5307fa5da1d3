"""Django's SQLite backend with a queue for writers.

A writer that finds SQLite locked sleeps and looks again, up to a tenth of a second at a
time. Among many writers that is unfair: a webhook could wait for seconds while the worker
is busy. Here a transaction first waits for its turn: among the threads of its process,
then among the processes, at a lock of the kernel that wakes the one who waits longest. So
a webhook waits for one transaction of each other process, however many threads these have.
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
                return execute(query, params)
        return execute(query, params)


class DatabaseWrapper(base.DatabaseWrapper):
    _threads = threading.Lock()
    _has_turn = False
    _turnstile: int | None = None  # a file of this connection's own: flock goes by file

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

    def _rollback(self) -> None:
        try:
            super()._rollback()
        finally:
            self._give_way()

    def _close(self) -> None:
        super()._close()
        self._give_way()
        if self._turnstile is not None:
            os.close(self._turnstile)
            self._turnstile = None

    def _wait_for_turn(self) -> None:
        if self.is_in_memory_db():
            return
        if self._turnstile is None:
            path = f"{self.settings_dict['NAME']}-turn"
            self._turnstile = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        self._threads.acquire()
        self._has_turn = True
        fcntl.flock(self._turnstile, fcntl.LOCK_EX)

    def _give_way(self) -> None:
        if self._has_turn:
            self._has_turn = False
            fcntl.flock(self._turnstile, fcntl.LOCK_UN)
            self._threads.release()
