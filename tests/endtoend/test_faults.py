"""A bridge and a model that fail: nothing is lost, nothing is said twice."""

import pytest

from tests.endtoend.stage import Stage

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    "faults",
    [
        pytest.param(["lost"], id="the answer 201 is lost"),
        pytest.param(["unseen"], id="the answer 201 and the webhook are lost"),
        pytest.param(["late"], id="the bridge sends after we gave up"),
        pytest.param(["dropped"], id="the bridge hangs up before it sends"),
        pytest.param(["500", "500"], id="the bridge refuses twice"),
        pytest.param(["500", "lost"], id="it refuses, then the 201 is lost"),
    ],
)
def test_a_bridge_that_fails_sends_once_in_the_end(stage: Stage, faults: list[str]):
    stage.bridge.plan(stage.chat, *faults)
    message = stage.say("Hello #bridge")
    assert stage.outcome(message) == "replied"
    assert stage.bridge.texts(stage.chat) == ["Re: #bridge"]


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param("429", id="the model is asked too often"),
        pytest.param("500", id="the model stumbles"),
        pytest.param("hang_up", id="the model hangs up"),
        pytest.param("hang_up_in_the_body", id="the model hangs up in mid-answer"),
    ],
)
def test_a_model_that_fails_is_asked_again(stage: Stage, fault: str):
    token = stage.token()
    stage.model.plans[token] = [fault]
    message = stage.say(f"Hello {token}")
    assert stage.outcome(message) == "replied"
    assert stage.bridge.texts(stage.chat) == [f"Re: {token}"]
    assert len(stage.model.asked(token)) == 2


def test_a_model_that_talks_nonsense_in_the_first_step_is_no_reason_to_speak(
    stage: Stage,
):
    token = stage.token()
    stage.model.plans[token] = ["nonsense", "nonsense"]
    message = stage.say(f"Whatever {token} p=90", group=True)
    assert stage.outcome(message) == "gate_failed"
    assert stage.bridge.texts(stage.group) == []


def test_a_bridge_that_is_slow_to_tell_a_groups_name_holds_up_nobody(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(stage.bridge, "group_info_seconds", 8)
    for _ in range(6):
        stage.say("What shall we call ourselves? p=10", group=True)
    message = stage.say("Hello #beside")
    assert stage.outcome(message, 5) == "replied"
