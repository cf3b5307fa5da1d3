import time
import uuid
from datetime import timedelta

import pytest
from django.utils import timezone

from conversations import contacts, intake, outbox, steering
from conversations.mailbox import LeaseLost, claim
from conversations.models import Conversation, Message
from conversations.whatsapp import BridgeError, Kind, MessageDeleted, SentMessage
from llm.models import Decision
from tests.factories import (
    ANA,
    BEN,
    INSTANCE,
    echo,
    in_group,
    make_contact,
    make_conversation,
    make_inbound,
    make_outbound,
    make_settings,
    typed_on_phone,
)

pytestmark = pytest.mark.django_db

UNKNOWN = BridgeError("No answer", kind="no_answer", unknown=True)
LATER = BridgeError("Not reachable", kind="unreachable", retryable=True)
NEVER = BridgeError("Not on WhatsApp", kind="not_on_whatsapp")


def raising(error: BridgeError):
    def hook(text: str) -> None:
        raise error

    return hook


@pytest.fixture
def asked():
    """A question whose reply is in the outbox, in two parts."""
    conversation = make_conversation(due_at=timezone.now())
    return ask(conversation)


def ask(conversation: Conversation, kind: str = "direct", sender=None) -> Message:
    question = make_inbound(conversation, outcome="replying", sender=sender)
    decision = Decision.objects.create(
        conversation=conversation,
        step="response",
        source="model",
        outcome="written",
        kind=kind,
    )
    decision.messages.add(question)
    make_outbound(
        conversation, "One", decision=decision, quoted_id=question.whatsapp_id
    )
    make_outbound(conversation, "Two", decision=decision, part=2)
    return question


def flush(conversation: Conversation):
    Conversation.objects.update(due_at=timezone.now(), lease_token="")
    return outbox.flush(claim(conversation.pk, "test"))


def age(conversation: Conversation, seconds: float) -> None:
    """Make the last attempt look older."""
    for message in conversation.messages.exclude(attempted_at=None):
        message.attempted_at -= timedelta(seconds=seconds)
        message.attempt = f"{time.monotonic() - seconds:.0f}-{uuid.uuid4().hex}"[:32]
        message.save(update_fields=["attempted_at", "attempt"])


def statuses(conversation: Conversation) -> list[str]:
    parts = conversation.messages.filter(direction="out").order_by("pk")
    return list(parts.values_list("status", flat=True))


def texts(bridge) -> list[str]:
    return [message["text"] for message in bridge.sent]


def outcome(message: Message) -> tuple[str, str]:
    message.refresh_from_db()
    return message.outcome, message.reason


def test_sends_all_parts_in_order_and_settles_the_question(bridge, asked):
    assert flush(asked.conversation) is None

    assert texts(bridge) == ["One", "Two"]
    assert statuses(asked.conversation) == ["sent", "sent"]
    assert outcome(asked)[0] == "replied"


def test_quotes_what_it_answers(bridge, asked):
    flush(asked.conversation)

    quote = bridge.sent[0]["quote"]
    assert (quote.whatsapp_id, quote.text) == (asked.whatsapp_id, "Hello?")
    assert bridge.sent[1]["quote"] is None


def test_the_intent_is_stored_before_the_first_byte_leaves(bridge, asked):
    seen = []
    bridge.before_send = lambda text: seen.append(Message.objects.get(text=text).status)

    flush(asked.conversation)

    assert seen == ["sending", "sending"]


