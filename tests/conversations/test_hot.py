import pytest

from conversations import hot
from conversations.models import Contact, Conversation, Message
from conversations.whatsapp import Address
from tests.factories import (
    ANA,
    BEN,
    GROUP,
    INSTANCE,
    make_contact,
    make_conversation,
    make_inbound,
)

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    "address",
    [ANA, Address(phone_jid=ANA.phone_jid), Address(lid=ANA.lid)],
    ids=["both addresses", "the phone number", "the LID"],
)
def test_finds_a_contact_by(address):
    ana = make_contact(ANA)
    make_contact(BEN)

    assert hot.contacts(address) == [ana]


def test_an_unknown_address_finds_no_contact_without_one():
    make_contact(Address(phone_jid=BEN.phone_jid))
    make_contact(Address(lid=BEN.lid))

    assert hot.contacts(Address(lid=ANA.lid)) == []
    assert hot.contacts(Address(phone_jid=ANA.phone_jid)) == []


def test_a_contact_is_read_whole(django_assert_num_queries):
    made = make_contact(access="blocked")

    [found] = hot.contacts(ANA)

    with django_assert_num_queries(0):
        values = [getattr(found, field.attname) for field in Contact._meta.fields]
    assert values == [getattr(made, field.attname) for field in Contact._meta.fields]


def test_finds_a_group_of_one_instance():
    group = make_conversation(is_group=True)

    assert hot.group(INSTANCE, GROUP) == group
    assert hot.group("another", GROUP) is None


def test_finds_the_conversation_with_a_contact():
    direct = make_conversation()

    assert hot.direct(INSTANCE, direct.contact) == direct
    assert hot.direct("another", direct.contact) is None
    assert hot.direct(INSTANCE, make_contact(BEN)) is None


def test_inserts_what_django_would():
    known = make_inbound(make_conversation(), media={"seconds": 3}, mentions=["x"])
    copy = Message.objects.get(pk=known.pk)
    copy.pk, copy.whatsapp_id = None, "NEW"

    assert hot.insert(copy)

    stored = Message.objects.get(whatsapp_id="NEW")
    names = [field.attname for field in Message._meta.fields]
    differing = [n for n in names if getattr(stored, n) != getattr(known, n)]
    assert stored == copy
    assert differing == ["id", "whatsapp_id"]


def test_inserts_no_whatsapp_id_twice():
    known = make_inbound(make_conversation(), whatsapp_id="A")

    again = Message(
        conversation=known.conversation,
        direction="in",
        whatsapp_id="A",
        sent_at=known.sent_at,
    )

    assert not hot.insert(again)
    assert Message.objects.get() == known


def test_saves_only_the_named_fields():
    conversation = make_conversation(name="Before")
    at = make_inbound(conversation).sent_at
    conversation.due_at, conversation.name = at, "After"

    hot.save(conversation, ["due_at"])

    stored = Conversation.objects.get()
    assert (stored.due_at, stored.name) == (at, "Before")
