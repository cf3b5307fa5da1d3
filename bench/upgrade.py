"""Upgrade a large database while webhooks come in, and count what was refused or lost.

The database is brought back to an older state, and a web server takes webhooks in while
`manage.py migrate` brings it forward again. With `--from` that server runs the code of
an older commit, as in a real upgrade, and today's takes its place afterwards. Whatever is
not answered 200 is repeated, as Evolution does it.
"""

import argparse
import asyncio
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench import webhooks
from bench.load import Client
from bench.pages.data import SETTINGS
from bench.systems import SECRET, free_port, running, wait_for, web

ROOT = Path(__file__).parent.parent
# As Evolution delivers: it gives an attempt up after so many seconds, waits so long
# between two, and never repeats after these answers.
TIMEOUT, WAITS = 30, (5, 10, 20, 40, 80, 160, 300, 300, 300)
FINAL = {400, 401, 403, 404, 422}
OLDEST = ("conversations", "0002")
LEAVES = """
from django.db import connection
from django.db.migrations.loader import MigrationLoader
print(*(" ".join(leaf) for leaf in MigrationLoader(connection).graph.leaf_nodes()), sep="\\n")
"""


class Deliveries:
    """Webhooks at a steady rate, each repeated until it is taken in."""

    def __init__(self, url: str, rate: float) -> None:
        self._url, self._rate = url, rate
        self.stored: list[str] = []  # WhatsApp ids of what was answered 200
        self.seconds: list[float] = []  # that those answers took
        self.refused: Counter[int] = Counter()  # other answers; 0: there was none
        self.dropped: list[str] = []  # refused for good
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()))

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Begin no new ones, and wait until all have been taken in."""
        self._is_over.set()
        self._thread.join()

    async def _run(self) -> None:
        client, tasks = Client(self._url, SECRET), []
        while not self._is_over.is_set():
            body = webhooks.question(len(tasks) % 50)
            tasks.append(asyncio.create_task(self._deliver(client, body)))
            await asyncio.sleep(1 / self._rate)
        await asyncio.gather(*tasks)
        client.close()

    async def _deliver(self, client: Client, body: bytes) -> None:
        whatsapp_id = json.loads(body)["data"]["key"]["id"]
        for wait in (*WAITS, None):
            status = await self._attempt(client, body)
            if status == 200:
                self.stored.append(whatsapp_id)
                return
            self.refused[status] += 1
            if status in FINAL or wait is None:
                break
            await asyncio.sleep(wait)
        self.dropped.append(whatsapp_id)

    async def _attempt(self, client: Client, body: bytes) -> int:
        started_at = time.monotonic()
        try:
            status = await asyncio.wait_for(client.post(body), TIMEOUT)
        except (OSError, asyncio.IncompleteReadError, TimeoutError):
            return 0
        if status == 200:
            self.seconds.append(time.monotonic() - started_at)
        return status


@dataclass(frozen=True)
class Upgraded:
    migrated_in: float  # seconds
    deliveries: Deliveries
    lost: set[str]  # answered 200, but not stored as messages

    def __str__(self) -> str:
        made = self.deliveries
        refused = ", ".join(f"{n} x {status}" for status, n in made.refused.items())
        return (
            f"The migrations took {self.migrated_in:.1f} s.\n"
            f"Taken in: {len(made.stored)} webhooks, the slowest was answered after"
            f" {max(made.seconds):.1f} s.\n"
            f"Answered otherwise (0: not at all), and repeated: {refused or 'none'}.\n"
            f"Refused for good: {len(made.dropped)}. Lost: {len(self.lost)}."
        )


def upgrade(database: Path, rate: float = 20, old: Path = ROOT) -> Upgraded:
    """Of a database in its older state; `old` is the folder of the code from before."""
    port = free_port()
    made = Deliveries(f"http://127.0.0.1:{port}/api/webhook/evolution", rate)
    with serving(port, environment(database), old):
        made.start()
        time.sleep(2)
        started_at = time.monotonic()
        manage(database, "migrate", "--verbosity=0")
        migrated_in = time.monotonic() - started_at
        time.sleep(2)
        if old == ROOT:
            made.stop()
    if old != ROOT:
        time.sleep(1)  # a restart
        with serving(port, environment(database), ROOT):
            time.sleep(2)
            made.stop()
    return Upgraded(migrated_in, made, missing(database, made.stored))


def manage(database: Path, *arguments: str) -> None:
    command = [sys.executable, "manage.py", *arguments]
    subprocess.run(command, cwd=ROOT, env=environment(database), check=True)


def environment(database: Path) -> dict[str, str]:
    return {**os.environ, **SETTINGS, "DATABASE_URL": f"sqlite:///{database}"}


@contextmanager
def serving(port: int, variables: dict[str, str], folder: Path) -> Iterator[None]:
    with running([web(port)], variables, folder):
        wait_for(port)
        yield


def missing(database: Path, stored: list[str]) -> set[str]:
    with closing(sqlite3.connect(database)) as connection:
        rows = connection.execute(
            "SELECT whatsapp_id FROM conversations_message WHERE whatsapp_id <> ''"
        )
        return set(stored) - {one for (one,) in rows}


@contextmanager
def _checked_out(commit: str) -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as parent:
        folder = Path(parent) / "old"
        git = ["git", "-C", str(ROOT), "worktree"]
        subprocess.run([*git, "add", "--detach", "-f", folder, commit], check=True)
        try:
            yield folder
        finally:
            subprocess.run([*git, "remove", "--force", folder], check=True)


def _states(folder: Path, database: Path) -> list[list[str]]:
    """The last migration of each app, as the code in that folder has them."""
    command = [sys.executable, "manage.py", "shell", "-v0", "-c", LEAVES]
    told = subprocess.run(
        command,
        cwd=folder,
        env=environment(database),
        check=True,
        capture_output=True,
        text=True,
    )
    return [line.split() for line in told.stdout.splitlines()]


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m bench.upgrade", description=__doc__
    )
    parser.add_argument("--messages", type=int, default=1_000_000)
    parser.add_argument("--rate", type=float, default=20, help="Webhooks a second.")
    parser.add_argument("--from", dest="commit", help="Of the code to upgrade from.")
    parser.add_argument("--database", type=Path, help="One to take a copy of.")
    options = parser.parse_args()
    os.environ.update(SETTINGS)
    import django

    django.setup()
    with tempfile.TemporaryDirectory() as folder:
        database = Path(folder) / "db.sqlite3"
        if options.database:
            shutil.copy(options.database, database)
        else:
            make(database, options.messages)
        if options.commit:
            with _checked_out(options.commit) as old:
                for state in _states(old, database):
                    manage(database, "migrate", "--verbosity=0", *state)
                print(upgrade(database, options.rate, old))
        else:
            manage(database, "migrate", "--verbosity=0", *OLDEST)
            print(upgrade(database, options.rate))


def make(database: Path, messages: int) -> None:
    sizes = [f"--messages={messages}", f"--decisions={messages // 10}"]
    command = [sys.executable, "-m", "bench.pages.data", *sizes, str(database)]
    subprocess.run(command, cwd=ROOT, check=True)


if __name__ == "__main__":
    main()
