"""Kills and freezes processes at random, as long as it is told to."""

import os
import random
import signal
import threading
from collections import Counter

import psutil

from tests.standins.agent import Agent, wait_until

ROLES = (
    ["worker process"] * 4
    + ["pusher", "monitor", "sentinel", "parent", "worker", "web", "web process"]
    + ["everything"]
)
FROZEN = (
    ["worker process"] * 3
    + ["sentinel", "pusher", "monitor", "web", "web process"]
    + ["parent"] * 2  # who dispatches and takes webhooks in
)
FREEZES = 0.25  # of all interventions
FREEZE_SECONDS = (6.0, 12.0)  # the lease is shorter than that
# Mostly what is killed is at work; sometimes it is just starting.
AT_WORK = 0.75
STARTING_SECONDS = 10


class Killer(threading.Thread):
    def __init__(
        self,
        agent: Agent,
        rnd: random.Random,
        between: tuple[float, float],
        only_worker_processes: bool = False,
    ) -> None:
        super().__init__(daemon=True)
        self.kills: Counter[str] = Counter()
        self.freezes: Counter[str] = Counter()
        self.seen: dict[str, set[int]] = {"web": set(), "worker": set()}
        self._agent, self._rnd, self._between = agent, rnd, between
        self._only_worker_processes = only_worker_processes
        members = agent.members()
        self._spared = {members[role].pid for role in ("monitor", "pusher")}
        self._stopped = threading.Event()
        self._thaws: list[threading.Timer] = []

    @property
    def restarts(self) -> Counter[str]:
        return Counter({name: len(pids) - 1 for name, pids in self.seen.items()})

    def run(self) -> None:
        while not self._stopped.wait(self._rnd.uniform(*self._between)):
            if self._rnd.random() < AT_WORK:
                wait_until(self._may_go_on, STARTING_SECONDS)
            try:
                self._look()
                self._intervene()
            except (psutil.Error, IndexError, KeyError, ProcessLookupError):
                pass  # it is just being started

    def stop(self) -> None:
        """Leave everything running."""
        self._stopped.set()
        self.join()
        for thaw in self._thaws:
            thaw.join()

    def _may_go_on(self) -> bool:
        return self._stopped.is_set() or self._agent.is_up()

    def _look(self) -> None:
        for role, process in {**self._agent.web(), **self._agent.members()}.items():
            if role in ("web", "parent"):
                self.seen["worker" if role == "parent" else role].add(process.pid)

    def _intervene(self) -> None:
        if self._only_worker_processes:
            self._kill_a_worker_process()
        elif self._rnd.random() < FREEZES:
            self._freeze(self._rnd.choice(FROZEN))
        else:
            self._kill(self._rnd.choice(ROLES))

    def _kill_a_worker_process(self) -> None:
        sentinel = self._agent.members()["sentinel"]
        rest = [one for one in sentinel.children() if one.pid not in self._spared]
        self._rnd.choice(rest).kill()
        self.kills["worker process"] += 1

    def _kill(self, role: str) -> None:
        if role == "worker":
            os.killpg(self._agent.members()["parent"].pid, signal.SIGKILL)
        elif role == "everything":
            for process in self._agent.supervisor.children(recursive=True):
                process.kill()
        else:
            self._pick(role).kill()
        self.kills[role] += 1

    def _freeze(self, role: str) -> None:
        process = self._pick(role)
        process.suspend()
        self.freezes[role] += 1
        thaw = threading.Timer(self._rnd.uniform(*FREEZE_SECONDS), _thaw, [process])
        thaw.start()
        self._thaws.append(thaw)

    def _pick(self, role: str) -> psutil.Process:
        processes = {**self._agent.web(), **self._agent.members()}
        fitting = [
            one
            for name, one in processes.items()
            if name == role or (role == "worker process" and name.startswith(role))
        ]
        return self._rnd.choice(fitting)


def _thaw(process: psutil.Process) -> None:
    try:
        process.resume()
    except psutil.NoSuchProcess:
        pass
