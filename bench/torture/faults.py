"""What goes wrong around the agent: its clock, its database, its network."""

import mmap
import random
import struct
import subprocess
import threading
import time
from abc import ABC, abstractmethod
from collections import Counter
from contextlib import closing
from pathlib import Path

from django.db import OperationalError, connection, transaction

from bench import preloading

SOURCE = Path(__file__).with_name("clock.c")


class Fault(threading.Thread, ABC):
    """Begins and ends, again and again, until it is stopped."""

    every: tuple[float, float]
    lasts: tuple[float, float]

    def __init__(self, seed: int) -> None:
        super().__init__(daemon=True)
        self.times: Counter[str] = Counter()
        self.random = random.Random(seed)
        self._stopped = threading.Event()

    def run(self) -> None:
        while not self._stopped.wait(self.random.uniform(*self.every)):
            self.suffer(self.random.uniform(*self.lasts))

    def stop(self) -> None:
        self._stopped.set()
        if self.is_alive():
            self.join()

    @abstractmethod
    def suffer(self, seconds: float) -> None:
        """Let it happen for so long, and count it."""


class Clock(Fault):
    """The wall clock of one host jumps by minutes, and back."""

    every, lasts = (15, 30), (3, 15)
    jumps = (-120, 180)

    def __init__(self, seed: int, folder: Path) -> None:
        super().__init__(seed)
        self._path = folder / "clock"
        self._path.write_bytes(bytes(8))
        self._library = preloading.library(SOURCE, folder)

    @property
    def environment(self) -> dict[str, str]:
        return {"LD_PRELOAD": str(self._library), "TORTURE_CLOCK": str(self._path)}

    def suffer(self, seconds: float) -> None:
        jump = self.random.randint(*self.jumps)
        self.times["forward" if jump > 0 else "back"] += 1
        self._set(jump)
        self._stopped.wait(seconds)
        self._set(0)

    def _set(self, seconds: int) -> None:
        with self._path.open("r+b") as file, closing(mmap.mmap(file.fileno(), 8)) as to:
            to[:] = struct.pack("l", seconds)


class Locker(Fault):
    """Another writer keeps the database for seconds."""

    every, lasts = (10, 25), (2, 6)

    def suffer(self, seconds: float) -> None:
        try:
            self._lock(seconds)
        except OperationalError:
            connection.close()
            self.times["refused"] += 1  # the agent's own locks were first, a deadlock

    def _lock(self, seconds: float) -> None:
        with transaction.atomic(), connection.cursor() as cursor:
            if connection.vendor != "sqlite":  # there the transaction is the lock
                cursor.execute(
                    "LOCK TABLE conversations_conversation, conversations_message"
                    " IN ACCESS EXCLUSIVE MODE"
                )
            time.sleep(seconds)
        self.times["locked"] += 1

    def run(self) -> None:
        try:
            super().run()
        finally:
            connection.close()


class Cable(Fault):
    """One host loses its network for seconds."""

    every, lasts = (20, 40), (3, 8)

    def __init__(self, seed: int, link: str) -> None:
        super().__init__(seed)
        self._link = link

    def suffer(self, seconds: float) -> None:
        self.times["cut"] += 1
        subprocess.run(["ip", "link", "set", self._link, "down"], check=True)
        time.sleep(seconds)
        subprocess.run(["ip", "link", "set", self._link, "up"], check=True)
