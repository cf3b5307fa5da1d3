"""Copies of an SQLite database."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from django.db import connection

from whatsapp_agent.operations.copies import NAMED, CopyError

SUFFIX = "sqlite3"
SIDES = ("-wal", "-shm")


def require() -> None:
    """Before anything is copied."""
    _path()


def copy_to(target: Path) -> Iterator[tuple[str, str]]:
    """In one step: so it is one moment of the database, and no writer waits for it.

    Return the files that the copy names.
    """
    with closing(_read_only(_path())) as source, closing(_open(target)) as copy:
        source.backup(copy)
        # One file, complete without a journal beside it.
        copy.execute("PRAGMA journal_mode = DELETE")
    return _named(target)


def _named(path: Path) -> Iterator[tuple[str, str]]:
    with closing(_read_only(path)) as copy:
        yield from copy.execute(NAMED)


def verify(path: Path) -> None:
    try:
        with closing(_read_only(path)) as copy:
            (found,) = copy.execute("PRAGMA integrity_check(1)").fetchone()
            copy.execute("SELECT 1 FROM conversations_message LIMIT 1")
    except sqlite3.DatabaseError as error:
        raise CopyError(f"{path} is no copy of our database: {error}.") from error
    if found != "ok":
        raise CopyError(f"{path} is damaged: {found}")


def users() -> str:
    """Who has it open, in a sentence; SQLite lets only the last one end its journal."""
    if not _path().exists():
        return ""
    try:
        with closing(_open(_path(), timeout=1)) as database:
            database.execute("PRAGMA journal_mode = DELETE")
    except sqlite3.OperationalError:
        return "The database is in use."
    except sqlite3.DatabaseError as error:
        return f"Whether the database is in use cannot be told, for {error}. --force?"
    return ""


def put_back(path: Path) -> str:
    """Change the files in one moment, and keep the old ones."""
    ours = _path()
    new = ours.with_name(f"{ours.name}.restoring")
    new.unlink(missing_ok=True)
    os.close(os.open(new, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    with closing(_read_only(path)) as source, closing(_open(new)) as target:
        source.backup(target)
    aside = ours.with_name(f"{ours.name}.before-{datetime.now(UTC):%Y%m%dT%H%M%SZ}")
    if ours.exists():
        os.link(ours, aside)
    for side in SIDES:
        # The old one's journal must not be taken for the new one's.
        if (journal := Path(f"{ours}{side}")).exists():
            journal.rename(f"{aside}{side}")
    new.replace(ours)
    return str(aside) if aside.exists() else ""


def _path() -> Path:
    if connection.is_in_memory_db():
        raise CopyError("A database in memory has no file.")
    return Path(connection.settings_dict["NAME"])


def _open(path: Path, timeout: float = 20) -> sqlite3.Connection:
    return sqlite3.connect(path, timeout=timeout, isolation_level=None)


def _read_only(path: Path) -> sqlite3.Connection:
    address = f"{path.absolute().as_uri()}?mode=ro"
    return sqlite3.connect(address, uri=True, timeout=20, isolation_level=None)