class TestUnknownOutcome:
    @pytest.fixture
    def unknown(self, bridge, asked):
        """The first part left, but the answer was lost."""
        bridge.after_send = raising(UNKNOWN)
        flush(asked.conversation)
        bridge.after_send = None
        return asked

    def test_is_a_state_of_its_own_and_holds_up_what_follows(self, bridge, unknown):
        assert statuses(unknown.conversation) == ["unknown", "queued"]
        assert outcome(unknown)[0] == "replying"

    def test_is_not_looked_up_while_the_request_may_be_under_way(self, bridge, unknown):
        until = flush(unknown.conversation)

        assert until > timezone.now() + timedelta(seconds=60)
        assert (bridge.lookups, texts(bridge)) == ([], ["One"])

    def test_is_sent_when_the_bridge_recorded_it(self, bridge, unknown):
        age(unknown.conversation, 100)
        bridge.record[:] = [
            type(one)(one.whatsapp_id, one.text, one.sent_at - timedelta(seconds=100))
            for one in bridge.record
        ]

        flush(unknown.conversation)

        assert texts(bridge) == ["One", "Two"]
        assert statuses(unknown.conversation) == ["sent", "sent"]

    def test_is_sent_again_when_the_bridge_proves_that_it_did_not_leave(
        self, bridge, unknown
    ):
        age(unknown.conversation, 100)
        bridge.record.clear()

        flush(unknown.conversation)

        assert texts(bridge) == ["One", "One", "Two"]

    def test_stays_unknown_while_the_bridge_cannot_be_asked(self, bridge, unknown):
        age(unknown.conversation, 100)
        bridge.lookup_error = LATER

        assert flush(unknown.conversation)

        assert texts(bridge) == ["One"]
        assert statuses(unknown.conversation) == ["unknown", "queued"]

    def test_is_settled_by_its_echo(self, bridge, unknown):
        intake.receive([echo("One", "OUT000")])

        flush(unknown.conversation)

        assert texts(bridge) == ["One", "Two"]

    def test_an_equal_text_sent_earlier_is_no_proof(self, bridge, unknown):
        make_outbound(unknown.conversation, "One", status="sent", whatsapp_id="OUT000")
        age(unknown.conversation, 100)

        flush(unknown.conversation)

        assert texts(bridge) == ["One", "One", "Two"]

    def test_the_bridge_is_asked_under_every_address(self, bridge, unknown):
        age(unknown.conversation, 100)

        flush(unknown.conversation)

        assert bridge.lookups[0][0] == [ANA.phone_jid, ANA.lid]


@pytest.mark.sqlite
def test_a_clock_set_forward_does_not_make_a_request_older(bridge, asked):
    bridge.before_send = raising(UNKNOWN)
    flush(asked.conversation)
    asked.conversation.messages.exclude(attempted_at=None).update(
        attempted_at=timezone.now() - timedelta(hours=1)
    )

    assert flush(asked.conversation)

    assert bridge.lookups == []


def test_what_was_sent_while_a_clock_was_wrong_by_minutes_is_found(bridge, asked):
    bridge.before_send = raising(UNKNOWN)
    flush(asked.conversation)
    bridge.before_send = None
    age(asked.conversation, 100)
    by_the_bridge = timezone.now() - timedelta(minutes=5)
    bridge.record.append(SentMessage("OUT999", "One", by_the_bridge))

    flush(asked.conversation)

    assert texts(bridge) == ["Two"]


def test_a_sender_that_died_is_looked_up(bridge, asked):
    asked.conversation.messages.filter(text="One").update(
        status="sending",
        attempts=1,
        attempted_at=timezone.now() - timedelta(seconds=100),
    )

    flush(asked.conversation)

    assert bridge.lookups
    assert texts(bridge) == ["One", "Two"]


def test_an_id_made_beforehand_is_kept_for_the_resend(bridge, asked):
    bridge.message_ids = True
    bridge.before_send = raising(UNKNOWN)
    flush(asked.conversation)
    bridge.before_send = None
    age(asked.conversation, 100)

    flush(asked.conversation)

    assert bridge.sent[0]["id"] == "PRE000"


def test_tries_again_later_when_nothing_left(bridge, asked):
    bridge.before_send = raising(LATER)

    until = flush(asked.conversation)

    assert timezone.now() < until < timezone.now() + timedelta(seconds=5)
    assert statuses(asked.conversation) == ["queued", "queued"]


def test_does_not_try_again_before_its_time(bridge, asked):
    bridge.before_send = raising(LATER)
    flush(asked.conversation)
    bridge.before_send = None

    assert flush(asked.conversation)
    assert texts(bridge) == []


def test_a_refusal_for_good_fails_with_all_that_follows(bridge, asked):
    bridge.before_send = raising(NEVER)

    assert flush(asked.conversation) is None

    assert statuses(asked.conversation) == ["failed", "dropped"]
    assert outcome(asked) == ("send_failed", "Not on WhatsApp")


def test_gives_up_in_the_end(bridge, asked):
    part = asked.conversation.messages.filter(text="One")
    part.update(
        attempts=outbox.MAX_ATTEMPTS, attempted_at=timezone.now() - timedelta(minutes=5)
    )

    flush(asked.conversation)

    assert statuses(asked.conversation) == ["failed", "dropped"]
    assert outcome(asked)[0] == "send_failed"


def test_a_frozen_holder_does_not_send_and_says_so(bridge, asked, monkeypatch):
    lease = claim(asked.conversation_id, "test")
    monkeypatch.setattr(outbox, "SEND_WITHIN", -1)

    assert outbox.flush(lease)

    assert texts(bridge) == []
    assert statuses(asked.conversation) == ["queued", "queued"]


