"""django-q2's cluster, crash-only.

A stock cluster does not survive the kill of one idle worker: the others wait for a
lock that died with it, and everything looks healthy. Here any unplanned death, or a
process that stands still, ends the whole group at once; the supervisor starts it anew.

A lock file, inherited by every process of the group, is free only when all of them are
dead. Whoever gets it may therefore free their leases without waiting for them to expire.
"""

import ctypes
import fcntl
import gc
import logging
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

from django.conf import settings
from django.db import connections
from django_q import cluster as django_q_cluster

from conversations import dispatcher, durability, housekeeping, inbox, mailbox
from whatsapp_agent import slices

logger = logging.getLogger(__name__)

# Seconds after which a process that shows no sign of life counts as frozen.
FROZEN_AFTER = 15
# Webhooks are answered first; replies can wait a moment.
NICE = 10
SLICE = 0.01  # seconds; Linux's own are about 0.003
_PR_SET_PDEATHSIG = 1


class Pulse:
    """A sign of life in shared memory: lock-free, so that the dead cannot hold it."""

    def __init__(self) -> None:
        self._at = multiprocessing.RawValue("d", time.monotonic())

    def beat(self) -> None:
        self._at.value = time.monotonic()

    def beat_for_ever(self) -> None:
        while True:
            self.beat()
            time.sleep(1)

    @property
    def is_frozen(self) -> bool:
        return time.monotonic() - self._at.value > FROZEN_AFTER


def crash(why: str) -> None:
    """End every process of the group, this one included."""
    sys.stderr.write(f"worker: {why}; starting anew\n")
    sys.stderr.flush()
    os.killpg(os.getpgrp(), signal.SIGKILL)


def die_with(parent: int) -> None:
    """Leave no orphans behind."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def _child(parent: int, pulse: Pulse, target: Callable, args: tuple) -> None:
    die_with(parent)
    threading.Thread(target=pulse.beat_for_ever, daemon=True).start()
    target(*args)


class CrashOnlySentinel(django_q_cluster.Sentinel):
    parent: int
    parent_pulse: Pulse
    own_pulse: Pulse

    def __init__(self, *args, **kwargs) -> None:
        die_with(self.parent)
        self._pulses: dict[int, Pulse] = {}
        super().__init__(*args, **kwargs)

    def spawn_process(self, target: Callable, *args) -> multiprocessing.Process:
        pulse = Pulse()
        process = django_q_cluster.get_mp_context().Process(
            target=_child, args=(os.getpid(), pulse, target, args)
        )
        process.daemon = True
        if target is django_q_cluster.worker:
            process.daemon = False
            process.timer = args[2]
            self.pool.append(process)
        process.start()
        self._pulses[process.pid] = pulse
        return process

    def reincarnate(self, process: multiprocessing.Process) -> None:
        is_planned = process in self.pool and int(process.timer.value) in (0, -2)
        if not is_planned:
            crash(f"process {process.pid} died with {process.exitcode}")
        self._pulses.pop(process.pid, None)
        super().reincarnate(process)

    def look_round(self) -> None:
        """Called in every turn of the guard loop."""
        self.own_pulse.beat()
        if self.parent_pulse.is_frozen:
            crash("the parent stands still")
        for process in [*self.pool, self.monitor, self.pusher]:
            if process and process.is_alive() and self._pulses[process.pid].is_frozen:
                crash(f"process {process.pid} stands still")


class Turn:
    """Stands in for the statistics that django-q2 would write in every turn."""

    def __init__(self, sentinel: CrashOnlySentinel) -> None:
        self._sentinel = sentinel

    def save(self) -> None:
        self._sentinel.look_round()


def run(slot: str) -> None:
    """Run the cluster and its dispatcher until SIGTERM."""
    if os.getpgrp() != os.getpid():
        os.setpgrp()
    lock = _lock(slot)
    _give_way()
    os.environ["WORKER_SLOT"] = slot
    freed = mailbox.free(slot)
    logger.info("Worker %s starts; it freed %s leases", slot, freed)
    inbox.catch_up()
    connections.close_all()
    durability.relax()
    CrashOnlySentinel.parent = os.getpid()
    CrashOnlySentinel.parent_pulse, CrashOnlySentinel.own_pulse = Pulse(), Pulse()
    django_q_cluster.Sentinel, django_q_cluster.Stat = CrashOnlySentinel, Turn
    # What is there by now stays: looking through it for garbage takes a tenth of a second,
    # and would copy the memory that the processes share.
    gc.collect()
    gc.freeze()
    cluster = django_q_cluster.Cluster()
    cluster.start()
    threading.Thread(
        target=CrashOnlySentinel.parent_pulse.beat_for_ever, daemon=True
    ).start()
    housekeeping.start()
    _guard(cluster, dispatcher.start(slot), inbox.start())
    os.close(lock)


def _give_way() -> None:
    os.nice(NICE)
    slices.ask_for(SLICE)
    try:
        # Linux weighs sessions against each other first, and ours is one of its own.
        Path("/proc/self/autogroup").write_text(str(NICE))
    except OSError:
        pass  # a kernel without such groups


def _lock(slot: str) -> int:
    folder = Path(settings.RUN_DIR)
    folder.mkdir(parents=True, exist_ok=True)
    lock = os.open(folder / f"worker-{slot}.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        logger.warning("Another worker runs as %s; waiting until it has ended", slot)
        fcntl.flock(lock, fcntl.LOCK_EX)
    return lock


def _guard(
    cluster: django_q_cluster.Cluster,
    dispatch: dispatcher.Dispatcher,
    taker: inbox.Taker | None,
) -> None:
    sentinel = cluster.sentinel
    while sentinel.is_alive():
        time.sleep(0.5)
        if CrashOnlySentinel.own_pulse.is_frozen:
            crash("the sentinel stands still")
        if dispatch.is_stuck:
            crash("due conversations are not taken up")
        if taker and taker.is_stuck:
            crash("webhooks are not taken in")
    if not cluster.has_stopped:
        crash(f"the sentinel died with {sentinel.exitcode}")
