"""Objects for tests: plain functions with defaults."""

from datetime import datetime
from itertools import count

from django.utils import timezone

from conversations.knowledge import texts
from conversations.models import (
    AgentSettings,
    Contact,
    Conversation,
    KnowledgeText,
    Message,
)
from conversations.whatsapp import Address, IncomingMessage, Kind, Origin

INSTANCE = "whatsapp-agent"
ANA = Address("5511988887777@s.whatsapp.net", "239513548562601@lid")
BEN = Address("5511977776666@s.whatsapp.net", "305628633182105@lid")
GROUP = "120363000000000001@g.us"

_ids = count(1)


def whatsapp_id() -> str:
    return f"3EB0{next(_ids):018X}"


def make_settings(**fields) -> AgentSettings:
    AgentSettings.objects.update_or_create(pk=1, defaults=fields)
    return AgentSettings.load()


def make_contact(address: Address = ANA, name: str = "Ana", **fields) -> Contact:
    known = {"phone_jid": address.phone_jid or None, "lid": address.lid or None}
    return Contact.objects.create(**known, name=name, **fields)


def make_conversation(*, is_group: bool = False, **fields) -> Conversation:
    if is_group:
        fields = {"jid": GROUP, "name": "Weekend trip", **fields}
    else:
        contact = fields.pop("contact", None) or make_contact()
        fields = {"jid": contact.phone_jid or contact.lid, "contact": contact, **fields}
    fields = {"instance": INSTANCE, "is_group": is_group, **fields}
    return Conversation.objects.create(**fields)


def make_inbound(conversation: Conversation, text: str = "Hello?", **fields) -> Message:
    now = timezone.now()
    sender = fields.pop("sender", None) or conversation.contact
    defaults = {"sent_at": now, "received_at": now, "whatsapp_id": whatsapp_id()}
    return Message.objects.create(
        conversation=conversation,
        direction="in",
        sender=sender,
        text=text,
        **{**defaults, **fields},
    )


def make_outbound(conversation: Conversation, text: str = "Hi!", **fields) -> Message:
    defaults = {"sent_at": timezone.now(), "author": "agent", "status": "queued"}
    return Message.objects.create(
        conversation=conversation, direction="out", text=text, **{**defaults, **fields}
    )


def incoming(text: str = "Hello?", **fields) -> IncomingMessage:
    """A direct message of Ana's, as a provider reports it."""
    defaults = {
        "instance": INSTANCE,
        "whatsapp_id": whatsapp_id(),
        "origin": Origin.CONTACT,
        "from_me": False,
        "chat": ANA,
        "group_jid": "",
        "sender": ANA,
        "sender_name": "Ana",
        "kind": Kind.TEXT,
        "text": text,
        "sent_at": timezone.now(),
    }
    return IncomingMessage(**{**defaults, **fields})


def in_group(text: str = "Hello?", sender: Address = ANA, **fields) -> IncomingMessage:
    names = {ANA: "Ana", BEN: "Ben"}
    return incoming(
        text,
        chat=Address(),
        group_jid=GROUP,
        sender=sender,
        sender_name=names.get(sender, ""),
        **fields,
    )


def typed_on_phone(text: str = "I'll take it", **fields) -> IncomingMessage:
    return incoming(
        text,
        origin=Origin.PHONE,
        from_me=True,
        sender=Address(),
        sender_name="",
        **fields,
    )


def echo(
    text: str, whatsapp_id: str, sent_at: datetime | None = None
) -> IncomingMessage:
    """What the bridge reports after a send through its API."""
    return incoming(
        text,
        whatsapp_id=whatsapp_id,
        origin=Origin.API,
        from_me=True,
        sender=Address(),
        sender_name="",
        sent_at=sent_at or timezone.now(),
    )


def make_text(title: str, body: str, **fields) -> KnowledgeText:
    """A text of the operator's, searched unless told otherwise."""
    text = KnowledgeText(title=title, **fields)
    texts.save(text, body, None)
    return text
