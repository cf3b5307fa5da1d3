"""Which commits wait until SQLite's disk has them.

What was answered 200 must be there after a power cut, and so must the intent to send,
or a message would leave twice. What else the worker stores, it would only do again: a
lease, a decision, a reply not yet sent, how a send ended. Those commits do not wait, and
the next one that does takes them along, since the log is written in order.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.conf import settings
from django.db import connection
from django.db.backends.signals import connection_created

_is_relaxed = False


def relax() -> None:
    """From here on no commit of this process waits, but for those in `durable`."""
    global _is_relaxed
    _is_relaxed = True
    connection_created.connect(_relax)


@contextmanager
def durable() -> Iterator[None]:
    """Around a transaction, not within one: its commit waits."""
    if connection.vendor != "sqlite" or not _is_relaxed:
        yield
        return
    connection.ensure_connection()
    _set(connection, settings.SQLITE_SYNCHRONOUS)
    try:
        yield
    finally:
        _set(connection, "NORMAL")


def _relax(connection: Any, **_: object) -> None:
    if connection.vendor == "sqlite":
        _set(connection, "NORMAL")


def _set(connection: Any, level: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"PRAGMA synchronous={level}")
