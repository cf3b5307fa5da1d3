"""The agent as real processes: `manage.py run` with web and worker, on free ports."""

import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

import psutil

from tests.standins.bridge import API_KEY, INSTANCE, StandIn
from tests.standins.hosts import LOCAL, Host
from tests.standins.model import ModelServer
from whatsapp_agent.supervisor import die_with_parent

ROOT = Path(__file__).resolve().parent.parent.parent
WEBHOOK_SECRET = "stand-in-webhook-secret-" + "0" * 20
WORKER_PROCESSES = 2
# Nothing is to be silenced by a limit, nor to wait for long.
SETTINGS = {
    "direct_wait": 0.1,
    "group_wait": 0.2,
    "longest_wait": 2,
    "threshold": 0.6,
    "new_group_mode": "live",
    "on_gate_failure": "retry",
    "oldest_answered": 60,
    "relevance_provider": "openai",
    "relevance_timeout": 20,
    "response_provider": "openai",
    "response_timeout": 20,
    "unprompted_gap": 0,
    "unprompted_per_hour": 30_000,
    "unprompted_per_day": 30_000,
    "replies_per_minute": 30_000,
    "replies_per_hour": 30_000,
}
PREPARE = """
import json, sys
from django.core.management import call_command
from conversations.models import AgentSettings
call_command("migrate", verbosity=0)
AgentSettings.objects.update_or_create(pk=1, defaults=json.loads({values!r}))
"""


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def wait_until(condition: Callable[[], object], seconds: float = 15) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.05)
    return bool(condition())


