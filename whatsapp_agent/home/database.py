"""Whether the database is fit for work. Asks nothing outside of it."""

import os
from functools import cache

from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.utils.translation import gettext as _


def problem() -> str:
    """What is wrong with it, as a sentence, or ""."""
    if connection.vendor == "sqlite":
        trouble = _sqlite_problem(str(connection.settings_dict["NAME"]))
    else:
        trouble = _server_problem()
    return trouble or _migrations_problem()


def _sqlite_problem(path: str) -> str:
    if connection.is_in_memory_db():
        return ""
    if not (os.access(path, os.W_OK) and os.access(os.path.dirname(path), os.W_OK)):
        return _("%(path)s and its folder must be writable.") % {"path": path}
    mode = _ask("PRAGMA journal_mode")
    if mode != "wal":
        return _("SQLite's journal is %(mode)s, not WAL.") % {"mode": mode}
    return ""


def _server_problem() -> str:
    is_read_only = _ask("SHOW transaction_read_only") == "on"
    return _("The database is read-only.") if is_read_only else ""


def _migrations_problem() -> str:
    try:
        _require_migrations()
    except MissingMigrations:
        return _("Migrations are missing. Run: manage.py migrate")
    return ""


class MissingMigrations(Exception):
    pass


# What was applied stays so while this process runs; an exception is not cached.
@cache
def _require_migrations() -> None:
    executor = MigrationExecutor(connection)
    if executor.migration_plan(executor.loader.graph.leaf_nodes()):
        raise MissingMigrations


def _ask(question: str) -> str:
    with connection.cursor() as cursor:
        cursor.execute(question)
        return cursor.fetchone()[0]
