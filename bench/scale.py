"""`make bench-scale`: what another worker adds, on SQLite, PostgreSQL and with Redis.

Each worker stands for a host: all share one database and one queue. The model takes
seconds, as long answers do, so that waiting for it limits, not this machine's processor.
Needs BENCH_POSTGRES_URL, of an empty database that is emptied again, and BENCH_REDIS_URL.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import django
import psycopg

from bench import load, measures, report
from bench.systems import SECRET, Workshop, free_port, wait_for, workshop

MODEL_SECONDS = 5
MESSAGES = 200
PATIENCE = 240


@dataclass(frozen=True)
class Setup:
    name: str
    postgres: str
    redis: str
    webs: int
    workers: int


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.scale", description=__doc__)
    parser.parse_args()
    postgres, redis = os.environ["BENCH_POSTGRES_URL"], os.environ["BENCH_REDIS_URL"]
    setups = [
        Setup("SQLite", "", "", 1, 1),
        Setup("PostgreSQL", postgres, "", 1, 1),
        Setup("PostgreSQL, Redis", postgres, redis, 1, 1),
        Setup("PostgreSQL, Redis", postgres, redis, 2, 2),
        Setup("PostgreSQL, Redis", postgres, redis, 2, 3),
    ]
    for name, value in report.facts().items():
        print(f"{name}: {value}")
    print(
        f"{MESSAGES} messages at once, half in groups, {MODEL_SECONDS} s a model call"
    )
    with tempfile.TemporaryDirectory() as folder, workshop(Path(folder)) as shop:
        os.environ.update(shop.environment)
        django.setup()
        shop.prepare()
        first = None
        for setup in setups:
            rate = _rate(shop, setup)
            first = first or rate
            hosts = f"{setup.webs} web, {setup.workers} worker"
            print(f"{setup.name:20} {hosts:16} {rate:5.1f} /s  {rate / first:4.1f} x")


def _rate(shop: Workshop, setup: Setup) -> float:
    """Messages answered a second, all asked at once, at all web hosts in turn."""
    shop.standins.reset(delay=MODEL_SECONDS)
    bodies = measures.questions(MESSAGES)
    with _running(shop, setup) as urls:
        started_at = time.monotonic()
        for number, url in enumerate(urls):
            mine = bodies[number :: len(urls)]
            answered = load.at_rate(url, SECRET, mine, rate=1000)
            measures.expect_answers(answered)
        measures.wait_until(lambda: len(shop.standins.sent) >= MESSAGES, PATIENCE)
        last = max(at for _, at in shop.standins.sent)
    return MESSAGES / (last - started_at)


@contextmanager
def _running(shop: Workshop, setup: Setup) -> Iterator[list[str]]:
    extra = {"REDIS_URL": setup.redis}
    if setup.postgres:
        extra["DATABASE_URL"] = setup.postgres
        _empty(setup.postgres)
        subprocess.run(
            [sys.executable, "-m", "bench.prepare"],
            env={**shop.environment, **extra},
            check=True,
        )
    ports = [free_port() for _ in range(setup.webs)]
    with shop.hosts(ports, setup.workers, extra):
        for port in ports:
            wait_for(port)
        time.sleep(3)  # the workers are up
        yield [f"http://127.0.0.1:{port}/api/webhook/evolution" for port in ports]


def _empty(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("DROP SCHEMA public CASCADE")
        connection.execute("CREATE SCHEMA public")


if __name__ == "__main__":
    main()
