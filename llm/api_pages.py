"""Pages of long lists, newest first, at a cost that does not grow with the list.

A page goes on after the last row of the one before it, whatever was added meanwhile.
Filters look at a limited stretch of rows at a time: a page may hold fewer rows than asked
for, even none, and there is more as long as it names the next one.
"""

import base64
import json
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar

from django.db.models import Q, QuerySet
from ninja import Schema
from ninja.errors import HttpError
from pydantic import Field

LOOKED_AT = 5_000  # rows for one page

T = TypeVar("T")


class Page(Schema, Generic[T]):
    items: list[T]
    next: str | None = Field(
        description="The cursor of the next page, if there is one."
    )


class Paging(Schema):
    cursor: str = Field("", max_length=200, description="`next` of the page before.")
    limit: int = Field(50, ge=1, le=200)


def page(
    rows: QuerySet,
    keys: list[str],
    paging: Paging,
    filters: dict,
    after: int | None = None,
) -> dict:
    """Of rows that an index holds in the order of the keys, the last of them unique."""
    rows = rows.order_by(*(f"-{key}" for key in keys))
    if paging.cursor:
        rows = rows.filter(_beyond(keys, _read(paging.cursor, keys), "lt", "lt"))
    end = Q(pk__gt=after) if after else Q()
    wanted = {name: value for name, value in filters.items() if value is not None}
    edge = None
    if wanted:
        reach = rows.filter(end).values_list(*keys)[LOOKED_AT - 1 : LOOKED_AT]
        if edge := next(iter(reach), None):
            # Instead of the other end: SQLite searches by one of the two, not the nearer.
            end = _beyond(keys, edge, "gt", "gte")
    found = list(rows.filter(end, **wanted)[: paging.limit + 1])
    if len(found) > paging.limit:
        found.pop()
        edge = [getattr(found[-1], key) for key in keys]
    return {"items": found, "next": _write(edge) if edge else None}


def _beyond(keys: list[str], values: Any, side: str, end: str) -> Q:
    """The rows on that side of the values, told apart at the last key as `end` says."""
    if len(keys) == 1:
        return Q(**{f"{keys[0]}__{end}": values[0]})
    rest = _beyond(keys[1:], values[1:], side, end)
    # The first part alone is what the index is searched by.
    return Q(**{f"{keys[0]}__{side}e": values[0]}) & (
        Q(**{f"{keys[0]}__{side}": values[0]}) | rest
    )


def _write(values: Any) -> str:
    plain = [one.isoformat() if isinstance(one, datetime) else one for one in values]
    return base64.urlsafe_b64encode(json.dumps(plain).encode()).decode()


def _read(cursor: str, keys: list[str]) -> list:
    try:
        values = json.loads(base64.urlsafe_b64decode(cursor))
        if not isinstance(values, list) or len(values) != len(keys):
            raise ValueError
        return [_value(one) for one in values]
    except (ValueError, OverflowError, RecursionError) as error:
        raise HttpError(400, "This cursor is not one of ours.") from error


def _value(plain: Any) -> int | datetime:
    if isinstance(plain, str):
        return datetime.fromisoformat(plain).astimezone(UTC)
    if type(plain) is int and 0 < plain < 2**63:
        return plain
    raise ValueError(plain)
