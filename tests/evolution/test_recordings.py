from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from conversations.whatsapp import IncomingMessage
from evolution.connection import OwnAddressLearned
from evolution.events import IGNORED, parse
from tests.evolution import recorded
from tests.evolution.expected import EVENTS, OUR_PHONE, OWN_ADDRESSES

PATHS = recorded.paths()


def told(path):
    """The events of a recording, but for those about our own address."""
    events = parse(recorded.load(path)).events
    return [event for event in events if not isinstance(event, OwnAddressLearned)]


@pytest.mark.parametrize("path", EVENTS)
def test_says_exactly_what_was_sent(path):
    expected = EVENTS[path]
    if isinstance(expected, IncomingMessage):
        data = recorded.load(path)["data"]
        sent_at = datetime.fromtimestamp(data["messageTimestamp"], UTC)
        expected = replace(expected, whatsapp_id=data["key"]["id"], sent_at=sent_at)

    assert told(path) == [expected]


@pytest.mark.parametrize("path", [path for path in PATHS if path not in EVENTS])
def test_says_nothing_where_nothing_is_expected(path):
    assert told(path) == []


def test_every_recording_but_the_ignored_ones_has_its_expectation():
    silent = {
        "webhooks/messages/ephemeral_setting/01-messages.edited",
        "webhooks/receipts/read_self/01-messages.update",
        "webhooks/settings/status_when_readStatus/01-messages.upsert",
    }
    used = {path for path in PATHS if recorded.load(path)["event"] not in IGNORED}

    assert used - silent == set(EVENTS)


def test_every_sort_of_event_was_recorded():
    counts = Counter(recorded.load(path)["event"] for path in PATHS)

    assert counts["messages.upsert"] == 87
    assert counts["send.message"] == 40
    assert counts["connection.update"] == 46
    assert sum(counts.values()) == len(PATHS)


@pytest.mark.parametrize(
    "path",
    [path for path in PATHS if recorded.load(path)["event"] == "messages.upsert"],
)
def test_learns_our_own_address_from_a_message(path):
    body = recorded.load(path)
    address, name = OWN_ADDRESSES.get(path, (OUR_PHONE, ""))
    expected = [OwnAddressLearned("wa1", address, name)] if "sender" in body else []

    events = parse(body).events

    assert [one for one in events if isinstance(one, OwnAddressLearned)] == expected
