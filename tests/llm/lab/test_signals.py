from datetime import timedelta

import pytest
from django.utils import timezone

from llm.lab.signals import signals
from llm.models import Decision
from tests.factories import (
    BEN,
    make_contact,
    make_conversation,
    make_inbound,
    make_outbound,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def group():
    return make_conversation(is_group=True)


@pytest.fixture
def ana():
    return make_contact()


@pytest.fixture
def ben():
    return make_contact(BEN, "Ben")


@pytest.fixture
def asked(group, ana):
    return make_inbound(group, "When does it start?", sender=ana, sent_at=at(0))


@pytest.fixture
def decision(group, asked) -> Decision:
    return decide(group, asked, "relevance", "silent")


@pytest.fixture
def reply(group, asked, decision):
    written = decide(group, asked, "response", "written")
    return make_outbound(
        group,
        "At ten.",
        decision=written,
        status="sent",
        whatsapp_id="REPLY",
        sent_at=at(1),
    )


def at(minutes: float):
    return timezone.now() - timedelta(days=1) + timedelta(minutes=minutes)


def decide(group, asked, step: str, outcome: str) -> Decision:
    decision = Decision.objects.create(
        conversation=group, step=step, source="model", outcome=outcome
    )
    decision.messages.add(asked)
    return decision


def kinds(decision: Decision) -> list[str]:
    return [signal.kind.value for signal in signals(decision)]


def test_a_member_answered_what_we_skipped(group, decision, ben):
    make_inbound(group, "At ten", sender=ben, sent_at=at(4))

    assert kinds(decision) == ["answered"]


@pytest.mark.parametrize(
    ("minutes", "fields"),
    [
        pytest.param(7, {}, id="too late"),
        pytest.param(2, {"kind": "reaction"}, id="a reaction"),
        pytest.param(2, {"quoted_id": "OTHER"}, id="about another"),
        pytest.param(-2, {}, id="before"),
    ],
)
def test_what_is_no_answer(group, decision, ben, minutes, fields):
    make_inbound(group, "At ten", sender=ben, sent_at=at(minutes), **fields)

    assert kinds(decision) == []


def test_who_asked_does_not_answer(group, decision, ana):
    make_inbound(group, "Anybody?", sender=ana, sent_at=at(2))

    assert kinds(decision) == []


def test_an_answer_beside_ours_says_nothing(group, decision, reply, ben):
    make_inbound(group, "At ten", sender=ben, sent_at=at(2))

    assert kinds(decision) == []


@pytest.mark.parametrize(
    ("text", "fields", "kind"),
    [
        ("Thanks, and who brings the ladder?", {"quoted_id": "REPLY"}, "quoted"),
        ("No, at eleven", {"quoted_id": "REPLY"}, "corrected"),
        ("👎🏽", {"quoted_id": "REPLY", "kind": "reaction"}, "thumbs_down"),
        ("Stop!", {}, "stop"),
    ],
)
def test_what_people_made_of_our_reply(group, decision, reply, ben, text, fields, kind):
    make_inbound(group, text, sender=ben, sent_at=at(3), **fields)

    assert kinds(decision) == [kind]


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        ("👍", {"quoted_id": "REPLY", "kind": "reaction"}),
        ("We stop at the bridge", {}),
        ("👎", {"quoted_id": "OTHER", "kind": "reaction"}),
    ],
)
def test_what_says_nothing_of_our_reply(group, decision, reply, ben, text, fields):
    make_inbound(group, text, sender=ben, sent_at=at(3), **fields)

    assert kinds(decision) == []


def test_each_kind_is_told_once(group, decision, reply, ben):
    for minutes in (2, 3, 4):
        make_inbound(group, "Stop", sender=ben, sent_at=at(minutes))

    assert kinds(decision) == ["stop"]


def test_a_draft_is_no_reply(group, decision, reply, ben):
    reply.status = "draft"
    reply.save()
    make_inbound(group, "At ten", sender=ben, sent_at=at(2))

    assert kinds(decision) == ["answered"]


def test_reads_with_three_queries(
    group, decision, reply, ben, django_assert_num_queries
):
    for minutes in range(2, 50):
        make_inbound(group, "And then?", sender=ben, sent_at=at(minutes))

    with django_assert_num_queries(3):
        signals(decision)