class Agent:
    """`folder` holds the database, the locks and the log."""

    def __init__(
        self,
        folder: Path,
        *,
        bridge_url: str,
        model_url: str,
        port: int,
        settings: dict | None = None,
        settings_module: str = "whatsapp_agent.settings",
        database_url: str = "",
        command: list[str] | None = None,
        host: Host | None = None,
        **environment: str,
    ) -> None:
        self.folder, self.port = folder, port
        self.database = folder / "db.sqlite3"
        if database_url.startswith("sqlite:"):
            self.database = Path(database_url.removeprefix("sqlite:///"))
        self._settings = SETTINGS | (settings or {})
        self.host = host or Host("here", LOCAL)
        at = ["--host", self.host.address, "--port", str(port)]
        run = [sys.executable, "manage.py", "run", *at]
        self._command = self.host.command(*(command or run))
        self._process: subprocess.Popen | None = None
        self.environment = _inherited() | {
            "SECRET_KEY": "only-for-tests-" + "0" * 50,
            "DJANGO_SETTINGS_MODULE": settings_module,
            "DATABASE_URL": database_url or f"sqlite:///{self.database}",
            "RUN_DIR": str(folder / "run"),
            "MEDIA_ROOT": str(folder / "media"),
            "EVOLUTION_URL": bridge_url,
            "EVOLUTION_API_KEY": API_KEY,
            "EVOLUTION_INSTANCE": INSTANCE,
            "SANDBOX": "0",
            "ALLOWED_HOSTS": f"localhost,{self.host.address}",
            "WEBHOOK_SECRET": WEBHOOK_SECRET,
            "WEBHOOK_URL": webhook_url(port, self.host.address),
            "OPENAI_URL": model_url,
            "OPENAI_API_KEY": "stand-in",
            "LEASE_SECONDS": "4",
            "EVOLUTION_SEND_TIMEOUT": "2",
            "RECONCILE_SECONDS": "4",
            "WORKER_PROCESSES": str(WORKER_PROCESSES),
            **environment,
        }

    # Life

    def prepare(self) -> None:
        """Make the database and its settings."""
        code = PREPARE.format(values=json.dumps(self._settings))
        subprocess.run(
            [sys.executable, "manage.py", "shell", "-c", code],
            cwd=ROOT,
            env=self.environment,
            check=True,
            stdout=subprocess.DEVNULL,
        )

    def start(self) -> "Agent":
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                self._command,
                cwd=ROOT,
                env=self.environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=die_with_parent,
            )
        if not wait_until(self.is_up, 90):
            raise RuntimeError(f"It does not start:\n{self.log[-3000:]}")
        return self

    def is_up(self) -> bool:
        try:
            with socket.create_connection((self.host.address, self.port), 1):
                return len({**self.web(), **self.members()}) == WORKER_PROCESSES + 6
        except (OSError, psutil.Error, IndexError):  # one of them has no child yet
            return False

    def terminate(self, seconds: float = 30) -> int:
        """End it as systemd would; return the exit code."""
        roles = {**self.web(), **self.members()}
        self._process.terminate()
        try:
            return self._process.wait(seconds)
        except subprocess.TimeoutExpired as error:
            left = [role for role, process in roles.items() if _describe(process)]
            states = [f"{role}: {_describe(roles[role])}" for role in left]
            raise RuntimeError(f"After SIGTERM there are left {states}") from error

    def kill(self) -> None:
        """End every process at once."""
        if self._process is None:
            return
        try:
            everybody = [self.supervisor, *self.supervisor.children(recursive=True)]
        except psutil.NoSuchProcess:
            everybody = []
        for process in everybody:
            _kill(process)
        self._process.wait(10)

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text(errors="replace")

    # Processes

    @property
    def supervisor(self) -> psutil.Process:
        return psutil.Process(self._process.pid)

    def _named(self, *words: str) -> psutil.Process:
        for child in self.supervisor.children():
            with suppress(psutil.ZombieProcess):  # it has just ended
                if set(words) & set(child.cmdline()):
                    return child
        raise psutil.NoSuchProcess(0, words[0])

    def web(self) -> dict[str, psutil.Process]:
        """The server and the process that it serves with."""
        server = self._named("granian")
        return {"web": server, "web process": server.children()[0]}

    def members(self) -> dict[str, psutil.Process]:
        """The worker's processes by role. They are started in this order."""
        parent = self._named("worker", "qcluster")
        sentinel = parent.children()[0]
        rest = sorted(sentinel.children(), key=lambda child: child.pid)
        roles = [f"worker process {n}" for n in range(1, len(rest) - 1)]
        roles += ["monitor", "pusher"]
        return {
            "parent": parent,
            "sentinel": sentinel,
            **dict(zip(roles, rest, strict=False)),
        }

    # The database

    def rows(self, sql: str, *parameters: object) -> list[sqlite3.Row]:
        with closing(sqlite3.connect(f"file:{self.database}?mode=ro", uri=True)) as db:
            db.row_factory = sqlite3.Row
            return db.execute(sql, parameters).fetchall()

    def outcome(self, whatsapp_id: str) -> str:
        """What became of an inbound message: its outcome, "" while pending."""
        found = self.rows(
            "SELECT outcome FROM conversations_message WHERE whatsapp_id = ?"
            " AND direction = 'in'",
            whatsapp_id,
        )
        return found[0]["outcome"] if found else ""

    def unsettled(self) -> list[tuple]:
        """Everything that still waits: inbound without an outcome, unsent outbound."""
        return self.rows(
            "SELECT id, text, outcome, status FROM conversations_message"
            " WHERE (direction = 'in' AND outcome IN ('', 'replying'))"
            " OR status IN ('queued', 'sending', 'unknown')"
        )

    def webhooks_waiting(self) -> int:
        """Acknowledged, and not yet taken in."""
        inbox = Path(f"{self.database}-inbox")
        if not inbox.exists():
            return 0
        with closing(sqlite3.connect(f"file:{inbox}?mode=ro", uri=True)) as db:
            return db.execute("SELECT count(*) FROM webhook").fetchone()[0]

    def leases(self) -> int:
        sql = "SELECT count(*) FROM conversations_conversation WHERE lease_token <> ''"
        return self.rows(sql)[0][0]


class Scene:
    """An agent between a stand-in bridge and a stand-in model."""

    def __init__(self, folder: Path, **options) -> None:
        port = free_port()
        self.model = ModelServer()
        self.bridge = StandIn(webhook_url(port), WEBHOOK_SECRET)
        self.agent = Agent(
            folder,
            bridge_url=self.bridge.url,
            model_url=self.model.url,
            port=port,
            **options,
        )

    def __enter__(self) -> "Scene":
        self.model.start()
        self.bridge.start()
        self.agent.prepare()
        try:
            self.agent.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *exception: object) -> None:
        self.agent.kill()
        self.bridge.stop()
        self.model.stop()


def webhook_url(port: int, address: str = LOCAL) -> str:
    return f"http://{address}:{port}/api/webhook/evolution"


def _inherited() -> dict[str, str]:
    """What a process needs of ours, and none of its configuration."""
    return {
        key: os.environ[key] for key in ("PATH", "HOME", "LANG") if key in os.environ
    }


def _kill(process: psutil.Process) -> None:
    try:
        process.send_signal(signal.SIGKILL)
    except psutil.NoSuchProcess:
        pass


def _describe(process: psutil.Process) -> str:
    """What a process is doing, "" once it has ended."""
    try:
        wait = Path(f"/proc/{process.pid}/wchan").read_text()
        return f"{process.pid} {process.status()} in {wait}, {process.num_threads()} threads"
    except (psutil.NoSuchProcess, OSError):
        return ""
