"""What a message costs: processor time of each part, at rest and at a steady rate.

Every message is asked in a chat of its own, half of them in groups (which ask the model
twice), and is answered; model and bridge answer at once.
"""

import argparse
import os
import tempfile
import time
from pathlib import Path

import django
import psutil

from bench import load, measures, report
from bench.systems import SECRET, System, workshop

REST_SECONDS = 10
RATE, SECONDS = 20, 15
SETTLING = 3


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.cost", description=__doc__)
    parser.parse_args()
    for name, value in report.facts().items():
        print(f"{name}: {value}")
    with tempfile.TemporaryDirectory() as folder, workshop(Path(folder)) as shop:
        os.environ.update(shop.environment)
        django.setup()
        shop.prepare()
        with shop.product() as system:
            time.sleep(SETTLING)
            before = _spent(system)
            time.sleep(REST_SECONDS)
            at_rest = {
                part: (now - before[part]) / REST_SECONDS
                for part, now in _spent(system).items()
            }
            before = _spent(system)
            bodies = measures.questions(RATE * SECONDS)
            shop.standins.reset(delay=0)
            measures.expect_answers(load.at_rate(system.url, SECRET, bodies, RATE))
            measures.wait_until(lambda: len(shop.standins.sent) >= len(bodies))
            time.sleep(1)
            spent = _spent(system)
    for part, seconds in at_rest.items():
        used = spent[part] - before[part] - seconds * SECONDS
        each = 1000 * used / len(bodies)
        print(
            f"{part:>26}: {100 * seconds:.1f} % of a core at rest, {each:.2f} ms a message"
        )


def _spent(system: System) -> dict[str, float]:
    """Seconds of processor time so far, by part."""
    web, worker = (psutil.Process(process.pid) for process in system.processes)
    return {
        "web": _of(web, *web.children(recursive=True)),
        "taking in and dispatching": _of(worker),
        "answering": _of(*worker.children(recursive=True)),
    }


def _of(*processes: psutil.Process) -> float:
    return sum(sum(process.cpu_times()[:2]) for process in processes)


if __name__ == "__main__":
    main()
