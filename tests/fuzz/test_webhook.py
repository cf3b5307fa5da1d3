"""Every recording, damaged, sent to the webhook: no 500, and nothing vanishes."""

import copy
import json
import logging

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings, strategies as st

from conversations.models import Conversation, Message
from conversations.whatsapp import IncomingMessage
from evolution.addresses import NOT_CHATS
from evolution.events import ABOUT_MESSAGES, IGNORED, parse
from evolution.models import UnreadableEvent
from tests import factories
from tests.evolution import recorded
from tests.fuzz.damage import ANY_JSON, damage, written
from tests.fuzz.effort import examples, randomness

USED = [path for path in recorded.paths() if recorded.load(path)["event"] not in IGNORED]  # fmt: skip
IGNORED_ONES = [path for path in recorded.paths() if path not in USED]
CHANGES = {"messages.update", "messages.edited", "messages.delete", "send.message.update"}  # fmt: skip
CONTENT = ("data", "message")
SAID_BEFORE = "said before"
OK, KEPT = {"status": "ok"}, {"status": "kept"}


@pytest.fixture
def send(db, deliver, caplog):
    """Deliver a body, look at what became of it, and forget it."""

    def send(text: str | bytes, look, before=lambda: None) -> None:
        caplog.clear()
        with transaction.atomic():
            before()
            answer = deliver(text)
            assert answer.status_code == 200
            assert answer.json() in (OK, KEPT)
            # Kept as well, but for a mistake of ours.
            errors = [one for one in caplog.records if one.levelno >= logging.ERROR]
            assert not [(one.getMessage(), one.exc_info) for one in errors]
            look(answer.json())
            transaction.set_rollback(True)

    return send


@pytest.mark.parametrize("path", USED)
def test_a_damaged_recording_is_stored_or_kept(send, path):
    random = randomness(path)
    for _ in range(examples(2)):
        body = copy.deepcopy(recorded.load(path))
        done = damage(body, random)
        text = written(body, random)

        def look(answer: dict, text=text, path=path, done=done) -> None:
            assert _where_it_went(answer, path, text, done), (done, text)
            erased = Message.objects.filter(direction="out", author="agent", text="")
            assert not erased.exists(), (done, text)

        send(text, look, before=lambda path=path: _store_what_it_is_about(path))


@pytest.mark.parametrize("path", [path for path in USED if "event" in recorded.load(path)])  # fmt: skip
def test_a_damaged_record_takes_no_other_with_it(send, path):
    body = recorded.load(path)
    if body["event"] not in ABOUT_MESSAGES or isinstance(body["data"], list):
        return
    random = randomness(path)
    good = recorded.load(GOOD)["data"]
    for _ in range(examples(1)):
        several = {"data": copy.deepcopy(body["data"])}
        done = damage(several, random)
        before, after = copy.deepcopy(good), copy.deepcopy(good)
        before["key"]["id"], after["key"]["id"] = "BEFORE", "AFTER"
        data = [before, several.get("data"), after]
        text = written({**body, "event": "messages.upsert", "data": data}, random)

        def look(answer: dict, text=text, done=done) -> None:
            if answer == KEPT:  # nothing of it could be read as JSON
                assert "nested too deeply" in UnreadableEvent.objects.get().error
                return
            ids = set(Message.objects.values_list("whatsapp_id", flat=True))
            assert {"BEFORE", "AFTER"} <= ids, (done, text)

        send(text, look)


GOOD = "webhooks/messages/dm_pn_conversation/01-messages.upsert"


