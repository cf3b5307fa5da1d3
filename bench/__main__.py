"""`make bench`: the product beside what one would otherwise have, on this machine, now."""

import argparse
import os
import signal
import sys
import tempfile
import time
from pathlib import Path

import django

from bench import measures, prepare, report
from bench.systems import Workshop, workshop

# So many keep the baseline busy for 15 s; its rate does not depend on their number.
BASELINE_MESSAGES, PRODUCT_MESSAGES = 60, 300


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    # Leave nothing running, also when somebody ends this early.
    signal.signal(signal.SIGTERM, lambda signum, frame: sys.exit(1))
    machine = report.facts()
    print(*(f"{name}: {value}" for name, value in machine.items()), sep="\n")
    with tempfile.TemporaryDirectory() as folder, workshop(Path(folder)) as shop:
        os.environ.update(shop.environment)
        django.setup()
        shop.prepare()
        done = [_round(shop, number) for number in range(1, rounds + 1)]
    found = report.rows(done)
    print("", report.table(found), "", sep="\n")
    print(
        "Medians of the rounds [lowest..highest]:", report.write(machine, done, found)
    )


def _round(shop: Workshop, number: int) -> report.Round:
    started_at = time.monotonic()
    found = {
        "baseline": _baseline(shop),
        "product": _product(shop),
        "empty": _empty(shop),
    }
    found["product"] |= _intake(shop)
    seconds = time.monotonic() - started_at
    print(f"\nround {number}, {seconds:.0f} s", flush=True)
    for name, values in found.items():
        shown = ", ".join(f"{key} {value:.1f}" for key, value in values.items())
        print(f"  {name}: {shown}", flush=True)
    return found


def _baseline(shop: Workshop) -> dict[str, float]:
    with shop.baseline() as system:
        return {
            **measures.reply_time(system, shop.standins, wait=0),
            **measures.acknowledgement(system, shop.standins),
            "slow_model": measures.slow_model(system, shop.standins, BASELINE_MESSAGES),
            "megabytes": system.megabytes,
        }


def _product(shop: Workshop) -> dict[str, float]:
    with shop.product() as system:
        return {
            **measures.reply_time(system, shop.standins, wait=prepare.BURST_WAIT),
            **measures.acknowledgement(system, shop.standins),
            "slow_model": measures.slow_model(system, shop.standins, PRODUCT_MESSAGES),
            "megabytes": system.megabytes,
        }


def _intake(shop: Workshop) -> dict[str, float]:
    """Beside the worker, which stores and answers what comes."""
    with shop.product() as system:
        return {
            "intake": measures.intake(system),
            "storing": measures.storing(system),
        }


def _empty(shop: Workshop) -> dict[str, float]:
    """As any view is called, and as straight as a webhook's."""
    with shop.empty_view() as system:
        intake = measures.intake(system)
    with shop.empty_view("api/webhook/empty") as system:
        return {"intake": intake, "straight": measures.intake(system)}


if __name__ == "__main__":
    main()
