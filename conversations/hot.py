"""The statements that every incoming message runs through, written by hand.

Django needs about a millisecond to put one together, which came to three times what
storing a message costs. What they return are the models; fields not read are deferred.
"""

from functools import cache

from django.db import connection, models

from conversations.models import Contact, Conversation, Message
from conversations.whatsapp import Address

# What storing a message looks at.
_READ = "id, name, last_message_at, taken_over_until, due_at"


def contacts(address: Address) -> list[Contact]:
    """Those who have one of the addresses."""
    # Nothing equals NULL: an address that is not known finds nobody.
    return list(
        Contact.objects.raw(
            "SELECT id, phone_jid, lid, name, access FROM conversations_contact"
            " WHERE phone_jid = %s OR lid = %s",
            [address.phone_jid or None, address.lid or None],
        )
    )


def group(instance: str, jid: str) -> Conversation | None:
    """The conversation of a group, locked."""
    return _conversation("jid", instance, jid)


def direct(instance: str, contact: Contact) -> Conversation | None:
    """The conversation with a contact, locked."""
    return _conversation("contact_id", instance, contact.pk)


def _conversation(column: str, instance: str, value: str | int) -> Conversation | None:
    lock = "FOR UPDATE" if connection.features.has_select_for_update else ""
    found = Conversation.objects.raw(
        f"SELECT {_READ} FROM conversations_conversation"
        f" WHERE instance = %s AND {column} = %s ORDER BY id LIMIT 1 {lock}",
        [instance, value],
    )
    return next(iter(found), None)


def insert(message: Message) -> bool:
    """Store a new message, or return False if its WhatsApp id is already there."""
    fields = Message._meta.concrete_fields[1:]
    values = [
        field.get_db_prep_save(getattr(message, field.attname), connection)
        for field in fields
    ]
    with connection.cursor() as cursor:
        cursor.execute(_insertion(), values)
        stored = cursor.fetchone()
    if stored:
        message.pk = stored[0]
        message._state.adding, message._state.db = False, connection.alias
    return bool(stored)


@cache
def _insertion() -> str:
    columns = [field.column for field in Message._meta.concrete_fields[1:]]
    places = ", ".join(["%s"] * len(columns))
    return (
        f"INSERT INTO conversations_message ({', '.join(columns)}) VALUES ({places})"
        " ON CONFLICT DO NOTHING RETURNING id"
    )


def save(row: models.Model, fields: list[str]) -> None:
    """Save some fields of a row that is there."""
    changed = [row._meta.get_field(name) for name in fields]
    assignments = ", ".join(f"{field.column} = %s" for field in changed)
    values = [
        field.get_db_prep_save(getattr(row, field.attname), connection)
        for field in changed
    ]
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE {row._meta.db_table} SET {assignments} WHERE id = %s",
            [*values, row.pk],
        )
