"""Cut the power, again and again, and see what the disk still has.

Web and worker run between a bridge and a model that listen on sockets. A preloaded
library keeps a copy of each file of the database as it was when it was last synced.
Everything is killed at once, and the copies take the files' places: what was written and
not synced is gone. Then every webhook that was answered 200 must be in the database or in
the inbox; and in the end each message must have been answered, once. With
SQLITE_SYNCHRONOUS=NORMAL, the control, acknowledged ones must be missing.
"""

import argparse
import json
import os
import random
import shutil
import signal
import sqlite3
import sys
import tempfile
import threading
import time
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from bench import preloading
from evolution.sandbox.webhooks import Delivery, Webhooks
from tests.standins.agent import (
    WEBHOOK_SECRET,
    Agent,
    free_port,
    wait_until,
    webhook_url,
)
from tests.standins.bridge import WAITS, StandIn
from tests.standins.model import TOKEN, ModelServer

SOURCE = Path(__file__).with_name("disk.c")
FILES = ("", "-wal", "-inbox", "-inbox-wal")
PEOPLE = 20
PATIENCE = 90


@dataclass
class Found:
    cuts: int = 0
    written: set[str] = field(default_factory=set)  # WhatsApp ids of what people wrote
    acknowledged: set[str] = field(default_factory=set)
    lost: set[str] = field(default_factory=set)  # of these, by a cut
    waiting: int = 0  # in the inbox when the power went, altogether
    unanswered: set[str] = field(default_factory=set)  # tokens, in the end
    doubled: set[str] = field(default_factory=set)

    def __str__(self) -> str:
        return (
            f"{self.cuts} power cuts, {len(self.written)} messages,"
            f" {self.waiting} of them in the inbox when the power went.\n"
            f"Acknowledged and lost by a cut: {len(self.lost)}."
            f" Unanswered: {len(self.unanswered)}. Answered twice: {len(self.doubled)}."
        )


class Trial:
    def __init__(self, folder: Path, synchronous: str, seed: int) -> None:
        self.random = random.Random(seed)
        self.found = Found()
        port = free_port()
        self.model = ModelServer()
        self.webhooks = Webhooks(waits=WAITS * 4, workers=8, taken=self._note)
        self.bridge = StandIn(
            webhook_url(port), WEBHOOK_SECRET, deliver=self.webhooks.deliver
        )
        self.agent = Agent(
            folder,
            bridge_url=self.bridge.url,
            model_url=self.model.url,
            port=port,
            SQLITE_SYNCHRONOUS=synchronous,
            LD_PRELOAD=str(preloading.library(SOURCE, folder)),
            POWER_DATABASE=str(folder / "db.sqlite3"),
        )
        self.chats: dict[str, str] = {}  # tokens of what was written, and where

    def run(self, cuts: int, rate: float) -> Found:
        self.model.start()
        self.bridge.start()
        try:
            self.agent.prepare()
            people = [self.bridge.person(f"Ana {n}") for n in range(PEOPLE)]
            for _ in range(cuts):
                self._live_until_a_cut(people, rate)
            self.agent.start()
            self._judge_the_end()
        finally:
            self.agent.kill()
            self.bridge.stop()
            self.webhooks.stop()
            self.model.stop()
        return self.found

    def _note(self, delivery: Delivery) -> None:
        body = json.loads(delivery.body)
        if body["event"] == "messages.upsert":
            self.found.acknowledged.add(body["data"]["key"]["id"])

    def _live_until_a_cut(self, people: list[str], rate: float) -> None:
        self.agent.start()
        is_over = threading.Event()
        writer = threading.Thread(target=self._write, args=(people, rate, is_over))
        writer.start()
        time.sleep(self.random.uniform(2, 6))
        self.agent.kill()
        is_over.set()
        writer.join()
        self.found.cuts += 1
        self._go_back_to_what_was_synced()
        self.found.lost |= self.found.acknowledged - self._kept()

    def _write(self, people: list[str], rate: float, is_over: threading.Event) -> None:
        while not is_over.wait(self.random.expovariate(rate)):
            sender = self.random.choice(people)
            token = f"#{len(self.chats)}"
            self.chats[token] = f"{sender}@s.whatsapp.net"
            self.found.written.add(self.bridge.write(sender, f"Hello {token}").id)

    def _go_back_to_what_was_synced(self) -> None:
        for suffix in FILES:
            path = Path(f"{self.agent.database}{suffix}")
            path.unlink(missing_ok=True)
            durable = path.with_name(f"{path.name}.durable")
            if durable.exists():
                shutil.copy(durable, path)
            path.with_name(f"{path.name}-shm").unlink(missing_ok=True)

    def _kept(self) -> set[str]:
        """WhatsApp ids in the database and in the inbox; read in a copy of the files."""
        with tempfile.TemporaryDirectory() as apart:
            for suffix in FILES:
                path = Path(f"{self.agent.database}{suffix}")
                if path.exists():
                    shutil.copy(path, apart)
            base = Path(apart) / self.agent.database.name
            stored = _read(base, "SELECT whatsapp_id FROM conversations_message")
            inbox = _read(Path(f"{base}-inbox"), "SELECT body FROM webhook")
        bodies = [json.loads(body) for body in inbox]
        waiting = {
            body["data"]["key"]["id"]
            for body in bodies
            if body["event"] == "messages.upsert"
        }
        self.found.waiting += len(waiting)
        return set(stored) | waiting

    def _judge_the_end(self) -> None:
        wait_until(
            lambda: (
                self.found.written <= self.found.acknowledged
                and not self.agent.webhooks_waiting()
                and not self.agent.unsettled()
            ),
            PATIENCE,
        )
        said = Counter(
            token
            for chat in set(self.chats.values())
            for text in self.bridge.texts(chat)
            for token in TOKEN.findall(text)
        )
        self.found.unanswered = set(self.chats) - set(said)
        self.found.doubled = {token for token, times in said.items() if times > 1}


def _read(path: Path, sql: str) -> list[str]:
    if not path.exists():
        return []
    with closing(sqlite3.connect(path)) as database:
        return [row[0] for row in database.execute(sql)]


def main() -> int:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # and clean up
    parser = argparse.ArgumentParser(prog="python -m bench.power", description=__doc__)
    parser.add_argument("--cuts", type=int, default=20)
    parser.add_argument("--rate", type=float, default=40, help="Messages a second.")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--synchronous", choices=["FULL", "NORMAL"], help="One alone.")
    options = parser.parse_args()
    os.environ.setdefault("SECRET_KEY", "only-for-tests-" + "0" * 50)
    is_proved = True
    for synchronous in (
        [options.synchronous] if options.synchronous else ["FULL", "NORMAL"]
    ):
        with tempfile.TemporaryDirectory(prefix="power-") as folder:
            trial = Trial(Path(folder), synchronous, options.seed)
            found = trial.run(options.cuts, options.rate)
        print(f"SQLITE_SYNCHRONOUS={synchronous}: {found}", flush=True)
        if synchronous == "FULL":
            is_proved &= not (found.lost or found.unanswered or found.doubled)
        else:
            is_proved &= bool(found.lost)
    print("PROVED" if is_proved else "NOT PROVED")
    return 0 if is_proved else 1


if __name__ == "__main__":
    sys.exit(main())
