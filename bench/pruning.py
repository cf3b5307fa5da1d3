"""Prune a large database while webhooks come in: how long does either hold up the other?"""

import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from bench import large
from bench.large import ROOT, Deliveries, environment, manage, missing, serving
from bench.systems import free_port

ALONE_SECONDS = 10
KEEP = """
from conversations.models import AgentSettings
AgentSettings.objects.filter(pk=1).update(keep_texts=1, keep_prompts=1)
"""


@dataclass(frozen=True)
class Pruned:
    told: str  # by the command
    seconds: float
    alone: list[float]  # seconds of each webhook's answer, without and with the pruning
    beside: list[float]
    deliveries: Deliveries
    lost: set[str]

    def __str__(self) -> str:
        made = self.deliveries
        return (
            f"{self.told}It took {self.seconds:.0f} s.\n"
            f"Webhooks before: {_spread(self.alone)}\n"
            f"Webhooks meanwhile: {_spread(self.beside)}\n"
            f"Answered otherwise: {dict(made.refused) or 'none'}. Lost: {len(self.lost)}."
        )


def run(database: Path, rate: float = 20, seconds: float = 600) -> Pruned:
    manage(database, "migrate", "--verbosity=0")
    manage(database, "shell", "-v0", "-c", KEEP)
    port = free_port()
    made = Deliveries(f"http://127.0.0.1:{port}/api/webhook/evolution", rate)
    with serving(port, environment(database), ROOT):
        made.start()
        time.sleep(ALONE_SECONDS)
        before = len(made.seconds)
        started_at = time.monotonic()
        told = _prune(database, seconds)
        took = time.monotonic() - started_at
        after = len(made.seconds)
        made.stop()
    lost = missing(database, made.stored)
    alone, beside = made.seconds[:before], made.seconds[before:after]
    return Pruned(told, took, alone, beside, made, lost)


def _prune(database: Path, seconds: float) -> str:
    command = [sys.executable, "manage.py", "prune"]
    try:
        told = subprocess.run(
            command,
            cwd=ROOT,
            env=environment(database),
            check=True,
            stdout=subprocess.PIPE,
            text=True,
            timeout=seconds,
        )
    except subprocess.TimeoutExpired:
        return "Broken off. "
    return told.stdout


def _spread(seconds: list[float]) -> str:
    hundredths = statistics.quantiles(seconds, n=100)
    return (
        f"p50 {1000 * hundredths[49]:.1f} ms, p99 {1000 * hundredths[98]:.1f} ms,"
        f" longest {1000 * max(seconds):.1f} ms, of {len(seconds)}"
    )


def main() -> None:
    parser = large.arguments("python -m bench.pruning", __doc__)
    parser.add_argument("--seconds", type=float, default=600, help="Then break it off.")
    options = parser.parse_args()
    with large.database(options) as database:
        print(run(database, options.rate, options.seconds))


if __name__ == "__main__":
    main()
