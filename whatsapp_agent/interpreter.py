"""One thread of the worker computes at a time, until it waits for something outside.

CPython lets its threads take the interpreter from each other every few milliseconds: also
from the one that has SQLite's writer's turn, which then waits for it after each of its
statements, while every webhook waits behind that. So what works on conversations takes
turns of its own, and gives them away where it waits for a network.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection

# Seconds. Who waits without saying so holds the others up no longer than that.
PATIENCE = 1.0

_free = threading.Lock()
_mine = threading.local()


@contextmanager
def computing() -> Iterator[None]:
    """While no other thread does, but for those that waited too long for that."""
    if connection.vendor != "sqlite":
        yield  # a statement waits for a network, and no writer for another
        return
    _take()
    try:
        yield
    finally:
        _give()


@contextmanager
def waiting() -> Iterator[None]:
    """For something outside: let another thread compute meanwhile."""
    if not _give():
        yield
        return
    try:
        yield
    finally:
        _take()


def _take() -> None:
    _mine.turn = _free.acquire(timeout=PATIENCE)


def _give() -> bool:
    had, _mine.turn = getattr(_mine, "turn", False), False
    if had:
        _free.release()
    return had
