import pytest
from django.db import connection, transaction
from django.db.backends.signals import connection_created

from conversations import durability
from conversations.durability import durable

pytestmark = [pytest.mark.sqlite, pytest.mark.django_db(transaction=True)]

NORMAL, FULL = 1, 2


@pytest.fixture
def relaxed(monkeypatch, settings):
    settings.SQLITE_SYNCHRONOUS = "FULL"
    monkeypatch.setattr(durability, "_is_relaxed", False)
    before = level()
    durability.relax()
    connection_created.send(type(connection), connection=connection)
    yield
    connection_created.disconnect(durability._relax)
    durability._set(connection, str(before))


def level() -> int:
    with connection.cursor() as cursor:
        return cursor.execute("PRAGMA synchronous").fetchone()[0]


def test_what_the_worker_stores_does_not_wait(relaxed):
    assert level() == NORMAL


def test_a_durable_transaction_waits(relaxed):
    with durable(), transaction.atomic():
        within = level()

    assert (within, level()) == (FULL, NORMAL)


def test_a_failed_one_leaves_no_trace(relaxed):
    with pytest.raises(ZeroDivisionError), durable(), transaction.atomic():
        raise ZeroDivisionError

    assert level() == NORMAL


def test_a_level_that_was_chosen_is_kept(relaxed, settings):
    settings.SQLITE_SYNCHRONOUS = "NORMAL"

    with durable(), transaction.atomic():
        assert level() == NORMAL


def test_other_processes_always_wait(settings):
    before = level()

    with durable(), transaction.atomic():
        assert level() == before
