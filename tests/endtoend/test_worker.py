"""How a worker ends, and what it does about a message that ends it."""

import os
import signal
import sqlite3
from contextlib import closing
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


def test_what_comes_while_no_worker_can_take_it_in_is_answered_later(stage: Stage):
    with closing(sqlite3.connect(stage.agent.database, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        message = stage.say("Hello #locked")
        assert wait_until(stage.agent.webhooks_waiting), "it was not acknowledged"
        assert stage.agent.outcome(message.id) == ""
        other.execute("ROLLBACK")
    assert stage.outcome(message) == "replied"
    assert stage.bridge.texts(stage.chat) == ["Re: #locked"]
    assert wait_until(lambda: not stage.agent.webhooks_waiting())


def test_a_worker_that_starts_sees_who_stepped_in_before_it_answers(stage: Stage):
    """While there is none, somebody asks, and a person answers on the phone."""
    stop, go_on = signal.SIGSTOP, signal.SIGCONT
    supervisor = stage.agent.supervisor
    supervisor.send_signal(stop)  # or it would start another one
    try:
        os.killpg(stage.agent.members()["parent"].pid, signal.SIGKILL)
        message = stage.say("Is anybody there? #stepped-in")
        for n in range(60):
            stage.say(f"Hello? {n}", group=True)
        stage.bridge.type_on_the_phone(stage.chat, "Yes, I am")
        assert wait_until(lambda: stage.agent.webhooks_waiting() >= 62)
    finally:
        supervisor.send_signal(go_on)
    assert stage.outcome(message) == "taken_over"
    assert "Re: #stepped-in" not in stage.bridge.texts(stage.chat)


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
