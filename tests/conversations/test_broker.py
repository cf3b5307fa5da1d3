from datetime import timedelta

import pytest
from django.utils import timezone
from django_q.brokers import get_broker
from django_q.models import OrmQ
from django_q.signing import SignedPackage

from conversations.broker import WakeUpBroker
from conversations.mailbox import enqueue

pytestmark = pytest.mark.django_db


def dequeued() -> list[tuple]:
    rows = WakeUpBroker().dequeue()
    return [SignedPackage.loads(payload)["args"] for _, payload in rows or []]


def test_the_broker_is_in_use():
    assert isinstance(get_broker(), WakeUpBroker)


def test_gives_the_oldest_task_first():
    enqueue("a.b", 1)
    enqueue("a.b", 2)

    assert dequeued() == [(1,)]


def test_keeps_a_delayed_task_until_its_time():
    enqueue("a.b", 1, at=timezone.now() + timedelta(seconds=30))

    assert dequeued() == []


def test_locks_what_it_gave_out():
    enqueue("a.b", 1)
    dequeued()

    assert dequeued() == []
    assert OrmQ.objects.get().lock > timezone.now() + timedelta(minutes=10)


@pytest.mark.sqlite
def test_does_not_read_the_queue_when_nobody_committed(django_assert_num_queries):
    broker = WakeUpBroker()
    broker.dequeue()

    with django_assert_num_queries(0):
        assert broker.dequeue() is None
