import time
from datetime import UTC, datetime

from django.db import connections
from django.db.backends.utils import CursorWrapper
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django_q.brokers.orm import ORM
from django_q.conf import Conf

# Written by hand: the queue is asked a hundred times a second.
_DUE = """
    SELECT id, payload FROM django_q_ormq
    WHERE key = %s AND lock <= %s ORDER BY id LIMIT %s"""
_TAKE = "UPDATE django_q_ormq SET lock = %s WHERE id = %s AND lock <= %s"
_NEXT = "SELECT min(lock) FROM django_q_ormq WHERE key = %s"
_DELETE = "DELETE FROM django_q_ormq WHERE id = %s"


class WakeUpBroker(ORM):
    """django-q2's ORM broker, oldest task first, and cheap to ask often.

    On SQLite the queue is read only after somebody committed, or when the next
    delayed task is due: `PRAGMA data_version` costs 10 µs, a query 100.
    """

    _data_version: int | None = None
    _look_at = 0.0  # monotonic time of the next look without a commit

    def dequeue(self) -> list[tuple[int, str]] | None:
        self.get_connection()  # drops a connection that broke
        if self._has_changed():
            with connections[Conf.ORM].cursor() as cursor:
                if tasks := self._take_due(cursor):
                    self._data_version = None  # there may be more
                    self._look_at = 0.0
                    return tasks
                self._look_again(cursor)
        time.sleep(Conf.POLL)
        return None

    def delete(self, task_id: int) -> None:
        self.get_connection()  # drops a connection that broke
        with connections[Conf.ORM].cursor() as cursor:
            cursor.execute(_DELETE, [task_id])

    def _take_due(self, cursor: CursorWrapper) -> list[tuple[int, str]]:
        adapt = cursor.db.ops.adapt_datetimefield_value
        now, taken_until = adapt(timezone.now()), adapt(self.timeout(None))
        cursor.execute(_DUE, [self.list_key, now, Conf.BULK])
        taken = []
        for task_id, payload in cursor.fetchall():
            cursor.execute(_TAKE, [taken_until, task_id, now])
            if cursor.rowcount:  # else another worker was faster
                taken.append((task_id, payload))
        return taken

    def _has_changed(self) -> bool:
        is_time = time.monotonic() >= self._look_at
        connection = connections[Conf.ORM]
        if connection.vendor != "sqlite":
            return is_time
        connection.ensure_connection()
        version = connection.connection.execute("PRAGMA data_version").fetchone()[0]
        has_changed = version != self._data_version
        self._data_version = version
        return has_changed or is_time

    def _look_again(self, cursor: CursorWrapper) -> None:
        """Look again when the next delayed task is due, and twice a second at least."""
        wait = 0.5 if cursor.db.vendor == "sqlite" else Conf.POLL
        cursor.execute(_NEXT, [self.list_key])
        if next_lock := cursor.fetchone()[0]:
            wait = min(wait, (_moment(next_lock) - timezone.now()).total_seconds())
        self._look_at = time.monotonic() + max(wait, 0)


def _moment(value: str | datetime) -> datetime:
    """SQLite hands back text, in UTC."""
    return (
        parse_datetime(value).replace(tzinfo=UTC) if isinstance(value, str) else value
    )
