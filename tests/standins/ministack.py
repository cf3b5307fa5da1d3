"""Amazon's services on this machine (MiniStack)."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import requests

from tests.standins.agent import free_port


@contextmanager
def started(folder: Path, *services: str) -> Iterator[str]:
    """Its address; it keeps everything in the folder, and listens to this machine only."""
    port = free_port()
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "STATE_DIR": str(folder),
        "BIND_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(port),
        "SERVICES": ",".join(services),
    }
    running = subprocess.Popen(
        [sys.executable, "-m", "ministack"],
        cwd=folder,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    address = f"http://localhost:{port}"
    try:
        _wait_for(address)
        yield address
    finally:
        running.terminate()
        running.wait(20)


def _wait_for(address: str) -> None:
    for _ in range(120):
        try:
            requests.get(address, timeout=10)
            return
        except requests.RequestException:
            time.sleep(0.25)
    raise AssertionError("MiniStack did not start")
