"""Any process may die or stand still at any moment."""

import signal
import time

import psutil
import pytest

from tests.endtoend.stage import Stage
from tests.standins.agent import wait_until

pytestmark = pytest.mark.slow

THINKING = 1.5


@pytest.mark.parametrize("role", ["web", "web process"])
def test_a_killed_web_server_loses_no_message(stage: Stage, role: str):
    first = stage.say("Before #before")
    stage.agent.web()[role].kill()
    second = stage.say("After #after")
    assert [stage.outcome(first), stage.outcome(second)] == ["replied"] * 2
    said = " ".join(stage.bridge.texts(stage.chat))
    assert (said.count("#before"), said.count("#after")) == (1, 1)


def test_a_worker_that_is_killed_while_the_model_thinks_answers_once(stage: Stage):
    token = stage.token()
    stage.model.delays[token] = THINKING
    message = stage.say(f"Think about it {token}")
    assert wait_until(lambda: stage.model.asked(token))
    _kill(stage, "worker process 1")
    _kill(stage, "worker process 2")
    assert stage.outcome(message) == "replied"
    assert stage.bridge.texts(stage.chat) == [f"Re: {token}"]


@pytest.mark.parametrize(
    "role", ["parent", "sentinel", "monitor", "pusher", "worker process 1"]
)
def test_any_idle_member_of_the_worker_may_be_killed(stage: Stage, role: str):
    token = stage.token()
    victim = stage.agent.members()[role]
    victim.kill()
    message = stage.say(f"Still there? {token}")
    assert stage.outcome(message) == "replied"
    assert stage.bridge.texts(stage.chat) == [f"Re: {token}"]
    assert wait_until(lambda: _is_renewed(stage, victim), 30)


@pytest.mark.parametrize("role", ["sentinel", "worker process 1"])
def test_a_member_that_stands_still_is_replaced(stage: Stage, role: str):
    token = stage.token()
    victim = stage.agent.members()[role]
    victim.send_signal(signal.SIGSTOP)
    message = stage.say(f"Still there? {token}")
    assert stage.outcome(message, 50) == "replied"
    assert stage.bridge.texts(stage.chat) == [f"Re: {token}"]
    assert wait_until(lambda: _is_renewed(stage, victim), 40)


def _kill(stage: Stage, role: str) -> None:
    try:
        stage.agent.members()[role].kill()
    except (psutil.NoSuchProcess, KeyError, IndexError):
        pass  # the others have followed it already
    time.sleep(0.01)


def _is_renewed(stage: Stage, victim: psutil.Process) -> bool:
    if victim.is_running() and victim.status() != psutil.STATUS_ZOMBIE:
        return False
    return stage.agent.is_up() and victim not in stage.agent.members().values()
