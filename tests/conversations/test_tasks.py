import threading

import pytest

from conversations import tasks
from conversations.models import Conversation
from conversations.whatsapp import GroupInfo
from tests.factories import make_conversation


@pytest.mark.parametrize(
    ("task", "work"),
    [
        pytest.param(tasks.process, "_work", id="a slow model"),
        pytest.param(tasks.learn_group, "_learn_group", id="a slow bridge"),
        pytest.param(tasks.look_after, "_look_after", id="a long record"),
    ],
)
def test_nothing_slow_holds_up_the_queue(monkeypatch, task, work):
    began, may_end = threading.Event(), threading.Event()

    def take_long(conversation_id: int) -> None:
        began.set()
        may_end.wait(10)

    monkeypatch.setattr(tasks, work, take_long)

    task(1)

    assert began.wait(5)
    may_end.set()


@pytest.mark.django_db
def test_a_groups_name_is_fetched_once(bridge, monkeypatch):
    group = make_conversation(is_group=True, name="")
    asked = []

    def group_info(instance: str, group_jid: str) -> GroupInfo:
        asked.append(group_jid)
        return GroupInfo("Weekend trip", [])

    monkeypatch.setattr(bridge, "group_info", group_info)

    tasks._learn_group(group.pk)
    tasks._learn_group(group.pk)

    assert asked == [group.jid]
    assert Conversation.objects.get().name == "Weekend trip"
