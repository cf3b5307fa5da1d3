from dataclasses import replace
from datetime import timedelta

import pytest
from django.utils import timezone
from django_q.models import OrmQ

from conversations import intake
from conversations.models import AgentSettings, Contact, Conversation, Message
from conversations.whatsapp import (
    Address,
    AddressesLearned,
    Kind,
    MessageDeleted,
    MessageEdited,
    Origin,
    StatusUpdate,
)
from tests.factories import (
    ANA,
    BEN,
    INSTANCE,
    echo,
    in_group,
    incoming,
    make_conversation,
    make_inbound,
    make_outbound,
    make_settings,
    typed_on_phone,
)

pytestmark = pytest.mark.django_db


def receive(*events) -> Conversation:
    intake.receive(list(events))
    return Conversation.objects.latest("pk")


class TestInbound:
    def test_is_stored_and_due_after_the_burst_wait(self):
        conversation = receive(incoming("Hello?"))

        message = conversation.messages.get()
        wait = conversation.due_at - message.received_at
        assert (message.text, message.outcome, wait) == (
            "Hello?",
            "",
            timedelta(seconds=1.5),
        )

    def test_wakes_the_worker_when_it_is_due(self):
        conversation = receive(incoming())

        assert OrmQ.objects.get().lock == conversation.due_at

    def test_is_stored_once_however_often_it_comes(self):
        event = incoming()

        receive(event, event)
        receive(event)

        assert Message.objects.count() == 1
        assert OrmQ.objects.count() == 1

    def test_takes_few_statements(self, django_assert_num_queries):
        AgentSettings.load()
        receive(incoming())

        # The contact, the conversation, the message, and what the conversation is at;
        # the settings, which are copied for a second, are read each time in tests.
        with django_assert_num_queries(5):
            intake.receive([incoming()])

    def test_keeps_all_that_was_said_of_it(self):
        event = incoming(
            media={"mimetype": "image/png", "bytes": 5}, mentions=(BEN.lid,)
        )

        message = receive(event).messages.get()

        assert (message.media, message.mentions, message.sent_at) == (
            event.media,
            [BEN.lid],
            event.sent_at,
        )

    def test_settles_a_message_of_ours_that_comes_back_as_theirs(self):
        ours = make_outbound(make_conversation(), status="unknown", whatsapp_id="OUT1")

        receive(incoming(whatsapp_id="OUT1"))

        ours.refresh_from_db()
        assert (ours.status, Message.objects.count()) == ("sent", 1)

    def test_without_an_id_cannot_be_told_apart(self):
        receive(incoming(whatsapp_id=""), incoming(whatsapp_id=""))

        assert Message.objects.count() == 2

    def test_of_a_person_under_two_addresses_lands_in_one_conversation(self):
        receive(incoming(chat=Address(lid=ANA.lid), sender=Address(lid=ANA.lid)))
        receive(incoming(chat=ANA, sender=ANA))

        assert Conversation.objects.get().messages.count() == 2

    def test_in_a_group_waits_longer(self):
        conversation = receive(in_group())

        assert (
            conversation.due_at - conversation.messages.get().received_at
            == timedelta(seconds=5)
        )

    @pytest.mark.parametrize(
        "fields",
        [{"mentions": ("1@lid",)}, {"quoted_id": "X"}],
        ids=["mention", "reply"],
    )
    def test_that_may_be_addressed_does_not_wait_longer(self, fields):
        conversation = receive(in_group(**fields))

        wait = conversation.due_at - conversation.messages.get().received_at
        assert wait == timedelta(seconds=1.5)

    def test_a_second_message_does_not_wake_again(self):
        receive(incoming(), incoming())

        assert OrmQ.objects.count() == 1

    @pytest.mark.parametrize(
        ("fields", "outcome"),
        [
            ({"kind": Kind.REACTION, "text": "👍"}, "filtered"),
            ({"kind": Kind.STICKER, "text": ""}, "filtered"),
            ({"kind": Kind.POLL_VOTE, "text": "yes"}, "filtered"),
            ({"kind": Kind.UNKNOWN, "text": ""}, "filtered"),
            ({"text": "  "}, "filtered"),
            ({"origin": Origin.HISTORY}, "too_old"),
        ],
        ids=["reaction", "sticker", "vote", "unknown", "empty", "history"],
    )
    def test_that_is_never_answered_is_settled_at_once(self, fields, outcome):
        conversation = receive(incoming(**fields))

        message = conversation.messages.get()
        assert (message.outcome, conversation.due_at) == (outcome, None)
        assert message.reason

    def test_from_a_clock_that_is_ahead_is_not_the_last_message_for_ever(self):
        conversation = receive(incoming(sent_at=timezone.now() + timedelta(days=400)))

        assert conversation.last_message_at <= timezone.now()

    def test_keeps_whatsapps_order_while_our_clock_is_behind(self):
        ahead = timezone.now() + timedelta(minutes=2)
        conversation = receive(
            incoming("second", sent_at=ahead + timedelta(seconds=1)),
            incoming("first", sent_at=ahead),
        )

        texts = conversation.messages.chronological().values_list("text", flat=True)
        assert list(texts) == ["first", "second"]

    def test_that_comes_late_keeps_its_place(self):
        late = timezone.now() - timedelta(minutes=20)
        conversation = receive(incoming("second"), incoming("first", sent_at=late))

        texts = conversation.messages.chronological().values_list("text", flat=True)
        assert list(texts) == ["first", "second"]
        assert conversation.last_message_at > late


