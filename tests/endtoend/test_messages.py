"""From the webhook to the phone, through real processes."""

import pytest

from tests.endtoend.stage import Stage
from tests.standins.agent import wait_until
from tests.standins.bridge import Shuffler

pytestmark = pytest.mark.slow


def test_a_direct_message_is_answered_once(stage: Stage):
    message = stage.say("Hello #once")
    assert stage.outcome(message) == "replied"
    assert stage.bridge.texts(stage.chat) == ["Re: #once"]


def test_a_group_message_below_the_threshold_stays_unanswered(stage: Stage):
    message = stage.say("See you there p=10", group=True)
    assert stage.outcome(message) == "below_threshold"
    assert stage.bridge.texts(stage.group) == []
    assert stage.decisions(message) == [("relevance", "model", "silent")]


def test_a_group_message_above_the_threshold_takes_both_decisions(stage: Stage):
    message = stage.say("Who knows the way? #way p=80", group=True)
    assert stage.outcome(message) == "replied"
    assert stage.bridge.texts(stage.group) == ["Re: #way"]
    assert stage.decisions(message) == [
        ("relevance", "model", "reply"),
        ("response", "model", "written"),
    ]


def test_a_mention_by_lid_is_answered_without_asking_whether(stage: Stage):
    message = stage.say("@agent are you there? #lid p=1", group=True)
    assert stage.outcome(message) == "replied"
    assert stage.bridge.texts(stage.group) == ["Re: #lid"]
    assert stage.decisions(message)[0] == ("relevance", "rule", "reply")


def test_webhooks_that_come_twice_and_shuffled_are_answered_once(stage: Stage):
    plain = stage.bridge.deliver
    stage.bridge.deliver = Shuffler(stage.bridge.webhooks).deliver
    try:
        messages = [stage.say(f"And then #shuffled-{n}") for n in range(6)]
        assert [stage.outcome(message) for message in messages] == ["replied"] * 6
    finally:
        stage.bridge.deliver = plain
    said = " ".join(stage.bridge.texts(stage.chat)).split()
    assert sorted(word for word in said if word != "Re:") == [
        f"#shuffled-{n}" for n in range(6)
    ]


def test_a_person_who_types_on_the_phone_meanwhile_takes_over(stage: Stage):
    stage.model.delays["#meanwhile"] = 1.5
    message = stage.say("Is anybody there? #meanwhile")
    assert wait_until(lambda: stage.model.asked("#meanwhile"))
    stage.bridge.type_on_the_phone(stage.chat, "Yes, I am")
    assert stage.outcome(message) == "taken_over"
    assert stage.bridge.texts(stage.chat) == []
