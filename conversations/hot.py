"""The statements that every message and every reply run through, written by hand.

Django needs about a millisecond to put one together, which came to three times what
storing a message costs. What they return are the models; fields not read are deferred.
"""

from collections.abc import Callable
from datetime import datetime
from functools import cache
from types import NoneType
from typing import TypeVar

from django.db import connection, models

from conversations.models import Contact, Conversation, Message
from conversations.whatsapp import Address

Value = int | str | datetime | None
Row = TypeVar("Row", bound=models.Model)

# What storing a message looks at.
_READ = "id, name, last_message_at, taken_over_until, due_at"


def contacts(address: Address) -> list[Contact]:
    """Those who have one of the addresses."""
    # Nothing equals NULL: an address that is not known finds nobody.
    return select(
        Contact,
        "SELECT id, phone_jid, lid, name, access, may_command FROM conversations_contact"
        " WHERE phone_jid = %s OR lid = %s",
        address.phone_jid or None,
        address.lid or None,
    )


def group(instance: str, jid: str) -> Conversation | None:
    """The conversation of a group, locked."""
    return _conversation("jid", instance, jid)


def direct(instance: str, contact: Contact) -> Conversation | None:
    """The conversation with a contact, locked."""
    return _conversation("contact_id", instance, contact.pk)


def _conversation(column: str, instance: str, value: str | int) -> Conversation | None:
    lock = "FOR UPDATE" if connection.features.has_select_for_update else ""
    found = select(
        Conversation,
        f"SELECT {_READ} FROM conversations_conversation"
        f" WHERE instance = %s AND {column} = %s ORDER BY id LIMIT 1 {lock}",
        instance,
        value,
    )
    return next(iter(found), None)


# Whether any text of the operator's is on: asked along, a reply without knowledge costs
# no query more, and no copy of the answer grows old in another process.
_CONVERSATION = """
    SELECT c.*, EXISTS (
        SELECT 1 FROM conversations_knowledgetext WHERE is_on
    ) AS has_knowledge
    FROM conversations_conversation c WHERE c.id = %s"""


def conversation(pk: int) -> Conversation:
    return select(Conversation, _CONVERSATION, pk)[0]


def messages(condition: str, *values: Value) -> list[Message]:
    """Messages with their senders. The condition is all that follows WHERE."""
    sql = f"SELECT * FROM conversations_message WHERE {condition}"
    found = select(Message, sql, *values)
    senders = _contacts({message.sender_id for message in found} - {None})
    for message in found:
        if message.sender_id:
            message.sender = senders[message.sender_id]
    return found


def _contacts(ids: set[int]) -> dict[int, Contact]:
    if not ids:
        return {}
    sql = f"SELECT * FROM conversations_contact WHERE id IN ({places(ids)})"
    return {contact.pk: contact for contact in select(Contact, sql, *ids)}


def select(model: type[Row], sql: str, *values: Value) -> list[Row]:
    """Rows of a model, with what else the statement selects as attributes."""
    with connection.cursor() as cursor:
        cursor.execute(sql, [_adapted(value) for value in values])
        read = _reader(model, tuple(column[0] for column in cursor.description))
        return [read(row) for row in cursor.fetchall()]


@cache
def _reader(model: type[Row], columns: tuple[str, ...]) -> Callable[[tuple], Row]:
    """What makes a row of a model out of these columns."""
    # In the model's order, which `from_db` expects where all fields are there.
    fields = [field for field in model._meta.concrete_fields if field.column in columns]
    names = [field.attname for field in fields]
    positions = [columns.index(field.column) for field in fields]
    others = [(name, n) for n, name in enumerate(columns) if n not in positions]
    conversions = [
        (n, convert, field.get_col(model._meta.db_table))
        for n, field in enumerate(fields)
        for convert in _converters(field)
    ]

    def read(found: tuple) -> Row:
        values = [found[n] for n in positions]
        for n, convert, expression in conversions:
            values[n] = convert(values[n], expression, connection)
        row = model.from_db(connection.alias, names, values)
        for name, n in others:
            setattr(row, name, found[n])
        return row

    return read


def _converters(field: models.Field) -> list[Callable]:
    expression = field.get_col(field.model._meta.db_table)
    return [
        *connection.ops.get_db_converters(expression),
        *field.get_db_converters(connection),
    ]


def places(values: list | set) -> str:
    return ", ".join(["%s"] * len(values))


def insert(row: models.Model) -> bool:
    """Store a new row, or return False where a unique value of its is taken."""
    fields = row._meta.concrete_fields[1:]
    values = [_prepared(field, getattr(row, field.attname)) for field in fields]
    with connection.cursor() as cursor:
        cursor.execute(_insertion(type(row)), values)
        stored = cursor.fetchone()
    if stored:
        row.pk = stored[0]
        row._state.adding, row._state.db = False, connection.alias
    return bool(stored)


def _prepared(field: models.Field, value: object) -> object:
    is_plain = isinstance(value, str | int | float | NoneType)
    if is_plain and not isinstance(field, models.JSONField):
        return value  # nothing would come of asking the field
    return field.get_db_prep_save(value, connection)


@cache
def _insertion(model: type[models.Model]) -> str:
    columns = [field.column for field in model._meta.concrete_fields[1:]]
    return (
        f"INSERT INTO {model._meta.db_table} ({', '.join(columns)})"
        f" VALUES ({places(columns)}) ON CONFLICT DO NOTHING RETURNING id"
    )


def save(row: models.Model, fields: list[str]) -> None:
    """Save some fields of a row that is there."""
    changed = [row._meta.get_field(name) for name in fields]
    assignments = ", ".join(f"{field.column} = %s" for field in changed)
    values = [_prepared(field, getattr(row, field.attname)) for field in changed]
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE {row._meta.db_table} SET {assignments} WHERE id = %s",
            [*values, row.pk],
        )


def execute(sql: str, *values: Value) -> int:
    """Run a statement, and return how many rows it changed."""
    with connection.cursor() as cursor:
        cursor.execute(sql, [_adapted(value) for value in values])
        return cursor.rowcount


def first(sql: str, *values: Value) -> object | None:
    """The first column of the first row, None if there is none."""
    with connection.cursor() as cursor:
        cursor.execute(sql, [_adapted(value) for value in values])
        row = cursor.fetchone()
    return row[0] if row else None


def _adapted(value: Value) -> object:
    if isinstance(value, datetime):
        return connection.ops.adapt_datetimefield_value(value)
    return value
