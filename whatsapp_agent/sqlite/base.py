"""Django's SQLite backend with a queue for writers.

A writer that finds SQLite locked sleeps and looks again, up to a tenth of a second at a
time. Among many writers that is unfair: a webhook could wait for seconds while the worker
is busy. Here a transaction first waits for its turn: among the threads of its process,
then among the processes, at a lock of the kernel that wakes the one who waits longest. So
a webhook waits for one transaction of each other process, however many threads these have.
Who writes outside a transaction does not queue, and is still safe: SQLite's own lock
remains.
"""

import fcntl
import os
import threading

from django.db.backends.sqlite3 import base


class DatabaseWrapper(base.DatabaseWrapper):
    _threads = threading.Lock()
    _has_turn = False
    _turnstile: int | None = None  # a file of this connection's own: flock goes by file

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
