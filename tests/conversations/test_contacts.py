import pytest
from django.utils import timezone

from conversations import contacts
from conversations.models import Access, Contact, Conversation
from conversations.whatsapp import Address
from tests.factories import ANA, make_contact, make_conversation, make_inbound

pytestmark = pytest.mark.django_db

PHONE, LID = Address(phone_jid=ANA.phone_jid), Address(lid=ANA.lid)


def test_nobody_is_made_of_no_address():
    assert contacts.resolve(Address()) is None


def test_a_person_is_made_once():
    assert contacts.resolve(ANA) == contacts.resolve(ANA)
    assert Contact.objects.count() == 1


@pytest.mark.parametrize("known", [PHONE, LID], ids=["by phone", "by LID"])
def test_the_other_address_is_learned(known):
    contacts.resolve(known)

    contact = contacts.resolve(ANA)

    assert (contact.phone_jid, contact.lid) == (ANA.phone_jid, ANA.lid)
    assert Contact.objects.count() == 1


def test_a_name_follows_the_person():
    contacts.resolve(ANA, "Ana")

    assert contacts.resolve(ANA, "Ana Lima").name == "Ana Lima"
    assert contacts.resolve(ANA, "").name == "Ana Lima"


def test_two_contacts_become_one_when_they_turn_out_to_be_one_person():
    by_phone, by_lid = make_contact(PHONE), make_contact(LID, name="A.")
    group = make_conversation(is_group=True)
    message = make_inbound(group, sender=by_lid)

    contacts.resolve(ANA)

    message.refresh_from_db()
    assert message.sender == by_phone
    assert Contact.objects.get().lid == ANA.lid


def test_their_conversations_become_one_and_nothing_is_stored_twice():
    kept = make_conversation(contact=make_contact(PHONE))
    other = make_conversation(contact=make_contact(LID), due_at=timezone.now())
    make_inbound(kept, whatsapp_id="SAME")
    make_inbound(other, whatsapp_id="SAME")
    make_inbound(other, whatsapp_id="OTHER")

    contacts.resolve(ANA)

    conversation = Conversation.objects.get()
    assert set(conversation.messages.values_list("whatsapp_id", flat=True)) == {
        "SAME",
        "OTHER",
    }
    assert conversation.due_at is not None


def test_a_conversation_with_a_lid_gets_the_phone_number_once_it_is_known():
    make_conversation(contact=make_contact(LID))

    contacts.resolve(ANA)

    assert Conversation.objects.get().jid == ANA.phone_jid


def test_a_block_survives_the_merge():
    make_contact(PHONE, access=Access.ALLOWED)
    make_contact(LID, access=Access.BLOCKED)

    assert contacts.resolve(ANA).access == Access.BLOCKED
