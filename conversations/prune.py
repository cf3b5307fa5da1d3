"""Deletes what has been kept for long enough, while everything else goes on.

It walks up the keys, which rise with time, and writes in transactions of a few
milliseconds with pauses between them. Each is complete in itself: a run may end anywhere,
and the next one goes on. What still has work is left, and looked at again.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from django.db import connection, transaction
from django.db.models import Model, Q, QuerySet
from django.db.models.sql import UpdateQuery
from django.utils import timezone

from conversations.models import AgentSettings, Pruning

WINDOW = 500  # rows looked at together
AT_ONCE = 25  # rows changed in a transaction, which takes them a few milliseconds
REST_SECONDS = 0.01
CHECKPOINT_EVERY = 8  # transactions
NOTE_EVERY = 2  # seconds

Keys = list[Any]
Change = Callable[[], int]  # returns how many rows it changed


@dataclass(frozen=True)
class Kind:
    """One kind of data that is deleted after its time."""

    name: str
    model: type[Model]
    at: str  # the field that its age counts from
    days: Callable[[AgentSettings], int | None]  # None: for ever
    # What takes the place of the contents; None where whole rows go.
    emptied: dict[str, Any] | None = None
    is_whole: Q = field(default_factory=Q)  # it has something to delete
    is_busy: Callable[[], Q] | None = None  # it still has work
    # What else goes with the rows of these keys, once they are pruned.
    along: Callable[[Keys], object] | None = None
    gone_at: str = "pruned_at"  # the field that says when they went

    @property
    def stays(self) -> bool:
        """Rows that stay would be looked at again every day."""
        return self.emptied is not None

    def cutoff(self, agent: AgentSettings) -> datetime | None:
        days = self.days(agent)
        return None if days is None else timezone.now() - timedelta(days=days)


@dataclass
class Pace:
    """Writes a few rows at a time, and lets others write in between."""

    held: list[float] = field(default_factory=list)  # seconds of each transaction

    def write(self, keys: Keys, prepare: Callable[[Keys], Change]) -> int:
        batches = (keys[n : n + AT_ONCE] for n in range(0, len(keys), AT_ONCE))
        return sum(self._transaction(prepare(batch)) for batch in batches)

    def _transaction(self, change: Change) -> int:
        with transaction.atomic():
            began_at = time.perf_counter()  # on SQLite the lock is ours from here on
            changed = change()
        self.held.append(time.perf_counter() - began_at)
        if len(self.held) % CHECKPOINT_EVERY == 0:
            _checkpoint()
        time.sleep(max(REST_SECONDS, 3 * self.held[-1]))
        return changed


@dataclass
class Walk:
    """One run over one kind."""

    kind: Kind
    cutoff: datetime
    position: Any = None  # the key up to which nothing is left to do
    pace: Pace | None = field(default_factory=Pace)  # None: only count
    deleted: int = 0
    _is_held: bool = False  # the position, by a row to be looked at again

    def windows(self) -> Iterator[None]:
        """Go on window by window; what was done may be noted down in between."""
        after = self.position
        while window := self._window(after):
            last, newest = window[-1]
            self._prune(self._old().filter(pk__in=[key for key, _ in window]))
            if not self._is_held:
                self.position = last
            after = last
            yield
            if self.kind.stays and newest >= self.cutoff:
                return  # all that follow are younger

    def _window(self, after: Any) -> list[tuple[Any, datetime]]:
        rows = self.kind.model._base_manager.order_by("pk")
        if after is not None:
            rows = rows.filter(pk__gt=after)
        return list(rows.values_list("pk", self.kind.at)[:WINDOW])

    def _old(self) -> QuerySet:
        is_old = Q(**{f"{self.kind.at}__lt": self.cutoff})
        return self.kind.model._base_manager.filter(is_old, self.kind.is_whole)

    def _prune(self, old: QuerySet) -> None:
        keys = list(self._free(old).order_by("pk").values_list("pk", flat=True))
        if self.pace is None:
            self.deleted += len(keys)
            return
        self.deleted += self.pace.write(keys, self._change)
        if self.kind.stays and not self._is_held:
            left = old.order_by("pk").values_list("pk", flat=True).first()
            if left is not None:
                self._is_held, self.position = True, left - 1

    def _free(self, rows: QuerySet) -> QuerySet:
        return rows.exclude(self.kind.is_busy()) if self.kind.is_busy else rows

    def _change(self, keys: Keys) -> Change:
        # All is asked again: since the keys were read, a row may have got work.
        rows = self._free(self._old().filter(pk__in=keys))
        if not self.kind.stays:
            return lambda: rows.delete()[0]
        empty = prepared(
            rows, **self.kind.emptied, **{self.kind.gone_at: timezone.now()}
        )
        return partial(self._with_all, empty, keys) if self.kind.along else empty

    def _with_all(self, change: Change, keys: Keys) -> int:
        changed = change()
        self.kind.along(keys)
        return changed


def prepared(rows: QuerySet, **values: Any) -> Change:
    """As `rows.update` does it, but put together before: that takes the longest."""
    query = rows.query.chain(UpdateQuery)
    query.add_update_values(values)
    sql, parameters = query.get_compiler(rows.db).as_sql()

    def update() -> int:
        with connection.cursor() as cursor:
            cursor.execute(sql, parameters)
            return cursor.rowcount

    return update


def prune(
    kind: Kind, agent: AgentSettings, *, only_if_due: bool = False
) -> Walk | None:
    """Delete what is due; None where all is kept, or another run is at it."""
    cutoff = kind.cutoff(agent)
    if cutoff is None:
        return None
    run = Pruning.begin(kind.name, only_if_due=only_if_due)
    if run is None:
        return None
    walk = Walk(kind, cutoff, run.position if kind.stays else None)
    with _checkpoints_apart():
        noted_at = time.monotonic()
        for _ in walk.windows():
            if time.monotonic() - noted_at > NOTE_EVERY:
                noted_at = time.monotonic()
                run.note(_position(walk), walk.deleted)
    run.end(_position(walk), walk.deleted)
    return walk


def count(kind: Kind, agent: AgentSettings) -> int | None:
    """How many would be deleted; None where all is kept."""
    cutoff = kind.cutoff(agent)
    if cutoff is None:
        return None
    noted = Pruning.objects.filter(kind=kind.name).values_list("position", flat=True)
    walk = Walk(kind, cutoff, noted.first() if kind.stays else None, pace=None)
    for _ in walk.windows():
        pass
    return walk.deleted


def _position(walk: Walk) -> int:
    return (walk.position or 0) if walk.kind.stays else 0


@contextmanager
def _checkpoints_apart() -> Iterator[None]:
    """SQLite would copy its log into the database with a commit: others would wait."""
    if connection.vendor != "sqlite":
        yield
        return
    _tell_sqlite("wal_autocheckpoint=0")
    try:
        yield
    finally:
        _tell_sqlite("wal_autocheckpoint=1000")


def _checkpoint() -> None:
    if connection.vendor == "sqlite" and not connection.in_atomic_block:
        _tell_sqlite("wal_checkpoint(PASSIVE)")


def _tell_sqlite(pragma: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"PRAGMA {pragma}")
        cursor.fetchall()
