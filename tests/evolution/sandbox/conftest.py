from collections.abc import Callable, Iterator

import pytest

from evolution.sandbox.server import BridgeServer
from tests.evolution.sandbox.town import Town


@pytest.fixture
def town() -> Town:
    return Town().populate()


@pytest.fixture
def serve() -> Iterator[Callable[[BridgeServer], BridgeServer]]:
    started = []

    def start(server: BridgeServer) -> BridgeServer:
        started.append(server)
        return server.start()

    yield start
    for server in started:
        server.stop()
