import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

SUPERVISE = """
import sys
from whatsapp_agent.supervisor import Supervisor
Supervisor({"child": [sys.executable, "-c", sys.argv[1]]}, stop_timeout=5).run()
"""
LIVE = (
    "import os,time; open({path!r}, 'a').write(f'{{os.getpid()}}\\n'); time.sleep(60)"
)


@pytest.fixture
def pids(tmp_path):
    return tmp_path / "pids"


@pytest.fixture
def supervisor(pids):
    child = LIVE.format(path=str(pids))
    process = subprocess.Popen(
        [sys.executable, "-c", SUPERVISE, child], cwd=Path(__file__).parents[2]
    )
    yield process
    process.kill()
    process.wait()


def started(pids: Path, count: int) -> int:
    """Wait for the nth start of the child; return its process id."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        if pids.exists() and len(lines := pids.read_text().split()) >= count:
            return int(lines[-1])
        time.sleep(0.05)
    raise AssertionError(f"no start number {count}")


def is_alive(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_starts_anew_what_was_killed(supervisor, pids):
    first = started(pids, 1)

    os.kill(first, signal.SIGKILL)

    assert started(pids, 2) != first


def test_ends_everything_on_sigterm(supervisor, pids):
    child = started(pids, 1)

    supervisor.terminate()

    assert supervisor.wait(15) == 0
    assert not is_alive(child)


def test_its_own_death_leaves_no_orphans(supervisor, pids):
    child = started(pids, 1)

    supervisor.kill()
    supervisor.wait()

    deadline = time.monotonic() + 10
    while is_alive(child) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not is_alive(child)
