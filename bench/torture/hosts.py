"""Hosts for the agent: this machine, or network namespaces with a name of their own.

PostgreSQL and Redis are started for the run, and gone after it.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.standins.agent import free_port, wait_until
from tests.standins.hosts import LOCAL, Host

NETWORK = "10.77.0"
GATEWAY = f"{NETWORK}.1"
BRIDGE = "torture0"


@contextmanager
def namespaces(count: int) -> Iterator[list[Host]]:
    """`count` hosts on a network of their own; one is this machine."""
    if count == 1:
        yield [Host("here", LOCAL)]
        return
    hosts = [
        Host(f"torture{n}", f"{NETWORK}.{n + 10}", f"torture-v{n}")
        for n in range(1, count + 1)
    ]
    with ExitStack() as stack:
        _ip(f"link add {BRIDGE} type bridge")
        stack.callback(_ip, f"link del {BRIDGE}")
        _ip(f"addr add {GATEWAY}/24 dev {BRIDGE}")
        _ip(f"link set {BRIDGE} up")
        for host in hosts:
            _ip(f"netns add {host.name}")
            stack.callback(_ip, f"netns del {host.name}")
            _ip(f"link add {host.link} type veth peer name eth0 netns {host.name}")
            _ip(f"link set {host.link} master {BRIDGE} up")
            _ip(f"-n {host.name} addr add {host.address}/24 dev eth0")
            _ip(f"-n {host.name} link set eth0 up")
            _ip(f"-n {host.name} link set lo up")
        yield hosts


def _ip(arguments: str) -> None:
    subprocess.run(["ip", *arguments.split()], check=True)


@contextmanager
def postgres(folder: Path, address: str) -> Iterator[str]:
    """The URL of an empty database."""
    data, port = folder / "postgres", free_port()
    binaries = sorted(Path("/usr/lib/postgresql").glob("*/bin"))[-1]
    owner: list[str] = []
    data.mkdir()
    if os.getuid() == 0:  # as whom PostgreSQL does not run
        folder.chmod(0o711)
        shutil.chown(data, "postgres")
        owner = ["runuser", "-u", "postgres", "--"]
    initdb = [str(binaries / "initdb"), "-A", "trust", "-U", "agent", "-D", str(data)]
    subprocess.run([*owner, *initdb], check=True, stdout=subprocess.DEVNULL, cwd="/")
    with (data / "pg_hba.conf").open("a") as access:
        access.write(f"host all all {NETWORK}.0/24 trust\n")
    options = ["-h", address, "-p", str(port), "-k", str(data), "-D", str(data)]
    server = [str(binaries / "postgres"), *options, "-c", "max_connections=300"]
    ready = [str(binaries / "pg_isready"), "-q", "-h", address, "-p", str(port)]
    with _running([*owner, *server], folder / "postgres.log", ready):
        yield f"postgres://agent@{address}:{port}/postgres"


@contextmanager
def redis(folder: Path, address: str) -> Iterator[str]:
    """The URL of an empty Redis."""
    port = str(free_port())
    server = ["redis-server", "--bind", address, "--port", port, "--save", ""]
    ready = ["redis-cli", "-h", address, "-p", port, "ping"]
    command = [*server, "--protected-mode", "no", "--dir", str(folder)]
    with _running(command, folder / "redis.log", ready):
        yield f"redis://{address}:{port}/0"


@contextmanager
def _running(command: list[str], log: Path, ready: list[str]) -> Iterator[None]:
    def is_ready() -> bool:
        return subprocess.run(ready, capture_output=True, check=False).returncode == 0

    with log.open("wb") as to:
        process = subprocess.Popen(command, stdout=to, stderr=to, cwd="/")
    try:
        if not wait_until(is_ready, 20):
            sys.exit(f"It does not start, see {log}")
        yield
    finally:
        process.terminate()
        process.wait(30)
