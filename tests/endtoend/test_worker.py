"""How a worker ends, and what it does about a message that ends it."""

from pathlib import Path

import pytest

from tests.endtoend.stage import Stage
from tests.standins.agent import Scene, wait_until

pytestmark = pytest.mark.slow


def test_sigterm_lets_the_worker_finish_what_it_began(tmp_path: Path):
    with Scene(tmp_path) as scene:
        stage = Stage(scene, "drain")
        scene.model.delays["#drained"] = 3
        message = stage.say("One more thing #drained")
        assert wait_until(lambda: scene.model.asked("#drained"))
        parent = scene.agent.members()["parent"]
        assert scene.agent.terminate() == 0
        assert "starting anew" not in scene.agent.log
        assert not parent.is_running()
        assert scene.agent.outcome(message.id) == "replied"
        assert stage.bridge.texts(stage.chat) == ["Re: #drained"]
        assert scene.agent.leases() == 0


def test_a_message_that_kills_the_worker_is_given_up_and_its_neighbours_are_answered(
    tmp_path: Path,
):
    with Scene(
        tmp_path,
        settings={"response_provider": "poison"},
        settings_module="tests.standins.poison_settings",
    ) as scene:
        guilty, innocent = Stage(scene, "guilty"), Stage(scene, "innocent")
        poison = guilty.say("A spoon of arsenic #poison")
        beside = innocent.say("A spoon of sugar #sugar")
        after = guilty.say("And now? #after")
        assert innocent.outcome(beside, 90) == "replied"
        assert guilty.outcome(poison, 90) == "response_failed"
        assert guilty.outcome(after) == "replied"
        assert guilty.bridge.texts(guilty.chat) == ["Re: #after"]
        assert innocent.bridge.texts(innocent.chat) == ["Re: #sugar"]
