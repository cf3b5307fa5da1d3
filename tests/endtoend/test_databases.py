"""Beyond one machine: PostgreSQL, and Redis for the wake-ups."""

import os
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest

from tests.endtoend.stage import Stage
from tests.standins.agent import Scene, wait_until

pytestmark = pytest.mark.slow
POSTGRES = os.environ.get("TEST_POSTGRES_URL", "")
REDIS = os.environ.get("TEST_REDIS_URL", "")


@pytest.fixture(
    scope="module",
    params=[
        pytest.param({}, id="PostgreSQL"),
        pytest.param({"REDIS_URL": REDIS}, id="PostgreSQL and Redis"),
    ],
)
def large_scene(request, tmp_path_factory) -> Iterator[Scene]:
    if not POSTGRES:
        pytest.skip("TEST_POSTGRES_URL names no server")
    if request.param and not REDIS:
        pytest.skip("TEST_REDIS_URL names no server")
    name = f"agent_{uuid4().hex[:12]}"
    with psycopg.connect(POSTGRES, autocommit=True) as server:
        server.execute(f"CREATE DATABASE {name}")
    url = f"{POSTGRES.rpartition('/')[0]}/{name}"
    folder: Path = tmp_path_factory.mktemp("agent")
    with Scene(folder, database_url=url, **request.param) as scene:
        yield scene
    with psycopg.connect(POSTGRES, autocommit=True) as server:
        server.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def stage(large_scene: Scene, request: pytest.FixtureRequest) -> Stage:
    assert wait_until(large_scene.agent.is_up, 30)
    return Stage(large_scene, request.node.name)


def test_both_kinds_of_chat_are_answered(stage: Stage):
    stage.say("Hello #direct")
    stage.say("Who knows? #group p=90", group=True)

    assert wait_until(lambda: stage.bridge.texts(stage.chat) == ["Re: #direct"], 20)
    assert wait_until(lambda: stage.bridge.texts(stage.group) == ["Re: #group"], 20)


def test_the_kill_of_any_worker_process_loses_and_doubles_nothing(stage: Stage):
    stage.model.delays["#killed"] = 1
    stage.say("Still there? #killed")
    assert wait_until(lambda: stage.model.asked("#killed"))

    stage.agent.members()["worker process 1"].kill()

    assert wait_until(lambda: stage.bridge.texts(stage.chat), 40)
    assert wait_until(stage.agent.is_up, 30)
    assert stage.bridge.texts(stage.chat) == ["Re: #killed"]
