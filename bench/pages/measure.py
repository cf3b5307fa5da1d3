"""Open every page of one database many times; each goes out as a line of JSON."""

import argparse
import json
import logging
import math
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from statistics import median

import django

SLOW_SECONDS, RUNS_OF_SLOW = 0.5, 3
EXPLAINED_SECONDS = 0.02


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=15)
    parser.add_argument("--only", default="")
    options = parser.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "whatsapp_agent.settings")
    django.setup()
    logging.disable(logging.WARNING)  # pages that are not open are no news
    for page in measure(options.runs, options.only):
        print(json.dumps(page), flush=True)


def measure(runs: int, only: str = "", follows: bool = True) -> Iterator[dict]:
    from django.contrib.auth.models import User
    from django.test import Client

    from bench.pages.crawl import Crawl
    from conversations.models import AgentSettings

    # Their second of freshness would count as a query now and then.
    AgentSettings.FRESH_SECONDS = math.inf
    client = Client(HTTP_HOST="localhost", raise_request_exception=False)
    client.force_login(User.objects.get(username="root"))
    crawl = Crawl(client, only, follows)
    for page in crawl.pages():
        yield {"label": page.label, **_measure_page(page, client, runs)}
    for label, status in crawl.left_out.items():
        yield {"label": label, "left_out": status}


def _measure_page(page, client, runs: int) -> dict:
    first = _open(page, client)
    queries = _queries(page, client)
    is_slow = first.seconds > SLOW_SECONDS
    opened = [_open(page, client) for _ in range(RUNS_OF_SLOW if is_slow else runs)]
    times = sorted(one.seconds for one in opened)
    slow = [query for query in queries if query[0] >= EXPLAINED_SECONDS]
    return {
        "url": page.url,
        "status": first.status,
        "bytes": first.size,
        "queries": len(queries),
        "median": median(times),
        "p95": times[math.ceil(0.95 * len(times)) - 1],
        "cpu": median(one.cpu_seconds for one in opened),
        "slow_queries": [_explained(*query) for query in slow],
    }


@dataclass(frozen=True)
class Opened:
    seconds: float
    cpu_seconds: float  # what other programs do meanwhile does not count
    status: int
    size: int


def _open(page, client) -> Opened:
    started_at, cpu_before = time.perf_counter(), time.thread_time()
    response = page.open(client)
    body = b"".join(response) if response.streaming else response.content
    return Opened(
        time.perf_counter() - started_at,
        time.thread_time() - cpu_before,
        response.status_code,
        len(body),
    )


def _queries(page, client) -> list[tuple[float, str, tuple]]:
    """How long each took, the statement, and its parameters."""
    from django.db import connection

    found = []

    def noting(execute, sql, params, many, context):
        started_at = time.perf_counter()
        try:
            return execute(sql, params, many, context)
        finally:
            found.append((time.perf_counter() - started_at, sql, params))

    with connection.execute_wrapper(noting):
        _open(page, client)
    return found


def _explained(seconds: float, sql: str, params: tuple) -> dict:
    """With the parameters apart, as they are sent: SQLite plans otherwise for values."""
    from django.db import connection

    word = "EXPLAIN QUERY PLAN" if connection.vendor == "sqlite" else "EXPLAIN"
    plan = []
    if sql.lstrip().startswith(("SELECT", "WITH")):
        with connection.cursor() as cursor:
            cursor.execute(f"{word} {sql}", params)
            plan = [str(row[-1]) for row in cursor.fetchall()]
    return {"seconds": seconds, "sql": sql, "params": repr(params)[:300], "plan": plan}


if __name__ == "__main__":
    main()
