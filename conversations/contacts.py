"""Who is who: a phone number and a LID turn out to be one person."""

from conversations import hot
from conversations.models import Access, Contact, Conversation, Message
from conversations.whatsapp import Address


def resolve(address: Address, name: str = "") -> Contact | None:
    """The contact with these addresses: found, completed, merged or created."""
    if not address:
        return None
    match _known(address):
        case []:
            contact = _create(address)
        case [contact]:
            _complete(contact, address)
        case [contact, other, *_]:
            _merge(other, into=contact)
            _complete(contact, address)
    if name and contact.name != name[:200]:
        contact.name = name[:200]
        hot.save(contact, ["name"])
    return contact


def _known(address: Address) -> list[Contact]:
    """The contacts that have one of the addresses; the one with the phone number first."""
    found = hot.contacts(address)
    return sorted(found, key=lambda contact: contact.phone_jid != address.phone_jid)


def _create(address: Address) -> Contact:
    if address.phone_jid:
        unique = {"phone_jid": address.phone_jid}
    else:
        unique = {"lid": address.lid}
    return Contact.objects.get_or_create(
        **unique,
        defaults={"phone_jid": address.phone_jid or None, "lid": address.lid or None},
    )[0]


def _complete(contact: Contact, address: Address) -> None:
    """Learn the address that was missing. A new LID of a known phone replaces the old one."""
    fields = []
    if address.phone_jid and contact.phone_jid is None:
        contact.phone_jid = address.phone_jid
        fields.append("phone_jid")
    if address.lid and contact.lid != address.lid:
        contact.lid = address.lid
        fields.append("lid")
    if not fields:
        return
    hot.save(contact, fields)
    if "phone_jid" in fields:
        Conversation.objects.filter(contact=contact, jid=contact.lid).update(
            jid=contact.phone_jid
        )


def _merge(other: Contact, into: Contact) -> None:
    Message.objects.filter(sender=other).update(sender=into)
    for conversation in Conversation.objects.filter(contact=other):
        kept = Conversation.objects.filter(
            instance=conversation.instance, contact=into
        ).first()
        if kept is None:
            conversation.contact = into
            conversation.jid = into.phone_jid or conversation.jid
            conversation.save(update_fields=["contact", "jid"])
        else:
            merge_conversations(conversation, into=kept)
    if other.access == Access.BLOCKED or not into.access:
        into.access = other.access
    into.may_command = into.may_command or other.may_command
    into.name = into.name or other.name
    lid, other.lid = other.lid, None
    other.save(update_fields=["lid"])  # it is unique: free it first
    into.lid = into.lid or lid
    into.save(update_fields=["access", "may_command", "name", "lid"])
    other.delete()


def merge_conversations(other: Conversation, into: Conversation) -> None:
    """Move everything over. Whoever holds a lease on `other` finds that it is lost."""
    stored = into.messages.exclude(whatsapp_id="").values("whatsapp_id")
    other.messages.filter(whatsapp_id__in=stored).delete()
    other.messages.update(conversation=into)
    other.decisions.update(conversation=into)
    for field in ("due_at", "wake_at"):
        if moment := getattr(other, field):
            setattr(into, field, min(moment, getattr(into, field) or moment))
    for field in ("last_message_at", "paused_until", "taken_over_until", "quiet_until"):
        if moment := getattr(other, field):
            setattr(into, field, max(moment, getattr(into, field) or moment))
    if other.access == Access.BLOCKED:
        into.access = Access.BLOCKED
    other.delete()
    into.save(
        update_fields=[
            "due_at", "wake_at", "last_message_at", "paused_until", "taken_over_until", "quiet_until",
            "access",
        ]
    )  # fmt: skip
