"""`make bench-economy`: how many model calls the gates save in busy groups.

Real group chats are replayed with their clock through the product, one database for
each process. Beside it stands what judging every message would take.
"""

import argparse
import os
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from bench.economy import chats, report
from bench.economy.tally import Tally
from bench.systems import SECRET

NO_BUDGETS = {
    "unprompted_gap": 0,
    "unprompted_per_hour": 100_000,
    "unprompted_per_day": 100_000,
    "replies_per_minute": 100_000,
    "replies_per_hour": 100_000,
}
LONGER_WAIT = {"group_wait": 15, "longest_wait": 45}
VARIANTS = {
    "as installed": {},
    "without budgets": NO_BUDGETS,
    "waiting 15 s": LONGER_WAIT,
    "waiting 15 s, without budgets": {**LONGER_WAIT, **NO_BUDGETS},
}


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m bench.economy", description=__doc__
    )
    parser.add_argument("chats", nargs="*", default=chats.names(), help="Only these.")
    names = parser.parse_args().chats
    started_at = time.monotonic()
    with (
        tempfile.TemporaryDirectory() as folder,
        ProcessPoolExecutor(initializer=_prepare, initargs=(folder,)) as pool,
    ):
        found = {variant: {} for variant in VARIANTS}
        tasks = [(variant, name) for variant in VARIANTS for name in names]
        for (variant, name), one in zip(tasks, pool.map(_play, tasks), strict=True):
            found[variant][name] = one
            print(f"{variant}, {name}: {one.saved:.0%}", file=sys.stderr, flush=True)
    _print(found, time.monotonic() - started_at)


def _prepare(folder: str) -> None:
    os.environ.update(
        DJANGO_SETTINGS_MODULE="whatsapp_agent.settings",
        SECRET_KEY=SECRET,
        WEBHOOK_SECRET=SECRET,
        DATABASE_URL=f"sqlite:///{Path(folder) / str(os.getpid())}.sqlite3",
        SQLITE_SYNCHRONOUS="NORMAL",
        REDIS_URL="",
        LOG_LEVEL="ERROR",
    )
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", verbosity=0)


def _play(task: tuple[str, str]) -> Tally:
    from bench.economy.counting import count
    from bench.economy.replay import replay
    from conversations.models import Conversation

    variant, name = task
    chat = chats.load(name)
    Conversation.objects.all().delete()
    return count(chat, replay(chat, **VARIANTS[variant]))


def _print(found: dict, seconds: float) -> None:
    first = found["as installed"]
    busy = report.busy(first)
    everything = {variant: sum(one.values(), Tally()) for variant, one in found.items()}
    print(report.chats(first), "", report.reasons(everything), "", sep="\n")
    if busy.messages:
        met = "met" if busy.saved >= report.TARGET else "NOT MET"
        print(f"In busy groups {busy.saved:.0%} fewer model calls: at least {report.TARGET:.0%} is {met}.")  # fmt: skip
    print(f"{seconds:.0f} s")


if __name__ == "__main__":
    main()