class TestNewConversations:
    def test_direct_chats_and_groups_start_as_the_settings_say(self):
        make_settings(new_direct_mode="draft", new_group_mode="off")

        assert receive(incoming()).mode == "draft"
        assert receive(in_group()).mode == "off"

    def test_groups_start_in_shadow(self):
        assert receive(in_group()).mode == "shadow"

    def test_a_group_has_its_name_fetched(self):
        receive(in_group())

        names = [row.task["func"] for row in OrmQ.objects.order_by("pk")]
        assert names == [
            "conversations.tasks.learn_group",
            "conversations.tasks.process",
        ]


class TestOurOwn:
    def test_what_is_typed_on_the_phone_takes_over(self):
        conversation = receive(incoming(), typed_on_phone())

        own = conversation.messages.get(direction="out")
        assert (own.author, own.status) == ("phone", "sent")
        assert conversation.is_taken_over

    def test_an_old_message_of_the_phone_does_not_take_over(self):
        old = timezone.now() - timedelta(hours=3)

        assert not receive(typed_on_phone(sent_at=old)).is_taken_over

    def test_a_reaction_of_the_phone_does_not_take_over(self):
        assert not receive(typed_on_phone("👍", kind=Kind.REACTION)).is_taken_over

    def test_a_shorter_take_over_does_not_end_a_longer_one(self):
        conversation = receive(typed_on_phone())
        until = conversation.taken_over_until
        make_settings(takeover_minutes=1)

        assert receive(typed_on_phone()).taken_over_until == until

    def test_another_program_on_the_bridge_does_not_take_over(self):
        conversation = receive(echo("Your order has left", "FOREIGN"))

        assert conversation.messages.get().author == "phone"
        assert not conversation.is_taken_over

    @pytest.mark.parametrize(
        "status", ["sending", "unknown", "queued", "failed", "dropped"]
    )
    def test_an_echo_is_the_witness_of_a_send(self, status):
        conversation = make_conversation()
        ours = make_outbound(
            conversation, "Hi!", status=status, attempted_at=timezone.now()
        )

        receive(echo("Hi!", "OUT1"))

        ours.refresh_from_db()
        assert (ours.status, ours.whatsapp_id) == ("sent", "OUT1")
        assert conversation.messages.count() == 1

    def test_an_echo_is_of_what_is_under_way_rather_than_of_what_was_given_up(self):
        conversation, now = make_conversation(), timezone.now()
        dropped, ours = (
            make_outbound(conversation, "Hi!", status=status, attempted_at=now)
            for status in ("dropped", "unknown")
        )

        receive(echo("Hi!", "OUT1"))

        dropped.refresh_from_db()
        ours.refresh_from_db()
        assert (dropped.status, ours.status) == ("dropped", "sent")

    def test_the_echo_of_a_reaction_is_of_the_one_to_the_same_message(self):
        conversation, now = make_conversation(), timezone.now()
        other, ours = (
            make_outbound(
                conversation,
                "👍",
                kind=Kind.REACTION,
                quoted_id=to,
                status="unknown",
                attempted_at=now,
            )
            for to in ("IN1", "IN2")
        )
        to_the_second = replace(echo("👍", "OUT1"), kind=Kind.REACTION, quoted_id="IN2")

        receive(to_the_second)

        other.refresh_from_db()
        ours.refresh_from_db()
        assert (other.status, ours.status) == ("unknown", "sent")

    def test_an_echo_of_what_was_never_tried_is_not_ours(self):
        conversation = make_conversation()
        make_outbound(conversation, "Hi!", status="queued")

        receive(echo("Hi!", "OUT1"))

        assert conversation.messages.filter(author="phone").count() == 1

    def test_an_echo_of_what_was_sent_changes_nothing(self):
        conversation = make_conversation()
        make_outbound(conversation, "Hi!", status="read", whatsapp_id="OUT1")

        receive(echo("Hi!", "OUT1"))

        assert conversation.messages.get().status == "read"