def test_a_holder_whose_lease_is_running_out_does_not_send(bridge, asked, monkeypatch):
    lease = claim(asked.conversation_id, "test")
    lease.renewed -= 3600
    monkeypatch.setattr(outbox, "fence", lambda *args, **kwargs: None)

    assert outbox.flush(lease)

    assert texts(bridge) == []
    assert statuses(asked.conversation) == ["queued", "queued"]


def test_a_holder_that_lost_its_lease_does_not_send(bridge, asked):
    lease = claim(asked.conversation_id, "test")
    Conversation.objects.update(lease_token="somebody else's")

    with pytest.raises(LeaseLost):
        outbox.flush(lease)

    assert texts(bridge) == []


class TestJustBeforeSending:
    @pytest.mark.parametrize(
        ("meanwhile", "expected"),
        [
            pytest.param(
                lambda question: intake.receive([typed_on_phone()]),
                "taken_over",
                id="typed on the phone",
            ),
            pytest.param(
                lambda question: steering.pause(question.conversation),
                "paused",
                id="paused",
            ),
            pytest.param(
                lambda question: make_settings(is_on=False), "paused", id="switched off"
            ),
            pytest.param(
                lambda question: Conversation.objects.update(mode="off"),
                "paused",
                id="turned off here",
            ),
            pytest.param(
                lambda question: Conversation.objects.update(mode="shadow"),
                "paused",
                id="put into shadow",
            ),
            pytest.param(
                lambda question: intake.receive(
                    [MessageDeleted(INSTANCE, question.whatsapp_id)]
                ),
                "filtered",
                id="question deleted",
            ),
            pytest.param(
                lambda question: Message.objects.filter(direction="out").update(
                    received_at=timezone.now() - timedelta(hours=1)
                ),
                "too_old",
                id="too late",
            ),
        ],
    )
    def test_drops_a_reply_that_is_not_wanted_any_more(
        self, bridge, asked, meanwhile, expected
    ):
        meanwhile(asked)

        flush(asked.conversation)

        assert texts(bridge) == []
        assert outcome(asked)[0] == expected
        assert outcome(asked)[1]

    def test_says_so_when_it_was_tried_in_vain(self, bridge, asked):
        bridge.before_send = raising(LATER)
        flush(asked.conversation)
        Message.objects.filter(direction="out").update(
            received_at=timezone.now() - timedelta(hours=1),
            attempted_at=timezone.now() - timedelta(hours=1),
        )

        flush(asked.conversation)

        assert outcome(asked) == ("send_failed", "Not sent in time: Not reachable")

    def test_a_take_over_between_two_parts_stops_the_second(self, bridge, asked):
        bridge.after_send = lambda text: intake.receive([typed_on_phone()])

        flush(asked.conversation)

        assert texts(bridge) == ["One"]
        assert outcome(asked)[0] == "taken_over"

    def test_what_a_person_wrote_is_sent_in_any_case(self, bridge, admin_user):
        conversation = make_conversation()
        steering.reply(conversation, "From a person", admin_user)

        flush(conversation)

        assert texts(bridge) == ["From a person"]

    @pytest.mark.parametrize(
        ("kind", "sent"), [("unprompted", []), ("addressed", ["One", "Two"])]
    )
    def test_an_unprompted_reply_yields_to_a_members_answer(self, bridge, kind, sent):
        group = make_conversation(is_group=True)
        question = ask(group, kind=kind, sender=make_contact())
        intake.receive(
            [in_group("At eight", sender=BEN, quoted_id=question.whatsapp_id)]
        )

        flush(group)

        assert texts(bridge) == sent

    def test_a_members_reaction_is_no_answer(self, bridge):
        group = make_conversation(is_group=True)
        question = ask(group, kind="unprompted", sender=make_contact())
        about = {"kind": Kind.REACTION, "quoted_id": question.whatsapp_id}
        intake.receive([in_group("👍", sender=BEN, **about)])

        flush(group)

        assert texts(bridge) == ["One", "Two"]

    def test_the_askers_own_addition_is_no_answer(self, bridge):
        group = make_conversation(is_group=True)
        question = ask(group, kind="unprompted", sender=contacts.resolve(ANA))
        intake.receive(
            [in_group("I mean today", sender=ANA, quoted_id=question.whatsapp_id)]
        )

        flush(group)

        assert texts(bridge) == ["One", "Two"]
