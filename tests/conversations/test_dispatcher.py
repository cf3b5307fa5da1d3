from datetime import timedelta

import pytest
from django.utils import timezone
from django_q.models import OrmQ

from conversations.dispatcher import STUCK_AFTER, Dispatcher
from conversations.models import Conversation
from tests.factories import make_conversation

pytestmark = pytest.mark.django_db


@pytest.fixture
def dispatcher() -> Dispatcher:
    return Dispatcher("here")


def make_overdue(count: int) -> list[Conversation]:
    due_at = timezone.now() - STUCK_AFTER - timedelta(minutes=1)
    return [
        make_conversation(is_group=True, jid=f"{number}@g.us", due_at=due_at)
        for number in range(count)
    ]


def look(dispatcher: Dispatcher, times: int) -> None:
    for _ in range(times):
        dispatcher._sign(timezone.now())


def test_work_that_nobody_takes_up_makes_the_worker_start_anew(dispatcher):
    make_overdue(3)

    look(dispatcher, 4)

    assert dispatcher.is_stuck


def test_a_backlog_that_is_worked_off_slowly_does_not(dispatcher):
    for conversation in make_overdue(6):
        look(dispatcher, 1)
        Conversation.objects.filter(pk=conversation.pk).update(due_at=None)

    assert not dispatcher.is_stuck


def test_work_that_is_not_overdue_does_not(dispatcher):
    make_conversation(due_at=timezone.now() - timedelta(seconds=5))

    look(dispatcher, 4)

    assert not dispatcher.is_stuck


def test_a_suspect_that_waits_for_the_quarantine_does_not(dispatcher):
    make_overdue(1)
    Conversation.objects.update(crashes=5)

    look(dispatcher, 4)

    assert not dispatcher.is_stuck


def test_has_looked_after_whatever_the_bridge_neglects_but_not_at_every_look(
    dispatcher, bridge
):
    for _ in range(3):
        dispatcher._look_after()

    tasks = [task.task for task in OrmQ.objects.all()]
    assert [(task["func"], task["args"]) for task in tasks] == [
        ("conversations.tasks.look_after", (7,))
    ]
