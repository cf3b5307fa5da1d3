"""A large database, and the webhooks that come in while something is done to it."""

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
from pathlib import Path

from bench import webhooks
from bench.load import Client
from bench.pages.data import SETTINGS
from bench.systems import SECRET, running, wait_for, web

ROOT = Path(__file__).parent.parent
# As Evolution delivers: it gives an attempt up after so many seconds, waits so long
# between two, and never repeats after these answers.
TIMEOUT, WAITS = 30, (5, 10, 20, 40, 80, 160, 300, 300, 300)
FINAL = {400, 401, 403, 404, 422}


def arguments(prog: str, description: str | None) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=prog, description=description)
    parser.add_argument("--messages", type=int, default=1_000_000)
    parser.add_argument("--rate", type=float, default=20, help="Webhooks a second.")
    parser.add_argument("--database", type=Path, help="One to take a copy of.")
    return parser


@contextmanager
def database(options: argparse.Namespace) -> Iterator[Path]:
    """A new one, or a copy, gone afterwards."""
    os.environ.update(SETTINGS)
    import django

    django.setup()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "db.sqlite3"
        if options.database:
            shutil.copy(options.database, path)
        else:
            make(path, options.messages)
        yield path


CATCH_UP = "from conversations import inbox; inbox.catch_up()"


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
    """Which of them are not in the database once a worker has caught up."""
    manage(database, "shell", "-v0", "-c", CATCH_UP)
    with closing(sqlite3.connect(database)) as connection:
        rows = connection.execute(
            "SELECT whatsapp_id FROM conversations_message WHERE whatsapp_id <> ''"
        )
        return set(stored) - {one for (one,) in rows}


def make(database: Path, messages: int) -> None:
    sizes = [f"--messages={messages}", f"--decisions={messages // 10}"]
    command = [sys.executable, "-m", "bench.pages.data", *sizes, str(database)]
    subprocess.run(command, cwd=ROOT, check=True)
