from datetime import timedelta

import pytest
from django.utils import timezone

from conversations.models import Conversation, Message
from conversations.whatsapp import Address, BridgeError, Quote
from tests.conversations.test_pipeline import outcomes, receive
from tests.factories import (
    in_group,
    incoming,
    make_contact,
    make_settings,
)

pytestmark = pytest.mark.django_db

LIKELY = {"reacts": True, "reaction_threshold": 0.4, "threshold": 0.6}


@pytest.fixture(autouse=True)
def _settings(db):
    make_settings(**LIKELY)


def test_what_nearly_deserves_a_reply_gets_an_emoji(bridge, model, work):
    model.p = 0.5

    work(receive(in_group("We won!", whatsapp_id="IN1")))

    ((target, author, emoji),) = bridge.reacted
    assert (target, emoji, outcomes()) == ("IN1", "👍", ["reacted"])
    assert author == Message.objects.inbound().get().sender.address.jids[-1]
    assert (bridge.sent, model.write.called) == ([], False)
    ours = Message.objects.get(direction="out")
    assert (ours.kind, ours.status, ours.quoted_id) == ("reaction", "sent", "IN1")


@pytest.mark.parametrize(
    ("p", "outcome"), [(0.39, "below_threshold"), (0.6, "replied")]
)
def test_less_gets_nothing_and_more_gets_a_reply(bridge, model, work, p, outcome):
    model.p = p

    work(receive(in_group(whatsapp_id="IN1")))

    assert (bridge.reacted, outcomes()) == ([], [outcome])


@pytest.mark.parametrize("fields", [{"reacts": False}, {"reaction_threshold": 0.55}])
def test_is_as_the_settings_say(bridge, model, work, fields):
    make_settings(**LIKELY | fields)
    model.p = 0.5

    work(receive(in_group(whatsapp_id="IN1")))

    assert bridge.reacted == []


@pytest.mark.parametrize("mode", ["shadow", "draft"])
def test_is_sent_in_live_groups_only(bridge, model, work, mode):
    model.p = 0.5

    work(receive(in_group(whatsapp_id="IN1"), mode=mode))

    assert (bridge.reacted, outcomes()) == ([], ["below_threshold"])
    reason = Message.objects.get().reason
    assert reason == f"p 0.50, threshold 0.60; 👍 withheld in {mode} mode"


def test_one_in_a_while_is_enough(bridge, model, work):
    model.p = 0.5
    work(receive(in_group("We won!", whatsapp_id="IN1")))

    work(receive(in_group("Again!", whatsapp_id="IN2")))

    assert (len(bridge.reacted), outcomes()) == (1, ["reacted", "below_threshold"])


def test_one_from_before_the_clock_was_set_back_counts_no_more(bridge, model, work):
    model.p = 0.5
    work(receive(in_group("We won!", whatsapp_id="IN1")))
    later = timezone.now() + timedelta(minutes=3)
    Message.objects.filter(direction="out").update(sent_at=later)

    work(receive(in_group("Again!", whatsapp_id="IN2")))

    assert (len(bridge.reacted), outcomes()) == (2, ["reacted", "reacted"])


def test_is_sent_again_where_nobody_knows_whether_it_left(bridge, model, work):
    model.p = 0.5

    def fail(emoji):
        raise BridgeError("hangs", kind="timeout", unknown=True)

    bridge.before_send = fail
    conversation = receive(in_group("We won!", whatsapp_id="IN1"))
    work(conversation)
    bridge.before_send = None
    Message.objects.update(
        attempted_at=timezone.now() - timedelta(minutes=10), attempt=""
    )

    work(conversation)

    assert len(bridge.reacted) == 1
    assert Message.objects.get(direction="out").status == "sent"


def test_the_same_emoji_for_another_message_is_no_proof(bridge, model, work):
    model.p = 0.5

    def vanish(emoji):
        raise BridgeError("hangs", kind="timeout", unknown=True)

    bridge.before_send = vanish
    conversation = receive(in_group("We won!", whatsapp_id="IN1"))
    work(conversation)
    bridge.before_send = None
    other = Quote("IN2", conversation.jid, "", "")
    bridge.react("wa1", other, "👍")
    Message.objects.update(
        attempted_at=timezone.now() - timedelta(minutes=10), attempt=""
    )

    work(conversation)

    assert [target for target, _, _ in bridge.reacted] == ["IN2", "IN1"]


def test_a_direct_message_is_answered_and_never_only_reacted_to(bridge, model, work):
    model.p = 0.5

    work(receive(incoming(whatsapp_id="IN1")))

    assert (bridge.reacted, outcomes()) == ([], ["replied"])


class TestMentions:
    def test_a_group_reply_names_whom_it_answers(self, bridge, model, work):
        make_settings(mention_asker=True)

        work(receive(in_group("Is it open?")))

        sender = Message.objects.inbound().get().sender
        number = sender.phone_jid.partition("@")[0]
        assert bridge.sent[0]["text"] == f"@{number} Here you are."
        assert bridge.mentioned == [sender.phone_jid]

    def test_whose_number_is_not_known_is_not_named(self, bridge, model, work):
        make_settings(mention_asker=True)
        conversation = receive(in_group("Is it open?"))
        lid_only = make_contact(Address(lid="99@lid"))
        Message.objects.update(sender=lid_only)

        work(conversation)

        assert (bridge.sent[0]["text"], bridge.mentioned) == ("Here you are.", [])

    def test_nobody_is_named_in_a_direct_chat(self, bridge, model, work):
        make_settings(mention_asker=True)

        work(receive(incoming()))

        assert bridge.mentioned == []


class TestTyping:
    def test_takes_as_long_as_the_text_is(self, bridge, model, work):
        make_settings(typing_speed=2)
        conversation = receive(incoming())

        work(conversation)

        waiting = Message.objects.get(direction="out")
        conversation.refresh_from_db()
        assert (bridge.sent, waiting.status) == ([], "queued")
        took = conversation.due_at - waiting.received_at
        assert took == timedelta(seconds=len(waiting.text) / 2)
        assert not conversation.lease_token

    def test_ends(self, bridge, model, work):
        make_settings(typing_speed=2)
        conversation = receive(incoming())
        work(conversation)
        past = timezone.now() - timedelta(seconds=30)
        Message.objects.filter(direction="out").update(received_at=past)

        work(conversation)

        assert (len(bridge.sent), outcomes()) == (1, ["replied"])

    def test_is_broken_off_by_a_person(self, bridge, model, work):
        make_settings(typing_speed=2)
        conversation = receive(incoming())
        work(conversation)
        hour = timezone.now() + timedelta(hours=1)
        Conversation.objects.update(taken_over_until=hour)

        work(conversation)

        assert (bridge.sent, outcomes()) == ([], ["taken_over"])
