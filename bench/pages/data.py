"""Make a database as large as after half a year in a busy place.

The rows are the same for the same seed and numbers, but for their times: the last
day ends now, unless told otherwise.
"""

import argparse
import os
import time
from random import Random

import django
from django.core.management import call_command
from django.db import connection, transaction

from bench.pages.chats import Chats, Size
from bench.pages.words import Writer

SETTINGS = {
    "DJANGO_SETTINGS_MODULE": "whatsapp_agent.settings",
    "SECRET_KEY": "only-for-the-benchmark" * 3,
    "WEBHOOK_SECRET": "only-for-the-benchmark" * 3,
    "SITE_URL": "http://localhost:9208",
    "EVOLUTION_URL": "http://127.0.0.1:9",
    "EVOLUTION_API_KEY": "global-key",
    "SANDBOX": "0",
    "DEBUG": "0",
    "REDIS_URL": "",
    "LOG_LEVEL": "ERROR",
}


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m bench.pages.data", description=__doc__
    )
    parser.add_argument("--messages", type=int, default=Size.messages)
    parser.add_argument("--decisions", type=int, default=Size.decisions)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "path", help="Of the SQLite file to make, or the URL of an empty database."
    )
    options = parser.parse_args()
    url = options.path if "://" in options.path else f"sqlite:///{options.path}"
    os.environ.update(SETTINGS, DATABASE_URL=url)
    django.setup()
    started_at = time.monotonic()
    make(Size(options.messages, options.decisions), options.seed)
    print(f"{url}: {time.monotonic() - started_at:.0f} s")


def make(size: Size, seed: int = 1, until: float | None = None) -> None:
    call_command("migrate", verbosity=0)
    # A half-made database is thrown away: nothing has to survive a crash.
    _tell_sqlite("synchronous=OFF", "journal_mode=MEMORY", "cache_size=-300000")
    # Messages come before the chats that they make.
    with connection.constraint_checks_disabled():
        fill(size, Random(seed), until or time.time())
    _tell_sqlite("journal_mode=WAL")
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("ANALYZE")  # as autovacuum would have


def fill(size: Size, random: Random, until: float) -> None:
    from bench.pages import surroundings
    from bench.pages.bulk import insert, without_indexes
    from conversations.models import Contact, Conversation, Message
    from llm.models import Decision

    writer = Writer(random)
    chats = Chats(size, random, writer, until)
    with transaction.atomic(), without_indexes():
        surroundings.make_staff()
        insert(Contact, chats.contacts())
        insert(Message, chats.messages())
        insert(Conversation, chats.conversations())
        insert(Decision, chats.decisions)
        insert(Decision.messages.through, chats.judged)
        surroundings.fill(size, random, writer, until)


def _tell_sqlite(*pragmas: str) -> None:
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            for pragma in pragmas:
                cursor.execute(f"PRAGMA {pragma}")


if __name__ == "__main__":
    main()
