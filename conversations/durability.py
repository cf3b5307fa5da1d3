"""Which commits wait until SQLite's disk has them.

What was answered 200 must be there after a power cut, and so must the intent to send,
or a message would leave twice. What else the worker stores, it would only do again: a
lease, a decision, a reply not yet sent, how a send ended. Those commits do not wait, and
the next one that does takes them along, since the log is written in order.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings
from django.db import connection
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created


def relax() -> None:
    """From here on no commit of this process waits, but for those in `durable`."""
    connection_created.connect(_relax)


@contextmanager
def durable() -> Iterator[None]:
    """Around a transaction, not within one: its commit waits."""
    connection.ensure_connection()
    before = getattr(connection, "waits_for_disk", False)
    is_sqlite = connection.vendor == "sqlite"
    connection.waits_for_disk = is_sqlite and settings.SQLITE_SYNCHRONOUS != "NORMAL"
    try:
        yield
    finally:
        connection.waits_for_disk = before


def _relax(connection: BaseDatabaseWrapper, **_: object) -> None:
    connection.waits_for_disk = False
