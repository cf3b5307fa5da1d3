import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.management import call_command
from django.db import connection

ROOT = Path(__file__).parents[2]


def load(expression: str, **environment: str) -> subprocess.CompletedProcess:
    """Evaluate an expression over fresh settings, without .env."""
    code = (
        "import dotenv; dotenv.load_dotenv = lambda *args: None;"
        f"from whatsapp_agent import settings as s; print({expression})"
    )
    kept = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [sys.executable, "-c", code],
        env={**kept, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def value(expression: str, **environment: str) -> str:
    return load(expression, SECRET_KEY="x" * 50, **environment).stdout.strip()


def test_there_is_no_default_secret_key():
    result = load("s.SECRET_KEY")

    assert result.returncode
    assert "SECRET_KEY is not set" in result.stderr


def test_debugging_needs_no_secret_key():
    assert load("s.SECRET_KEY", DEBUG="1").returncode == 0


def test_the_sandbox_stands_in_only_where_no_bridge_is_configured():
    assert value("s.SANDBOX, s.EVOLUTION_URL") == "True http://127.0.0.1:9209"
    assert value("s.SANDBOX", EVOLUTION_URL="http://bridge") == "False"


def test_https_makes_cookies_secure():
    expression = (
        "s.SESSION_COOKIE_SECURE, s.CSRF_COOKIE_SECURE, s.SECURE_HSTS_SECONDS > 0"
    )

    assert value(expression, SITE_URL="https://a.example") == "True True True"
    assert value(expression) == "False False False"


@pytest.mark.parametrize(("mode", "waits"), [("FULL", "True"), ("NORMAL", "False")])
def test_sqlite_is_as_durable_as_configured(mode, waits):
    database = "s.DATABASES['default']"

    assert value(f"{database}['WAITS_FOR_DISK']", SQLITE_SYNCHRONOUS=mode) == waits
    assert "journal_mode=WAL" in value(f"{database}['OPTIONS']['init_command']")


def test_redis_takes_the_wake_ups_by_one_setting():
    assert value("'orm' in s.Q_CLUSTER") == "True"
    assert value("s.Q_CLUSTER['redis']", REDIS_URL="redis://r") == "redis://r"


@pytest.mark.django_db
def test_migrations_are_complete():
    call_command("makemigrations", check=True, dry_run=True, verbosity=0)


@pytest.mark.django_db
@pytest.mark.sqlite
def test_transactions_take_the_write_lock_up_front():
    assert connection.transaction_mode == "IMMEDIATE"
