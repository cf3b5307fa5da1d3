"""Store what several threads bring at the same time in one transaction.

On SQLite one thread writes at a time, and each commit waits for the disk. So whoever
waits for its turn has its work done by the one who has it: one wait, one commit for all
of them. Who is told that it is stored is told so after that commit.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock

from django.db import connection, transaction

from conversations import durability

# In one transaction: what comes later waits for the next.
MOST = 16


@dataclass(eq=False)
class _Work:
    do: Callable[[], None]
    is_done: bool = False
    error: Exception | None = None


_waiting: deque[_Work] = deque()
_turn = Lock()


def store(do: Callable[[], None]) -> None:
    """Do it within a transaction, perhaps by another thread; raise what it raised."""
    # Other databases write side by side, and many rows locked at once would deadlock.
    if connection.vendor != "sqlite" or connection.in_atomic_block:
        with transaction.atomic():
            do()
        return
    work = _Work(do)
    _waiting.append(work)
    with _turn, durability.later():
        while not work.is_done:
            _store([_waiting.popleft() for _ in range(min(MOST, len(_waiting)))])
    durability.wait()
    if work.error:
        raise work.error


def _store(together: list[_Work]) -> None:
    try:
        with transaction.atomic():
            if len(together) == 1:
                together[0].do()
            else:
                for work in together:
                    _try(work)
    except Exception as error:
        # Nothing of it is stored: not what went well either.
        for work in together:
            work.error = work.error or error
    finally:
        for work in together:
            work.is_done = True


def _try(work: _Work) -> None:
    """What fails takes nothing of the others' back."""
    try:
        with transaction.atomic():
            work.do()
    except Exception as error:
        work.error = error
