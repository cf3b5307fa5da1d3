"""Calls to Evolution that nobody waits for.

Threads are kept for them, and with each thread its connection. A notice that finds no
thread free is dropped: shown late it would be wrong.
"""

import logging
import os
from collections.abc import Callable
from queue import SimpleQueue
from threading import Lock, Thread

from conversations.whatsapp import BridgeError
from whatsapp_agent.interpreter import computing

logger = logging.getLogger(__name__)

# Evolution answers a typing notice only when it has been shown to its end.
MAX_THREADS = 32


class Notices:
    """Starts a thread only when all that it has are busy."""

    def __init__(self, max_threads: int = MAX_THREADS) -> None:
        self._calls: SimpleQueue[tuple[Callable, tuple]] = SimpleQueue()
        self._lock = Lock()
        self._max_threads = max_threads
        self._threads = self._busy = 0

    def send(self, call: Callable, *args: object) -> None:
        with self._lock:
            if self._busy == self._threads and not self._start():
                logger.debug("Too many notices under way: %s dropped", call.__name__)
                return
            self._busy += 1
        self._calls.put((call, args))

    def _start(self) -> bool:
        if self._threads == self._max_threads:
            return False
        try:
            Thread(target=self._run, name="notices", daemon=True).start()
        except RuntimeError as error:  # no more threads, or the interpreter is leaving
            logger.debug("No thread for a notice: %s", error)
            return False
        self._threads += 1
        return True

    def _run(self) -> None:
        while True:
            call, args = self._calls.get()
            try:
                with computing():
                    call(*args)
            except BridgeError as error:
                logger.debug("%s: %s", call.__name__, error)
            except Exception:
                logger.exception("A notice failed: %s", call.__name__)
            with self._lock:
                self._busy -= 1


_notices = Notices()


def send(call: Callable, *args: object) -> None:
    _notices.send(call, *args)


def _forget_threads() -> None:
    """A forked process has none of the threads of its parent."""
    global _notices
    _notices = Notices()


os.register_at_fork(after_in_child=_forget_threads)
