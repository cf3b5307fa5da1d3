"""What is measured, as processes: the product, an empty view, the baseline, the stand-ins."""

import http.client
import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from bench import prepare, webhooks
from whatsapp_agent.supervisor import die_with_parent

SECRET = "only-for-the-benchmark" * 3
START_SECONDS = 30


@dataclass
class System:
    """A running system: where its webhook is, and the processes that make it up."""

    url: str
    processes: list[subprocess.Popen] = field(default_factory=list)
    inbox: Path | None = None

    @property
    def waiting(self) -> int:
        """Webhooks that were answered and are not yet in the database."""
        with closing(sqlite3.connect(self.inbox)) as inbox:
            return inbox.execute("SELECT count(*) FROM webhook").fetchone()[0]

    @property
    def megabytes(self) -> float:
        """PSS: each page that processes share is counted once."""
        parents = [psutil.Process(process.pid) for process in self.processes]
        tree = [one for parent in parents for one in _family(parent)]
        return sum(one.memory_full_info().pss for one in tree) / 1e6


def _family(parent: psutil.Process) -> list[psutil.Process]:
    return [parent, *parent.children(recursive=True)]


@dataclass(frozen=True)
class StandIns:
    port: int

    def reset(self, delay: float) -> None:
        self._ask("/reset", {"delay": delay})

    @property
    def sent(self) -> list[tuple[str, float]]:
        """To whom something was sent, and when (monotonic)."""
        return [(number, at) for number, at in self._ask("/sent", {})]

    def _ask(self, path: str, body: dict) -> list:
        with closing(http.client.HTTPConnection("127.0.0.1", self.port)) as connection:
            connection.request("POST", path, json.dumps(body))
            return json.loads(connection.getresponse().read())


@dataclass(frozen=True)
class Workshop:
    """A folder for databases, and the stand-ins that every system works with."""

    folder: Path
    standins: StandIns

    @property
    def environment(self) -> dict[str, str]:
        standins = f"http://127.0.0.1:{self.standins.port}"
        return {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "whatsapp_agent.settings",
            "SECRET_KEY": SECRET,
            "WEBHOOK_SECRET": SECRET,
            "OPENAI_URL": f"{standins}/v1",
            "OPENAI_API_KEY": "",
            "EVOLUTION_URL": standins,
            "EVOLUTION_API_KEY": "global-key",
            "EVOLUTION_INSTANCE": webhooks.INSTANCE,
            "SITE_URL": "http://localhost:9208",
            "DATABASE_URL": f"sqlite:///{self.folder / 'product.sqlite3'}",
            "BASELINE_DATABASE": str(self.folder / "baseline.sqlite3"),
            "REDIS_URL": "",
            "DEBUG": "0",
            "SANDBOX": "0",
            "LOG_LEVEL": "ERROR",
            "RUN_DIR": str(self.folder / "run"),
            "MEDIA_ROOT": str(self.folder / "media"),
        }

    @property
    def template(self) -> Path:
        return self.folder / "template.sqlite3"

    def prepare(self) -> None:
        """Fill a database once; every run starts with a copy of it."""
        environment = {
            **self.environment,
            "DATABASE_URL": f"sqlite:///{self.template}",
        }
        command = [sys.executable, "-m", "bench.prepare"]
        subprocess.run(command, env=environment, check=True)

    @contextmanager
    def product(self) -> Iterator[System]:
        _fresh(self.folder / "product.sqlite3")
        shutil.copy(self.template, self.folder / "product.sqlite3")
        port = free_port()
        commands = [web(port), [sys.executable, "manage.py", "worker"]]
        inbox = self.folder / "product.sqlite3-inbox"
        url = f"http://127.0.0.1:{port}/api/webhook/evolution"
        with self._running(commands, port) as processes:
            yield System(url, processes, inbox)

    @contextmanager
    def hosts(
        self, ports: list[int], workers: int, extra: dict[str, str]
    ) -> Iterator[list[subprocess.Popen]]:
        """A web server on each port and so many workers, over one database."""
        if "DATABASE_URL" not in extra:
            _fresh(self.folder / "product.sqlite3")
            shutil.copy(self.template, self.folder / "product.sqlite3")
        slots = [[f"--slot=host-{number}"] for number in range(workers)]
        commands = [web(port) for port in ports]
        commands += [[sys.executable, "manage.py", "worker", *slot] for slot in slots]
        with running(commands, {**self.environment, **extra}) as processes:
            yield processes

    @contextmanager
    def empty_view(self, path: str = "empty") -> Iterator[System]:
        port = free_port()
        settings = {"DJANGO_SETTINGS_MODULE": "bench.empty_settings"}
        with self._running([web(port)], port, settings) as processes:
            yield System(f"http://127.0.0.1:{port}/{path}", processes)

    @contextmanager
    def baseline(self) -> Iterator[System]:
        _fresh(self.folder / "baseline.sqlite3")
        port = free_port()
        command = [sys.executable, "-m", "bench.baseline"]
        with self._running([command], port, {"BASELINE_PORT": str(port)}) as processes:
            self._give_baseline_a_past()
            yield System(f"http://127.0.0.1:{port}/webhook", processes)

    def _give_baseline_a_past(self) -> None:
        rows = [
            (webhooks.chat_jid(chat), webhooks.fresh_id(), "Alice", webhooks.QUESTION)
            for chat in prepare.CHATS
            for _ in range(prepare.CONTEXT)
        ]
        with closing(sqlite3.connect(self.folder / "baseline.sqlite3")) as database:
            database.executemany(
                "INSERT INTO message (chat, whatsapp_id, sender, text, sent_at)"
                " VALUES (?, ?, ?, ?, 0)",
                rows,
            )
            database.commit()

    @contextmanager
    def _running(
        self, commands: list[list[str]], port: int, extra: dict[str, str] | None = None
    ) -> Iterator[list[subprocess.Popen]]:
        environment = {**self.environment, **(extra or {})}
        with running(commands, environment) as processes:
            wait_for(port)
            yield processes


@contextmanager
def workshop(folder: Path) -> Iterator[Workshop]:
    port = free_port()
    command = [sys.executable, "-m", "bench.standins", str(port)]
    with running([command], dict(os.environ)):
        wait_for(port)
        yield Workshop(folder, StandIns(port))


@contextmanager
def running(
    commands: list[list[str]],
    environment: dict[str, str],
    folder: Path | None = None,
) -> Iterator[list[subprocess.Popen]]:
    processes = [
        subprocess.Popen(
            command,
            env=environment,
            cwd=folder,
            start_new_session=True,
            preexec_fn=die_with_parent,
        )
        for command in commands
    ]
    try:
        yield processes
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            _end(process)


def _end(process: subprocess.Popen) -> None:
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        pass
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.wait()


def web(port: int) -> list[str]:
    """As `manage.py run` starts it."""
    # Only importable once Django is set up.
    from whatsapp_agent.management.commands.run import web_command

    return web_command("127.0.0.1", port)


def _fresh(path: Path) -> None:
    for suffix in ("", "-wal", "-shm", "-inbox", "-inbox-wal", "-inbox-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def wait_for(port: int) -> None:
    """Until something listens there."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.05)
    raise TimeoutError(f"Nothing listens on port {port}")
