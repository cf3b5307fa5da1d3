import time

from django.db import connections
from django.utils import timezone
from django_q.brokers.orm import ORM
from django_q.conf import Conf


class WakeUpBroker(ORM):
    """django-q2's ORM broker, oldest task first, and cheap to ask often.

    On SQLite the queue is read only after somebody committed, or when the next
    delayed task is due: `PRAGMA data_version` costs 10 µs, a query 300.
    """

    _data_version: int | None = None
    _look_at = 0.0  # monotonic time of the next look without a commit

    def dequeue(self) -> list[tuple[int, str]] | None:
        if not self._has_changed():
            time.sleep(Conf.POLL)
            return None
        queue = self.get_connection().filter(key=self.list_key)
        rows = list(queue.filter(lock__lte=timezone.now()).order_by("id")[: Conf.BULK])
        if rows:
            self._data_version = None  # there may be more
            return [
                (row.pk, row.payload)
                for row in rows
                if queue.filter(pk=row.pk, lock=row.lock).update(lock=self.timeout(row))
            ]
        self._look_again(queue)
        return None

    def _has_changed(self) -> bool:
        connection = connections[Conf.ORM]
        if connection.vendor != "sqlite":
            return time.monotonic() >= self._look_at
        connection.ensure_connection()
        version = connection.connection.execute("PRAGMA data_version").fetchone()[0]
        changed = version != self._data_version or time.monotonic() >= self._look_at
        self._data_version = version
        return changed

    def _look_again(self, queue) -> None:
        """Look again when the next delayed task is due, and twice a second at least."""
        wait = 0.5
        if next_lock := queue.order_by("lock").values_list("lock", flat=True).first():
            wait = min(wait, (next_lock - timezone.now()).total_seconds())
        if connections[Conf.ORM].vendor != "sqlite":
            wait = min(wait, Conf.POLL)
        self._look_at = time.monotonic() + max(wait, 0)