class TestReceipts:
    @pytest.fixture
    def sent(self):
        return make_outbound(make_conversation(), status="sent", whatsapp_id="OUT1")

    @pytest.mark.parametrize("order", [["delivered", "read"], ["read", "delivered"]])
    def test_only_move_up(self, sent, order):
        receive(*(StatusUpdate(INSTANCE, "OUT1", status) for status in order))

        sent.refresh_from_db()
        assert sent.status == "read"

    def test_a_refusal_of_whatsapp_is_a_failure(self, sent):
        receive(StatusUpdate(INSTANCE, "OUT1", "failed"))

        sent.refresh_from_db()
        assert (sent.status, sent.error) == ("failed", "WhatsApp refused the message")

    def test_a_refusal_after_delivery_is_not_believed(self, sent):
        receive(
            StatusUpdate(INSTANCE, "OUT1", "delivered"),
            StatusUpdate(INSTANCE, "OUT1", "failed"),
        )

        sent.refresh_from_db()
        assert sent.status == "delivered"

    def test_a_refusal_that_overtakes_the_send_must_come_again(self, sent):
        make_outbound(sent.conversation, status="sending")

        with pytest.raises(intake.TooEarly):
            intake.receive([StatusUpdate(INSTANCE, "NEW", "failed")])

    def test_of_strangers_are_ignored(self):
        intake.receive(
            [StatusUpdate(INSTANCE, "?", "read"), StatusUpdate(INSTANCE, "?", "failed")]
        )

    def test_of_another_instance_are_ignored(self, sent):
        receive(StatusUpdate("other", "OUT1", "read"))

        sent.refresh_from_db()
        assert sent.status == "sent"


class TestChanges:
    def test_an_edit_changes_the_text(self):
        message = make_inbound(make_conversation(), "helo", whatsapp_id="IN1")

        receive(MessageEdited(INSTANCE, "IN1", "hello"))

        message.refresh_from_db()
        assert message.text == "hello"
        assert message.edited_at

    def test_a_deletion_is_kept_as_such(self):
        message = make_inbound(make_conversation(), whatsapp_id="IN1")

        receive(MessageDeleted(INSTANCE, "IN1"))

        message.refresh_from_db()
        assert message.deleted_at

    @pytest.mark.parametrize(
        "change",
        [MessageEdited(INSTANCE, "IN1", "hello"), MessageDeleted(INSTANCE, "IN1")],
        ids=["edit", "deletion"],
    )
    def test_one_that_overtakes_its_message_must_come_again(self, change):
        with pytest.raises(intake.TooEarly):
            intake.receive([change])

        receive(incoming("helo", whatsapp_id="IN1"), change)

        message = Message.objects.get()
        assert message.text == "hello" or message.deleted_at

    @pytest.mark.parametrize(
        ("apart", "text"),
        [
            pytest.param(timedelta(minutes=2), "Hello!", id="the last one stays"),
            pytest.param(timedelta(hours=1), "hello", id="unless a clock was set back"),
        ],
    )
    def test_of_two_edits_in_the_wrong_order(self, apart, text):
        message = make_inbound(make_conversation(), "helo", whatsapp_id="IN1")
        at = timezone.now()

        receive(
            MessageEdited(INSTANCE, "IN1", "Hello!", told_at=at),
            MessageEdited(INSTANCE, "IN1", "hello", told_at=at - apart),
        )

        message.refresh_from_db()
        assert message.text == text

    def test_an_edit_that_comes_twice_happened_once(self):
        message = make_inbound(make_conversation(), "helo", whatsapp_id="IN1")
        receive(MessageEdited(INSTANCE, "IN1", "hello"))
        message.refresh_from_db()
        first = message.edited_at

        receive(MessageEdited(INSTANCE, "IN1", "hello"))

        message.refresh_from_db()
        assert message.edited_at == first


def test_learned_addresses_merge():
    receive(in_group(sender=Address(lid=BEN.lid)))

    intake.receive([AddressesLearned(BEN)])

    assert Contact.objects.get().phone_jid == BEN.phone_jid
