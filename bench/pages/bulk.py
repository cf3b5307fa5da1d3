"""Rows by the million: plain SQL, with the defaults of the models."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache

from django.core.management.color import no_style
from django.db import connection
from django.db.models import Field, Max, Model

Row = dict[str, object]  # by column


@cache
def is_postgresql() -> bool:
    return connection.vendor == "postgresql"


def moment(seconds: float) -> object:
    """A time as the database keeps it."""
    at = datetime.fromtimestamp(seconds, UTC)
    return at if is_postgresql() else str(at.replace(tzinfo=None))


def insert(model: type[Model], rows: Iterable[Row]) -> None:
    columns = [field.column for field in model._meta.concrete_fields]
    values = _values(model, rows, _last_key(model))
    table = connection.ops.quote_name(model._meta.db_table)
    names = ", ".join(map(connection.ops.quote_name, columns))
    with connection.cursor() as cursor:
        if is_postgresql():
            with cursor.copy(f"COPY {table} ({names}) FROM STDIN") as copy:
                for row in values:
                    copy.write_row(row)
        else:
            marks = ", ".join(["%s"] * len(columns))
            cursor.executemany(
                f"INSERT INTO {table} ({names}) VALUES ({marks})", values
            )
        for statement in connection.ops.sequence_reset_sql(no_style(), [model]):
            cursor.execute(statement)


@contextmanager
def without_indexes() -> Iterator[None]:
    """SQLite builds one at once in a fraction of the time that it takes row by row."""
    with connection.cursor() as cursor:
        indexes = []
        if not is_postgresql():
            cursor.execute(
                "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql <> ''"
            )
            indexes = cursor.fetchall()
        for name, _ in indexes:
            cursor.execute(f'DROP INDEX "{name}"')
        yield
        for _, statement in indexes:
            cursor.execute(statement)


def _last_key(model: type[Model]) -> int:
    if model._meta.auto_field is None:
        return 0
    return model._base_manager.aggregate(last=Max("pk"))["last"] or 0


def _values(model: type[Model], rows: Iterable[Row], last: int) -> Iterator[tuple]:
    """While they are sent, the connection cannot be asked anything."""
    fields = model._meta.concrete_fields
    defaults = {field.column: _default(field) for field in fields}
    key = model._meta.pk.column
    for row in rows:
        full = defaults | row
        if model._meta.auto_field and full[key] is None:
            last += 1
            full[key] = last
        yield tuple(full.values())


def _default(field: Field) -> object:
    if getattr(field, "auto_now_add", False) or getattr(field, "auto_now", False):
        return None
    return field.get_db_prep_save(field.get_default(), connection)
