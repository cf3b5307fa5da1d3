import pytest
from django.db import connection, transaction
from django.db.backends.signals import connection_created

from conversations import durability
from conversations.durability import durable

pytestmark = [pytest.mark.sqlite, pytest.mark.django_db(transaction=True)]


@pytest.fixture(autouse=True)
def promised(settings, monkeypatch):
    monkeypatch.setattr(connection, "waits_for_disk", True, raising=False)
    settings.SQLITE_SYNCHRONOUS = "FULL"


@pytest.fixture
def relaxed():
    durability.relax()
    connection_created.send(type(connection), connection=connection)
    yield
    connection_created.disconnect(durability._relax)


def test_what_the_worker_stores_does_not_wait(relaxed):
    assert not connection.waits_for_disk


def test_a_durable_transaction_of_it_waits(relaxed):
    with durable(), transaction.atomic():
        within = connection.waits_for_disk

    assert (within, connection.waits_for_disk) == (True, False)


def test_a_failed_one_leaves_no_trace(relaxed):
    with pytest.raises(ZeroDivisionError), durable(), transaction.atomic():
        raise ZeroDivisionError

    assert not connection.waits_for_disk


def test_a_level_that_was_chosen_is_kept(relaxed, settings):
    settings.SQLITE_SYNCHRONOUS = "NORMAL"

    with durable(), transaction.atomic():
        assert not connection.waits_for_disk
