"""Prove that nothing is lost and nothing is said twice, whatever is killed.

Web, worker, their supervisor, a bridge and a model run as real processes and sockets;
any process is killed or frozen at random while people write. Then what people saw is
compared with what they should have seen. Two controls must fail: one that sends again
without looking, and a stock qcluster.
"""

import argparse
import os
import signal
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

import django

from bench.torture import hosts

# What each control has to show.
EXPECTED = {"blind": "doubled", "qcluster": "without outcome"}


def read_options(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench.torture", description=__doc__
    )
    parser.add_argument("--messages", type=int, default=4000, help="Altogether.")
    parser.add_argument("--conversations", type=int, default=200)
    parser.add_argument(
        "--mix",
        type=float,
        default=1,
        help="How much of all that is not a text, as in plot.py; 0: texts alone.",
    )
    parser.add_argument("--rate", type=float, default=25, help="Messages a second.")
    parser.add_argument("--database", choices=["sqlite", "postgres"], default="sqlite")
    parser.add_argument("--broker", choices=["orm", "redis"], default="orm")
    parser.add_argument(
        "--hosts", type=int, default=1, help="More than one are network namespaces."
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--seconds-between-kills", type=float, nargs=2, default=[1.5, 3.0]
    )
    parser.add_argument(
        "--send-timeout", type=float, default=2, help="70 in production."
    )
    parser.add_argument(
        "--patience", type=float, default=400, help="Seconds to settle at the end."
    )
    parser.add_argument(
        "--control",
        choices=["none", "blind", "qcluster"],
        help="One run only: without, or with, what must make it fail.",
    )
    parser.add_argument("--short", action="store_true", help="200 messages.")
    options = parser.parse_args(arguments)
    if options.short:
        options.messages, options.conversations = 200, 40
    if options.hosts > 1 and options.database == "sqlite":
        parser.error("Several hosts need PostgreSQL.")
    return options


def run_all(options: argparse.Namespace, arguments: list[str]) -> int:
    """The run that must be OK, and the controls, which must not."""
    smaller = ["--conversations", "60", "--messages", "300", "--patience", "45"]
    runs = {"none": [], "blind": smaller, "qcluster": smaller}
    verdicts = {}
    for control, extra in runs.items():
        command = [sys.executable, "-m", "bench.torture", *arguments, *extra]
        verdicts[control] = subprocess.run([*command, "--control", control]).returncode
    is_proved = verdicts["none"] == 0 and verdicts["blind"] == verdicts["qcluster"] == 1
    for control, code in verdicts.items():
        name = "main run" if control == "none" else f"control {control}"
        print(
            f"{name:>18}: {'OK' if code == 0 else 'VIOLATIONS' if code == 1 else 'BROKEN'}"
        )
    print(f"{'':>18}  {'PROVED' if is_proved else 'NOT PROVED'}")
    return 0 if is_proved else 1


def run_one(options: argparse.Namespace) -> int:
    options.control = "" if options.control == "none" else options.control
    options.folder = Path(tempfile.mkdtemp(prefix="torture-"))
    with ExitStack() as stack:
        machines = stack.enter_context(hosts.namespaces(options.hosts))
        address = hosts.GATEWAY if options.hosts > 1 else hosts.LOCAL
        database, redis = f"sqlite:///{options.folder / 'db.sqlite3'}", ""
        if options.database == "postgres":
            database = stack.enter_context(hosts.postgres(options.folder, address))
        if options.broker == "redis":
            redis = stack.enter_context(hosts.redis(options.folder, address))
        return _run_on(machines, database, redis, options)


def _run_on(
    machines: list[hosts.Host], database: str, redis: str, options: argparse.Namespace
) -> int:
    os.environ.update(
        SECRET_KEY="only-for-tests-" + "0" * 50,
        DATABASE_URL=database,
        REDIS_URL=redis,
        MEDIA_ROOT=str(options.folder / "media"),
        SANDBOX="0",
        DJANGO_SETTINGS_MODULE="whatsapp_agent.settings",
        LOG_LEVEL="WARNING",
    )
    django.setup()
    from bench.torture.report import show
    from bench.torture.trial import Trial

    trial = Trial(options, machines)
    verdict = trial.run()
    show(trial, verdict)
    if options.control:
        return 1 if verdict.violations[EXPECTED[options.control]] else 0
    return 0 if verdict else 1


def main() -> int:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # and clean up
    options = read_options()
    return run_one(options) if options.control else run_all(options, sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
