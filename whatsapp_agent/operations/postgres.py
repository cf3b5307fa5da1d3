"""Copies of a PostgreSQL database, by its own tools."""

import os
import shutil
import subprocess
from pathlib import Path

from django.db import connection, transaction

from whatsapp_agent.operations.copies import NAMED, CopyError

SUFFIX = "dump"
TOOLS = "Install PostgreSQL's client tools of the server's version (postgresql-client)."
# Of what it is to be restored to, as the tools want it: the password in no command line.
NAMES = {
    "HOST": "PGHOST",
    "PORT": "PGPORT",
    "USER": "PGUSER",
    "PASSWORD": "PGPASSWORD",
    "NAME": "PGDATABASE",
}


def require() -> None:
    """Before anything is copied."""
    if not shutil.which("pg_dump"):
        raise CopyError(f"pg_dump is not installed. {TOOLS}")


def copy_to(target: Path) -> list[tuple[str, str]]:
    """Return the files that the copy names: both are of one moment."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        cursor.execute("SELECT pg_export_snapshot()")
        snapshot = f"--snapshot={cursor.fetchone()[0]}"
        _dump(target, snapshot)
        cursor.execute(NAMED)
        return cursor.fetchall()


def _dump(target: Path, *options: str) -> None:
    _run("pg_dump", "--format=custom", "--no-owner", f"--file={target}", *options)


def verify(path: Path) -> None:
    listed = _run("pg_restore", "--list", str(path))
    if " conversations_message " not in listed:
        raise CopyError(f"{path} is no copy of our database.")


def users() -> str:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        found = cursor.fetchone()[0]
    connection.close()
    return f"The database is in use by {found} connections." if found else ""


def put_back(path: Path) -> str:
    """In one transaction; what was there before is kept as a copy beside."""
    aside = path.with_name(f"{path.stem}-replaced.{SUFFIX}")
    os.close(os.open(aside, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600))
    _dump(aside)
    _run(
        *("pg_restore", "--clean", "--if-exists", "--no-owner", "--exit-on-error"),
        *("--single-transaction", f"--dbname={connection.settings_dict['NAME']}"),
        str(path),
    )
    return str(aside)


def _run(*command: str) -> str:
    try:
        done = subprocess.run(
            command, env=_environment(), capture_output=True, text=True, check=False
        )
    except FileNotFoundError as error:
        raise CopyError(f"{command[0]} is not installed. {TOOLS}") from error
    if done.returncode:
        raise CopyError(f"{command[0]} failed: {done.stderr.strip()[:500]}")
    return done.stdout


def _environment() -> dict[str, str]:
    values = connection.settings_dict
    given = {ours: str(values[name]) for name, ours in NAMES.items() if values[name]}
    options = values.get("OPTIONS", {})
    if mode := options.get("sslmode"):
        given["PGSSLMODE"] = mode
    return {**os.environ, **given}
