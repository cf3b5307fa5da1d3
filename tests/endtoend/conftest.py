from collections.abc import Iterator

import pytest

from tests.endtoend.stage import Stage
from tests.standins.agent import Scene, wait_until


@pytest.fixture(scope="session")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """One running agent for all tests: each plays in conversations of its own."""
    with Scene(tmp_path_factory.mktemp("agent")) as scene:
        yield scene


@pytest.fixture
def stage(scene: Scene, request: pytest.FixtureRequest) -> Stage:
    assert wait_until(scene.agent.is_up, 30)  # the last test may have killed some of it
    return Stage(scene, request.node.name)
