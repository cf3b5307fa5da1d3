"""What no webhook told of is found in the bridge's record, and answered once."""

import time
from collections.abc import Iterator

import pytest

from tests.endtoend.stage import Stage
from tests.standins.agent import Scene, wait_until

pytestmark = pytest.mark.slow
EVERY_MINUTES = 0.05


@pytest.fixture(scope="module")
def watchful_scene(tmp_path_factory) -> Iterator[Scene]:
    folder = tmp_path_factory.mktemp("agent")
    with Scene(folder, MISSED_SEARCH_MINUTES=str(EVERY_MINUTES)) as scene:
        yield scene


@pytest.fixture
def stage(watchful_scene: Scene, request: pytest.FixtureRequest) -> Stage:
    assert wait_until(watchful_scene.agent.is_up, 30)
    stage = Stage(watchful_scene, request.node.name)
    # The first message tells the agent that there is this instance.
    assert stage.outcome(stage.say("Hello #first")) == "replied"
    # One that finds the phone connected is followed by another, half a minute later.
    assert wait_until(lambda: _searches(stage) >= 2, 45)
    return stage


@pytest.fixture
def deaf(stage: Stage) -> Iterator[Stage]:
    """No webhook reaches the agent."""
    plain = stage.bridge.deliver
    stage.bridge.deliver = lambda *call: None
    yield stage
    stage.bridge.deliver = plain


def _searches(stage: Stage) -> int:
    sql = "SELECT count(*) FROM evolution_missedsearch WHERE finished_at IS NOT NULL"
    return stage.agent.rows(sql)[0][0]


def _answered(stage: Stage, chat: str) -> list[str]:
    return " ".join(stage.bridge.texts(chat)[1:]).replace("Re: ", "").split()


def test_messages_without_webhooks_are_answered_once_and_in_order(deaf: Stage):
    tokens = [deaf.token() for _ in range(4)]
    messages = []
    for token in tokens:
        messages.append(deaf.say(f"Is anybody there? {token}"))
        time.sleep(1.1)  # WhatsApp's clock counts seconds
    assert [deaf.outcome(one) for one in messages] == ["replied"] * 4
    before = _searches(deaf)
    assert wait_until(lambda: _searches(deaf) >= before + 2, 45)
    assert _answered(deaf, deaf.chat) == tokens
    assert deaf.agent.unsettled() == []


def test_a_group_is_judged_as_always(deaf: Stage):
    wanted = deaf.say("Who knows the way? #way p=80", group=True)
    idle = deaf.say("See you p=10", group=True)
    outcomes = {deaf.outcome(wanted), deaf.outcome(idle)}
    assert outcomes <= {"replied", "below_threshold"}
    assert len(deaf.bridge.texts(deaf.group)) <= 1


def test_our_own_words_in_the_record_take_over_nothing(deaf: Stage):
    for _ in range(2):
        token = deaf.token()
        assert deaf.outcome(deaf.say(f"And now? {token}")) == "replied"
    sql = "SELECT count(*) FROM conversations_message WHERE author = 'phone'"
    assert deaf.agent.rows(sql)[0][0] == 0


def test_what_came_while_everything_was_down_is_answered_after_the_start(deaf: Stage):
    deaf.agent.kill()
    tokens = [deaf.token(), deaf.token()]
    messages = []
    for token in tokens:
        messages.append(deaf.say(f"Are you away? {token}"))
        time.sleep(1.1)
    deaf.agent.start()
    assert [deaf.outcome(one) for one in messages] == ["replied"] * 2
    assert _answered(deaf, deaf.chat) == tokens


def test_a_worker_that_is_killed_while_it_looks_goes_on_after_its_lease(
    deaf: Stage, monkeypatch
):
    before, asked = deaf.bridge.before, []

    def slow(method, path, body):
        if path.startswith("/chat/findMessages/") and not asked:
            asked.append(path)
            time.sleep(3)
        return before(method, path, body)

    token = deaf.token()
    message = deaf.say(f"Still there? {token}")
    monkeypatch.setattr(deaf.bridge, "before", slow)
    assert wait_until(lambda: asked, 20)
    deaf.agent.members()["worker process 1"].kill()
    assert deaf.outcome(message, 60) == "replied"
    assert _answered(deaf, deaf.chat) == [token]
