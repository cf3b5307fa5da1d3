from collections.abc import Callable

import pytest
from django.db import OperationalError, connection, connections, transaction

from conversations import together
from conversations.models import Contact

pytestmark = pytest.mark.django_db(transaction=True)


def add(name: str) -> Callable[[], None]:
    return lambda: Contact.objects.create(phone_jid=f"{name}@s.whatsapp.net", name=name)


def stored() -> set[str]:
    return set(Contact.objects.values_list("name", flat=True))


def test_nothing_takes_no_transaction(django_assert_num_queries):
    with django_assert_num_queries(0):
        assert together.store([]) == []


def test_a_failure_takes_nothing_of_the_others_back():
    def fail() -> None:
        add("half")()
        raise ValueError("unreadable")

    told = together.store([add("ana"), fail, add("bo")])

    assert [type(error) for error in told] == [type(None), ValueError, type(None)]
    assert stored() == {"ana", "bo"}


def test_one_alone_that_fails_leaves_nothing():
    def fail() -> None:
        add("half")()
        raise ValueError("unreadable")

    assert [type(error) for error in together.store([fail])] == [ValueError]
    assert stored() == set()


def test_a_failed_commit_is_told_of_all(monkeypatch):
    def refuse(self) -> None:
        self.rollback()
        raise OperationalError("disk I/O error")

    monkeypatch.setattr(type(connections["default"]), "commit", refuse)
    told = together.store([add("ana"), add("bo")])
    monkeypatch.undo()

    assert [type(error) for error in told] == [OperationalError, OperationalError]
    assert stored() == set()


def test_what_is_to_follow_the_commit_follows_it():
    followed = []

    def work() -> None:
        add("ana")()
        transaction.on_commit(lambda: followed.append(connection.in_atomic_block))

    together.store([work])

    assert followed == [False]
