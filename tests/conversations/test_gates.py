from datetime import timedelta
from decimal import Decimal

import pytest
import time_machine
from django.utils import timezone

from conversations import gates
from conversations.gates import Spent
from conversations.models import FOREVER, AgentSettings, Contact, Conversation, Message

NOW = timezone.now()


@pytest.fixture(autouse=True)
def now_stands_still():
    """What is listed below as a minute old was so when this file was read."""
    with time_machine.travel(NOW, tick=False):
        yield


NOTHING = Spent([], [], 0, Decimal(0))


def ago(**delta):
    return timezone.now() - timedelta(**delta)


def check(
    text="Is it open?",
    *,
    spent=NOTHING,
    addressed="",
    agent=None,
    sender=None,
    **fields,
):
    kind = fields.pop("kind", "text")
    sent_at = fields.pop("sent_at", timezone.now())
    conversation = Conversation(**{"is_group": True, "mode": "live", **fields})
    message = Message(
        text=text, kind=kind, sent_at=sent_at, sender=sender or Contact(name="Ana")
    )
    return gates.check(
        AgentSettings(**(agent or {})), conversation, [message], addressed, spent
    )


def test_asks_the_model_about_a_question_in_a_group():
    assert check() == gates.Verdict(reason="Not addressed: the model is asked")


def test_answers_a_direct_message_without_asking():
    assert check(is_group=False).prompt == "direct"


def test_answers_whoever_addresses_it():
    verdict = check(addressed="It mentions the agent")

    assert (verdict.prompt, verdict.reason) == ("addressed", "It mentions the agent")


@pytest.mark.parametrize(
    ("fields", "outcome"),
    [
        pytest.param({"agent": {"is_on": False}}, "paused", id="agent switched off"),
        pytest.param({"mode": "off"}, "paused", id="conversation off"),
        pytest.param({"paused_until": FOREVER}, "paused", id="paused"),
        pytest.param({"taken_over_until": FOREVER}, "taken_over", id="taken over"),
        pytest.param({"access": "blocked"}, "filtered", id="conversation blocked"),
        pytest.param(
            {"sender": Contact(access="blocked")}, "filtered", id="sender blocked"
        ),
        pytest.param(
            {"agent": {"only_allowed": True}}, "filtered", id="not on the allow list"
        ),
        pytest.param({"sent_at": NOW - timedelta(hours=1)}, "too_old", id="too old"),
        pytest.param(
            {"spent": Spent([NOW] * 8, [], 0, Decimal(0))},
            "over_budget",
            id="loop in a minute",
        ),
        pytest.param(
            {
                "spent": Spent(
                    [ago(minutes=m / 2) for m in range(3, 63)], [], 0, Decimal(0)
                )
            },
            "over_budget",
            id="loop in an hour",
        ),
        pytest.param(
            {"agent": {"daily_call_limit": 5}, "spent": Spent([], [], 5, Decimal(0))},
            "over_budget",
            id="daily calls",
        ),
        pytest.param(
            {"agent": {"daily_spend_limit": 1}, "spent": Spent([], [], 5, Decimal(1))},
            "over_budget",
            id="daily spend",
        ),
    ],
)
@pytest.mark.parametrize(
    "addressed", ["", "It mentions the agent"], ids=["open", "addressed"]
)
@pytest.mark.parametrize("is_group", [True, False], ids=["group", "direct"])
def test_is_silent_whoever_asks(fields, outcome, addressed, is_group):
    verdict = check(addressed=addressed, is_group=is_group, **fields)

    assert verdict.outcome == outcome
    assert verdict.reason


@pytest.mark.parametrize(
    ("fields", "outcome"),
    [
        pytest.param(
            {"agent": {"group_policy": "addressed"}}, "not_addressed", id="policy"
        ),
        pytest.param({"text": "👍"}, "filtered", id="emoji"),
        pytest.param({"text": "https://example.org/a"}, "filtered", id="link"),
        pytest.param(
            {"text": "", "kind": "image"}, "filtered", id="picture without words"
        ),
        pytest.param(
            {"spent": Spent([], [ago(seconds=30)], 0, Decimal(0))},
            "over_budget",
            id="gap",
        ),
        pytest.param(
            {"spent": Spent([], [ago(minutes=5 + m) for m in range(6)], 0, Decimal(0))},
            "over_budget",
            id="hour",
        ),
        pytest.param(
            {
                "spent": Spent(
                    [], [ago(hours=1.1 + h) for h in range(20)], 0, Decimal(0)
                )
            },
            "over_budget",
            id="day",
        ),
    ],
)
def test_is_silent_only_where_nobody_addressed_it(fields, outcome):
    assert check(**fields).outcome == outcome
    assert check(addressed="It mentions the agent", **fields).prompt == "addressed"


@pytest.mark.parametrize(
    "allowed",
    [{"access": "allowed"}, {"sender": Contact(access="allowed")}],
    ids=["conversation", "sender"],
)
def test_answers_those_on_the_allow_list(allowed):
    assert not check(agent={"only_allowed": True}, **allowed).outcome


def test_a_block_beats_an_allowance():
    verdict = check(access="allowed", sender=Contact(access="blocked"))

    assert verdict.outcome == "filtered"


def test_pauses_end():
    assert not check(
        paused_until=ago(minutes=1), taken_over_until=ago(minutes=1)
    ).outcome


OWN = {"5511999990009@s.whatsapp.net", "271357031895794@lid"}


@pytest.mark.parametrize(
    ("fields", "reply_to_us", "expected"),
    [
        pytest.param(
            {"mentions": ["271357031895794@lid"]},
            False,
            "It mentions the agent",
            id="LID",
        ),
        pytest.param(
            {"mentions": ["5511999990009@s.whatsapp.net"]},
            False,
            "It mentions the agent",
            id="phone",
        ),
        pytest.param(
            {"quoted_sender": "271357031895794@lid"},
            False,
            "It replies to the agent",
            id="quoted",
        ),
        pytest.param(
            {}, True, "It replies to the agent", id="reply to a stored message"
        ),
        pytest.param(
            {"text": "hey ROBIN, help"}, False, "It calls Robin by name", id="name"
        ),
        pytest.param({"text": "Robinson is here"}, False, "", id="part of a word"),
        pytest.param({"mentions": ["1@lid"]}, False, "", id="somebody else"),
    ],
)
def test_knows_how_it_is_addressed(fields, reply_to_us, expected):
    message = Message(**{"text": "hello", "mentions": [], **fields})

    assert gates.how_addressed(message, OWN, ["Robin"], reply_to_us) == expected


def test_a_reply_from_before_the_clock_was_set_back_is_no_reason_to_be_silent():
    spent = Spent([], [NOW + timedelta(minutes=2)], 0, Decimal(0))

    assert not check(spent=spent, is_group=True).outcome
