from datetime import timedelta

import pytest
from django.utils import timezone

from conversations import changes, intake, steering
from conversations.models import Message, MessageChange
from conversations.steering import NotPossible
from conversations.whatsapp import BridgeError, MessageDeleted, MessageEdited
from tests.factories import INSTANCE, make_conversation, make_outbound

pytestmark = pytest.mark.django_db

DOWN = BridgeError("The bridge is down.", kind="down", retryable=True)
REFUSED = BridgeError("Message not found", kind="rejected")


@pytest.fixture
def sent(bridge) -> Message:
    return make_outbound(
        make_conversation(), "At nine.", status="delivered", whatsapp_id="OUT1"
    )


def change(**fields) -> MessageChange:
    MessageChange.objects.update(due_at=timezone.now(), **fields)
    found = MessageChange.objects.get()
    changes.work(found.pk)
    found.refresh_from_db()
    return found


def test_a_text_is_edited_for_everybody(sent, bridge, admin_user):
    steering.edit(sent, " At ten. ", admin_user)

    done = change()

    assert bridge.changed == [(sent.conversation.jid, "OUT1", "At ten.")]
    sent.refresh_from_db()
    assert (sent.text, bool(sent.edited_at)) == ("At ten.", True)
    assert (done.state, done.text, done.staff) == ("done", "", admin_user)


def test_a_message_is_deleted_for_everybody(sent, bridge, admin_user):
    steering.delete(sent, admin_user)

    change()

    assert bridge.changed == [(sent.conversation.jid, "OUT1", None)]
    sent.refresh_from_db()
    assert (sent.text, bool(sent.deleted_at)) == ("At nine.", True)


def test_a_change_is_tried_again_until_the_bridge_is_back(sent, bridge, admin_user):
    steering.edit(sent, "At ten.", admin_user)
    bridge.change_error = DOWN
    waiting = change()
    bridge.change_error = None

    done = change()

    assert (waiting.state, waiting.error) == ("waiting", "The bridge is down.")
    assert waiting.due_at > timezone.now() - timedelta(seconds=1)
    assert (done.state, done.error, done.attempts) == ("done", "", 2)


@pytest.mark.parametrize(("error", "attempts"), [(REFUSED, 0), (DOWN, 9)])
def test_a_change_that_cannot_be_made_says_why(
    sent, bridge, admin_user, error, attempts
):
    steering.edit(sent, "At ten.", admin_user)
    bridge.change_error = error

    failed = change(attempts=attempts)

    assert (failed.state, failed.error, failed.text) == ("failed", str(error), "")
    sent.refresh_from_db()
    assert (sent.text, sent.edited_at) == ("At nine.", None)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("At ten.", MessageEdited(INSTANCE, "OUT1", "At ten.")),
        ("", MessageDeleted(INSTANCE, "OUT1")),
    ],
    ids=["edit", "deletion"],
)
def test_a_change_whose_answer_was_lost_is_done_once_it_is_told_of(
    sent, bridge, admin_user, text, told
):
    changes.ask(sent, admin_user, text)
    intake.receive([told])
    Message.objects.update(sent_at=timezone.now() - timedelta(minutes=16))

    done = change(attempts=1)

    assert (done.state, done.error) == ("done", "")
    assert bridge.changed == []


def test_a_change_that_kills_each_worker_is_given_up(sent, bridge, admin_user):
    steering.edit(sent, "At ten.", admin_user)

    failed = change(attempts=changes.MOST_ATTEMPTS)

    assert (failed.state, failed.error) == ("failed", "No try came to its end.")
    assert bridge.changed == []


def test_is_made_by_one_worker(sent, bridge, admin_user):
    steering.edit(sent, "At ten.", admin_user)
    MessageChange.objects.update(due_at=timezone.now() + timedelta(seconds=60))

    changes.work(MessageChange.objects.get().pk)

    assert (bridge.changed, changes.due()) == ([], [])


def test_what_was_forgotten_is_due(sent, admin_user):
    steering.edit(sent, "At ten.", admin_user)

    assert changes.due() == [MessageChange.objects.get().pk]


def test_is_not_made_once_whatsapp_refuses_it(sent, bridge, admin_user):
    steering.edit(sent, "At ten.", admin_user)
    Message.objects.update(sent_at=timezone.now() - timedelta(minutes=16))

    assert "after 15 minutes" in change().error
    assert bridge.changed == []


def test_the_echo_leaves_it_as_it_is(sent, bridge, admin_user):
    steering.edit(sent, "At ten.", admin_user)
    intake.receive([MessageEdited(INSTANCE, "OUT1", "At ten.")])

    change()

    intake.receive([MessageDeleted(INSTANCE, "OUT1")])
    sent.refresh_from_db()
    assert (sent.text, bool(sent.deleted_at)) == ("At ten.", True)
    assert not sent.conversation.is_taken_over


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"author": "phone"}, "sent from here"),
        ({"status": "queued"}, "sent from here"),
        ({"whatsapp_id": ""}, "sent from here"),
        ({"deleted_at": timezone.now()}, "deleted already"),
        ({"kind": "image"}, "Only texts"),
        ({"sent_at": timezone.now() - timedelta(minutes=16)}, "15 minutes"),
    ],
)
def test_some_messages_cannot_be_edited(sent, admin_user, fields, why):
    Message.objects.update(**fields)
    sent.refresh_from_db()

    with pytest.raises(NotPossible, match=why):
        steering.edit(sent, "At ten.", admin_user)


@pytest.mark.parametrize("text", [" ", "x" * 4097])
def test_some_texts_cannot_be_sent(sent, admin_user, text):
    with pytest.raises(NotPossible):
        steering.edit(sent, text, admin_user)


def test_one_change_at_a_time(sent, admin_user):
    steering.edit(sent, "At ten.", admin_user)

    with pytest.raises(NotPossible, match="already"):
        steering.delete(sent, admin_user)


def test_after_two_and_a_half_days_nothing_is_deleted(sent, admin_user):
    Message.objects.update(sent_at=timezone.now() - timedelta(hours=61))
    sent.refresh_from_db()

    with pytest.raises(NotPossible, match="two and a half days"):
        steering.delete(sent, admin_user)
