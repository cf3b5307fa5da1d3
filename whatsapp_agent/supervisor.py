"""Keeps a few processes running: starts them anew when they die, ends them together."""

import ctypes
import os
import signal
import subprocess
import time

_PR_SET_PDEATHSIG = 1


def die_with_parent() -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


class Supervisor:
    """`commands` by name. Each runs in a process group of its own."""

    def __init__(
        self, commands: dict[str, list[str]], stop_timeout: float = 90
    ) -> None:
        self._commands = commands
        self._stop_timeout = stop_timeout
        self._running: dict[str, subprocess.Popen] = {}
        self._is_stopping = False

    def run(self) -> None:
        """Supervise until SIGTERM or SIGINT."""
        signal.signal(signal.SIGTERM, self._stop)
        signal.signal(signal.SIGINT, self._stop)
        for name in self._commands:
            self._start(name)
        while not self._is_stopping:
            time.sleep(0.2)
            for name, process in self._running.items():
                if process.poll() is not None and not self._is_stopping:
                    self._kill_group(process)  # what the dead one left behind
                    time.sleep(0.5)
                    self._start(name)
        self._end_all()

    def _start(self, name: str) -> None:
        self._running[name] = subprocess.Popen(
            self._commands[name],
            env={**os.environ, "SUPERVISED": "1"},
            start_new_session=True,
            preexec_fn=die_with_parent,
        )

    def _stop(self, signum: int, frame: object) -> None:
        self._is_stopping = True

    def _end_all(self) -> None:
        for process in self._running.values():
            process.terminate()
        deadline = time.monotonic() + self._stop_timeout
        for process in self._running.values():
            try:
                process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                pass
            self._kill_group(process)

    def _kill_group(self, process: subprocess.Popen) -> None:
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
