"""Whatever the parser lets through, the database holds."""

import json
from datetime import UTC, datetime

import pytest
from django.db import transaction
from django.utils import timezone
from hypothesis import HealthCheck, given, settings, strategies as st

from conversations import delivery, intake, outbox
from conversations.models import Conversation, Message
from conversations.whatsapp import (
    Address,
    IncomingMessage,
    Kind,
    MessageDeleted,
    MessageEdited,
    Origin,
    StatusUpdate,
)
from evolution.addresses import jid
from evolution.values import number, text, whole
from tests import factories
from tests.fuzz.damage import ANY_JSON, ODD
from tests.fuzz.effort import examples

pytestmark = pytest.mark.django_db

TEXT = (st.text(st.characters()) | st.sampled_from([one for one in ODD if isinstance(one, str) and len(one) < 1000])).map(text)  # fmt: skip
PHONE = st.sampled_from(["", "1@s.whatsapp.net", "2@s.whatsapp.net", "3@s.whatsapp.net"])  # fmt: skip
LID = st.sampled_from(["", "1@lid", "2@lid", "3@lid"])
ADDRESS = st.builds(Address, PHONE, LID)
# What evolution.content puts there: texts and numbers that passed its readers.
MEDIA = st.fixed_dictionaries(
    {},
    optional={
        "mimetype": TEXT,
        "file_name": TEXT,
        "seconds": ANY_JSON.map(whole),
        "bytes": st.integers().map(whole),
        "latitude": st.floats(-180, 180).map(number),
    },
)
SHORT_TEXT = TEXT.map(lambda value: value[:128])
MESSAGE = st.builds(
    IncomingMessage,
    instance=st.just("wa1"),
    whatsapp_id=SHORT_TEXT.filter(bool),
    origin=st.sampled_from(Origin),
    from_me=st.booleans(),
    chat=ADDRESS.filter(bool),
    group_jid=st.sampled_from(["", "", "1@g.us"]),
    sender=ADDRESS,
    sender_name=TEXT.map(lambda value: value[:200]),
    kind=st.sampled_from(Kind),
    text=TEXT,
    sent_at=st.integers(1, 2**37).map(lambda at: datetime.fromtimestamp(at, UTC)),
    quoted_id=SHORT_TEXT,
    quoted_sender=TEXT.map(jid),
    quoted_text=TEXT,
    mentions=st.lists(TEXT.map(jid), max_size=4).map(tuple),
    media=MEDIA,
)
FUZZ = settings(
    max_examples=examples(20),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@FUZZ
@given(events=st.lists(MESSAGE, min_size=1, max_size=6))
def test_every_message_that_is_read_is_stored_as_it_was(events):
    with transaction.atomic():
        for event in events:
            intake.receive([_in_its_chat(event)])
        for event in events:
            stored = Message.objects.filter(whatsapp_id=event.whatsapp_id)
            assert stored.exists()
            if len([one for one in events if one.whatsapp_id == event.whatsapp_id]) == 1:  # fmt: skip
                message = stored.get()
                assert (message.text, message.kind) == (event.text, event.kind)
                assert message.media == json.loads(json.dumps(event.media))
                assert message.sent_at <= timezone.now() + intake.AHEAD
        transaction.set_rollback(True)


@FUZZ
@given(events=st.lists(MESSAGE, min_size=2, max_size=8))
def test_people_that_turn_out_to_be_one_lose_no_message(events):
    with transaction.atomic():
        events = [_in_its_chat(event) for event in events]
        intake.receive(events)
        ids = {event.whatsapp_id for event in events}
        assert set(Message.objects.values_list("whatsapp_id", flat=True)) == ids
        jids = list(Conversation.objects.values_list("jid", flat=True))
        assert len(jids) == len(set(jids))
        transaction.set_rollback(True)


@FUZZ
@given(
    changes=st.lists(
        st.sampled_from(
            [StatusUpdate("wa1", "X", one) for one in ("sent", "delivered", "read", "failed")]
            + [MessageDeleted("wa1", "X"), MessageEdited("wa1", "X", "anew")]
        ),
        max_size=8,
    ),
    status=st.sampled_from(["sending", "unknown", "sent", "delivered"]),
)  # fmt: skip
def test_receipts_in_any_order_only_move_a_message_up(changes, status):
    ladder = ["sending", "unknown", "sent", "delivered", "read"]
    with transaction.atomic():
        group = factories.make_conversation(is_group=True)
        Conversation.objects.update(instance="wa1")
        message = factories.make_outbound(
            group, "hi", whatsapp_id="X", status=status, attempted_at=timezone.now()
        )
        for change in changes:
            before = Message.objects.get(pk=message.pk).status
            intake.receive([change])
            after = Message.objects.get(pk=message.pk).status
            if "failed" not in (before, after):
                assert ladder.index(after) >= ladder.index(before)
        transaction.set_rollback(True)


@FUZZ
@given(said=TEXT.filter(str.strip), error=st.text(st.characters(codec="utf-8")))
def test_any_reply_can_be_put_in_the_outbox_and_fail(said, error):
    with transaction.atomic():
        group = factories.make_conversation(is_group=True)
        outbox.put(group, [said], author="agent", status="queued")
        message = group.messages.get()
        assert message.text == said
        delivery.fail(message, text(error))
        assert group.messages.get().status == "failed"
        transaction.set_rollback(True)


def _in_its_chat(event: IncomingMessage) -> IncomingMessage:
    """In a direct chat the sender is the chat, as the parser has it."""
    fields = dict(vars(event))
    if event.from_me:
        fields |= {"sender": Address(), "sender_name": ""}
    elif not event.group_jid:
        fields |= {"sender": event.chat}
    if event.group_jid:
        fields |= {"chat": Address()}
    return IncomingMessage(**fields)