@pytest.mark.parametrize("path", IGNORED_ONES[:: max(1, 8 // examples(1))])
def test_a_damaged_recording_of_no_use_is_ignored_or_kept(send, path):
    random = randomness(path)
    for _ in range(examples(1)):
        body = copy.deepcopy(recorded.load(path))
        damage(body, random)
        event = body.get("event")

        def look(answer: dict, event=event) -> None:
            is_ignored = isinstance(event, str) and event in IGNORED
            assert (answer == OK) or not is_ignored or UnreadableEvent.objects.exists()

        send(written(body, random), look)


@settings(
    max_examples=examples(40),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(found=ANY_JSON)
def test_any_json_is_kept(send, found):
    def look(answer: dict) -> None:
        assert answer == KEPT
        assert UnreadableEvent.objects.count() == 1

    send(json.dumps(found), look)


@settings(
    max_examples=examples(30),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    event=st.sampled_from(sorted(ABOUT_MESSAGES)),
    data=ANY_JSON,
    rest=st.dictionaries(st.sampled_from(["sender", "apikey", "date_time"]), ANY_JSON),
)
def test_any_data_of_a_known_event_is_read_or_kept(send, event, data, rest):
    body = {**rest, "event": event, "instance": "wa1", "data": data}
    send(json.dumps(body), lambda answer: None)


@settings(
    max_examples=examples(30),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(raw=st.binary(max_size=200) | st.text(max_size=50).map(str.encode))
def test_any_bytes_are_kept(send, raw):
    send(raw, lambda answer: None)


@pytest.mark.parametrize("path", [path for path in USED if "dm_pn_conversation" in path or "group_lid_text" in path])  # fmt: skip
def test_a_body_cut_anywhere_is_kept(send, path):
    whole = json.dumps(recorded.load(path))
    step = max(1, len(whole) // examples(40))
    for end in range(1, len(whole), step):
        send(whole[:end], lambda answer: _assert_kept(answer))


def _assert_kept(answer: dict) -> None:
    assert answer == KEPT
    assert UnreadableEvent.objects.count() == 1


def _where_it_went(answer: dict, path: str, text: str, done: list) -> bool:
    """Whether a body is in the database, or says nothing by what its names mean."""
    if UnreadableEvent.objects.exists():
        return True
    assert answer == OK
    body = json.loads(text)
    if body["event"] in IGNORED:
        return True
    incoming = [one for one in parse(body).events if isinstance(one, IncomingMessage)]
    ids = set(Message.objects.values_list("whatsapp_id", flat=True))
    assert {one.whatsapp_id for one in incoming} <= ids
    assert _text_is_there(path, done)
    return bool(parse(body).events) or _says_nothing(body, path)


def _text_is_there(path: str, done: list) -> bool:
    """What somebody wrote is stored as it was, where only other things were damaged.

    An image whose caption has no known name any more is an image without a caption.
    """
    if any(where[:1] == ("event",) or where == ("data",) or where[:2] == CONTENT for _, where in done):  # fmt: skip
        return True
    wrote = [one.text for one in parse(recorded.load(path)).events if isinstance(one, IncomingMessage)]  # fmt: skip
    stored = "\n".join(Message.objects.values_list("text", flat=True))
    return all(text in stored for text in wrote)


def _says_nothing(body: dict, path: str) -> bool:
    if not parse(recorded.load(path)).events:
        return True
    match body["event"], body.get("data"):
        case _, []:
            return True
        case "messages.update", list(records):
            return all(_is_no_receipt(one) for one in records)
        case "messages.update", dict(record):
            return _is_no_receipt(record)
        case "status.instance", {"status": str(status)}:
            return status != "closed"
        case "group-participants.update", {"participants": list()}:
            return True
        case _, {"key": {"remoteJid": str(jid)}} if jid.endswith(NOT_CHATS):
            return True
        case _, {"type": str() | int()}:
            return True  # a change of another sort than an edit or a deletion
        case _, {"message": dict(message)}:
            return "protocolMessage" in json.dumps(message)
    return False


def _is_no_receipt(record: dict) -> bool:
    return record.get("status") is None or not record.get("fromMe")


def _store_what_it_is_about(path: str) -> None:
    """A message of ours, for receipts, edits and deletions to find."""
    body = recorded.load(path)
    if body["event"] not in CHANGES:
        return
    data = body["data"]
    group = factories.make_conversation(is_group=True)
    Conversation.objects.update(instance=body["instance"])
    for record in data if isinstance(data, list) else [data]:
        key = record.get("key") or {}
        for whatsapp_id in {record.get("keyId"), key.get("id")} - {None}:
            factories.make_outbound(
                group, SAID_BEFORE, whatsapp_id=whatsapp_id, status="sent"
            )
