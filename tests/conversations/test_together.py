import threading
import time
from collections.abc import Callable

import pytest
from django.db import OperationalError, connection, connections, transaction

from conversations import together
from conversations.models import Contact

pytestmark = [pytest.mark.sqlite, pytest.mark.django_db(transaction=True)]


def store_together(*works: Callable[[], None]) -> list[Exception | None]:
    """Have all of them wait for the same turn; return what each was told."""
    told: list[Exception | None] = [None] * len(works)

    def store(number: int) -> None:
        try:
            together.store(works[number])
        except Exception as error:
            told[number] = error
        finally:
            connection.close()

    threads = [threading.Thread(target=store, args=[n]) for n in range(len(works))]
    with together._turn:
        for thread in threads:
            thread.start()
        deadline = time.monotonic() + 10
        while len(together._waiting) < len(works) and time.monotonic() < deadline:
            time.sleep(0.01)
    for thread in threads:
        thread.join(10)
    return told


def add(name: str) -> Callable[[], None]:
    return lambda: Contact.objects.create(phone_jid=f"{name}@s.whatsapp.net", name=name)


def stored() -> set[str]:
    return set(Contact.objects.values_list("name", flat=True))


def test_what_waits_is_stored_by_one_of_them_in_one_transaction():
    seen = []

    def note() -> None:
        seen.append((threading.get_ident(), tuple(connection.savepoint_ids)[:1]))

    assert store_together(note, note, note, note) == [None] * 4

    assert len({thread for thread, _ in seen}) == 1
    assert len(seen) == 4


def test_a_failure_is_told_to_its_own_and_takes_nothing_back():
    def fail() -> None:
        add("half")()
        raise ValueError("unreadable")

    told = store_together(add("ana"), fail, add("bo"))

    assert [type(error) for error in told] == [type(None), ValueError, type(None)]
    assert stored() == {"ana", "bo"}


def test_a_failed_commit_is_told_to_all(monkeypatch):
    def refuse(self) -> None:
        self.rollback()
        raise OperationalError("disk I/O error")

    monkeypatch.setattr(type(connections["default"]), "commit", refuse)
    told = store_together(add("ana"), add("bo"))
    monkeypatch.undo()

    assert [type(error) for error in told] == [OperationalError, OperationalError]
    assert stored() == set()


def test_more_than_fit_are_stored_in_several_transactions(monkeypatch):
    monkeypatch.setattr(together, "MOST", 2)

    assert store_together(*(add(str(n)) for n in range(5))) == [None] * 5

    assert stored() == {"0", "1", "2", "3", "4"}


def test_what_is_to_follow_the_commit_follows_it():
    followed = []

    def work() -> None:
        add("ana")()
        transaction.on_commit(lambda: followed.append(connection.in_atomic_block))

    store_together(work)

    assert followed == [False]
