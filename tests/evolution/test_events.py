"""What the recordings do not show: shapes from the source, and shapes from nowhere."""

import copy
import json
from datetime import UTC, datetime

import pytest
import time_machine
from hypothesis import HealthCheck, given, settings, strategies as st

from conversations.whatsapp import (
    Address,
    AddressesLearned,
    Kind,
    MessageDeleted,
    MessageEdited,
    Origin,
    StatusUpdate,
)
from evolution import content
from evolution.events import Parsed, parse
from evolution.values import UnreadableError
from tests.evolution import recorded

TEXT = "webhooks/messages/dm_pn_conversation/01-messages.upsert"
GROUP_TEXT = "webhooks/messages/group_lid_text/01-messages.upsert"
VOICE = "webhooks/messages/audio_voice_note/01-messages.upsert"
NOW = datetime(2026, 11, 22, 10, tzinfo=UTC)


def body(path=TEXT, *, event=None, key=None, message=None, **data):
    found = recorded.load(path)
    found["event"] = event or found["event"]
    found["data"]["key"].update(key or {})
    if message is not None:
        found["data"]["message"] = message
    found["data"].update(data)
    return found


def message(*args, **kwargs):
    [event] = parse(body(*args, **kwargs)).about_conversations
    return event


def envelope(event, data):
    return {"event": event, "instance": "wa1", "data": data}


def told(event, data):
    return parse(envelope(event, data)).about_conversations


@pytest.mark.parametrize(
    "wrapper",
    [
        "ephemeralMessage",
        "viewOnceMessage",
        "viewOnceMessageV2",
        "viewOnceMessageV2Extension",
        "documentWithCaptionMessage",
        "editedMessage",
    ],
)
def test_finds_the_text_in_a_wrapper(wrapper):
    inner = {"message": {"extendedTextMessage": {"text": "inside"}}}

    assert message(message={wrapper: inner}).text == "inside"


def test_finds_the_text_in_wrappers_of_wrappers():
    inner = {"conversation": "inside"}
    for wrapper in ("viewOnceMessageV2", "ephemeralMessage") * 3:
        inner = {wrapper: {"message": inner}}

    assert message(message=inner).text == "inside"


def test_gives_up_on_endless_wrappers():
    inner = {"conversation": "inside"}
    for _ in range(50):
        inner = {"ephemeralMessage": {"message": inner}}

    assert message(message=inner).kind == Kind.UNKNOWN


@pytest.mark.parametrize(
    ("found", "kind", "text"),
    [
        ({"buttonsResponseMessage": {"selectedButtonId": "b1"}}, Kind.TEXT, "b1"),
        ({"listResponseMessage": {"singleSelectReply": {"selectedRowId": "r1"}}}, Kind.TEXT, "r1"),
        ({"interactiveResponseMessage": {"nativeFlowResponseMessage": {"paramsJson": "{}"}}}, Kind.TEXT, "{}"),
        ({"audioMessage": {"seconds": 3}}, Kind.AUDIO, ""),
        ({"audioMessage": {"ptt": True}}, Kind.VOICE, ""),
        ({"liveLocationMessage": {"caption": "here"}}, Kind.LOCATION, "here"),
        ({"contactsArrayMessage": {"contacts": [{"displayName": "Bob"}, {"displayName": "Eve"}]}}, Kind.CONTACT, "Bob, Eve"),
        ({"pollCreationMessage": {"name": "When?", "options": [{"optionName": "now"}]}}, Kind.POLL, "When?\n- now"),
        ({"pollUpdateMessage": {"vote": {"selectedOptions": ["yes", "no"]}}}, Kind.POLL_VOTE, "yes, no"),
        ({"eventMessage": {"name": "Party", "startTime": "x"}}, Kind.EVENT, "Party"),
        ({"somethingNewMessage": {"text": "?"}}, Kind.UNKNOWN, ""),
        ({"messageContextInfo": {}, "imageMessage": {"caption": "cat"}}, Kind.IMAGE, "cat"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)  # fmt: skip
def test_reads_the_content(found, kind, text):
    read = content.read(found)

    assert (read.kind, read.text) == (kind, text)


def test_tells_a_gif_from_other_videos():
    found = {"videoMessage": {"mimetype": "video/mp4", "gifPlayback": True}}

    read = content.read(found)

    assert (read.kind, read.media["gif"]) == (Kind.VIDEO, True)


def test_reads_what_is_about_the_message_from_inside_its_content():
    context = {
        "stanzaId": "Q1",
        "participant": "239513548562601@lid",
        "quotedMessage": {"imageMessage": {"caption": "a cat"}},
        "mentionedJid": ["5511999990009:3@s.whatsapp.net", "5511999990009@c.us", 5],
    }

    event = message(message={"imageMessage": {"caption": "x", "contextInfo": context}})

    assert event.quoted_id == "Q1"
    assert event.quoted_sender == "239513548562601@lid"
    assert event.quoted_text == "a cat"
    assert event.mentions == ("5511999990009@s.whatsapp.net",)


@pytest.mark.parametrize(
    ("jid", "alt", "address"),
    [
        ("5511988887777:12@s.whatsapp.net", None, Address("5511988887777@s.whatsapp.net")),
        ("5511988887777@c.us", None, Address("5511988887777@s.whatsapp.net")),
        ("5511988887777", None, Address("5511988887777@s.whatsapp.net")),
        ("+5511988887777", "", Address("5511988887777@s.whatsapp.net")),
        ("1@lid", "1@lid", Address(lid="1@lid")),
        ("1@lid", "2@s.whatsapp.net", Address("2@s.whatsapp.net", "1@lid")),
        ("1:7@hosted.lid", "2@hosted", Address("2@s.whatsapp.net", "1@lid")),
    ],
    ids=["device", "old spelling", "digits", "plus", "alias of itself", "pair", "hosted"],
)  # fmt: skip
def test_reads_addresses_in_every_spelling(jid, alt, address):
    event = message(key={"remoteJid": jid, "remoteJidAlt": alt})

    assert event.chat == event.sender == address


@pytest.mark.parametrize(
    "jid", ["status@broadcast", "1@broadcast", "1@newsletter", "1@bot"]
)
def test_ignores_what_is_no_chat(jid):
    assert parse(body(key={"remoteJid": jid})).about_conversations == []


def test_knows_no_sender_in_a_group_that_does_not_tell():
    key = {"participant": "", "participantAlt": None}

    assert message(GROUP_TEXT, key=key).sender == Address()


@pytest.mark.parametrize("name", ["Você", "5511988887777", "239513548562601", None, 5])
def test_takes_no_placeholder_for_a_name(name):
    assert message(GROUP_TEXT, pushName=name).sender_name == ""


def test_takes_our_own_name_for_nobodys():
    assert message(key={"fromMe": True}, pushName="Clinic").sender_name == ""


def test_replaces_what_no_database_takes():
    event = message(message={"conversation": "a\0b\ud83dc😀"}, pushName="Al\0ice\udc00")

    assert event.text == "a\ufffdb\ufffdc😀"
    assert event.sender_name == "Al\ufffdice\ufffd"


def test_the_automatic_answer_to_a_call_is_nobody_stepping_in():
    event = message(key={"fromMe": True}, status="PENDING")

    assert event.origin == Origin.API


@pytest.mark.parametrize(
    ("stamp", "sent_at"),
    [
        (1795338924, datetime(2026, 11, 22, 9, 15, 24, tzinfo=UTC)),
        ("1795338924", datetime(2026, 11, 22, 9, 15, 24, tzinfo=UTC)),
        ({"low": 1795338924, "high": 0, "unsigned": True}, datetime(2026, 11, 22, 9, 15, 24, tzinfo=UTC)),
        ({"low": -1, "high": 0}, datetime(2106, 2, 7, 6, 28, 15, tzinfo=UTC)),
        (0, NOW), (None, NOW), ("soon", NOW), (10**15, NOW), (10**400, NOW), (-5, NOW), (True, NOW), (float("nan"), NOW),
    ],
    ids=str,
)  # fmt: skip
def test_reads_the_time_of_a_message_or_takes_now(stamp, sent_at):
    with time_machine.travel(NOW, tick=False):
        assert message(messageTimestamp=stamp).sent_at == sent_at


def test_adds_a_transcript_to_a_voice_note():
    voice = recorded.load(VOICE)["data"]["message"]

    event = message(message={**voice, "speechToText": "[audio] good morning"})

    assert event.text == "good morning"
    assert event.media["seconds"] == 3


def test_keeps_no_file_in_the_event():
    assert "base64" not in str(message(VOICE))


@pytest.mark.parametrize(
    ("status", "ours"),
    [("PENDING", "sent"), ("SERVER_ACK", "sent"), ("DELIVERY_ACK", "delivered"),
     ("READ", "read"), ("PLAYED", "read"), ("ERROR", "failed")],
)  # fmt: skip
def test_translates_every_status(status, ours):
    record = {"keyId": "M1", "fromMe": True, "status": status}

    assert told("messages.update", [record]) == [StatusUpdate("wa1", "M1", ours)]


@pytest.mark.parametrize(
    "record",
    [
        {"keyId": "M1", "fromMe": False, "status": "READ"},
        {"keyId": "M1", "fromMe": True, "pollUpdates": []},
    ],
    ids=["read on the phone", "no status"],
)
def test_an_update_may_say_nothing(record):
    assert told("messages.update", record) == []


@pytest.mark.parametrize(
    "record",
    [
        {"remoteJid": "1@lid", "fromMe": True, "id": "M1", "status": "DELETED"},
        {"id": "cmwrn521k005jdk7dijb79j22", "key": {"id": "M1", "deleted": True}},
    ],
    ids=["by them", "through the API"],
)
def test_reads_both_shapes_of_a_deletion(record):
    assert told("messages.delete", record) == [MessageDeleted("wa1", "M1")]


@pytest.mark.parametrize(
    ("said", "told_at"),
    [
        ("2026-11-22T09:34:37.269Z", datetime(2026, 11, 22, 9, 34, 37, 269000, UTC)),
        ("2026-11-22T09:34:37", datetime(2026, 11, 22, 9, 34, 37, tzinfo=UTC)),
        ("9999-12-31T23:59:59Z", None),
        ("soon", None),
        (7, None),
    ],
)
def test_an_edit_is_dated_by_the_bridge(said, told_at):
    edited = {"editedMessage": {"message": {"conversation": "new"}}}
    body = envelope("messages.update", {"keyId": "M1", "message": edited})

    [event] = parse({**body, "date_time": said}).events

    assert event == MessageEdited("wa1", "M1", "new", told_at)


def test_what_changes_outside_the_chats_is_none_of_ours():
    edited = {"editedMessage": {"message": {"conversation": "new"}}}
    place = {"remoteJid": "status@broadcast", "id": "M1", "keyId": "M1"}

    assert told("messages.delete", {"key": place}) == []
    assert told("messages.update", {**place, "message": edited}) == []


@pytest.mark.parametrize(
    ("protocol", "expected"),
    [
        ({"type": "MESSAGE_EDIT", "editedMessage": {"imageMessage": {"caption": "new"}}}, [MessageEdited("wa1", "M1", "new")]),
        ({"type": 14, "editedMessage": {"conversation": "new"}}, [MessageEdited("wa1", "M1", "new")]),
        ({"type": 0}, [MessageDeleted("wa1", "M1")]),
        ({"type": "HISTORY_SYNC_NOTIFICATION"}, []),
        ({"type": "APP_STATE_SYNC_KEY_SHARE"}, []),
    ],
    ids=["edited caption", "edit by number", "revoke by number", "history", "keys"],
)  # fmt: skip
def test_reads_changes_of_a_message(protocol, expected):
    assert told("messages.edited", {**protocol, "key": {"id": "M1"}}) == expected


def test_an_edit_that_comes_as_a_message_is_an_edit():
    protocol = {
        "key": {"id": "M1"},
        "type": 14,
        "editedMessage": {"conversation": "new"},
    }
    wrapped = {"editedMessage": {"message": {"protocolMessage": protocol}}}

    edit = message(message=wrapped)
    assert (edit.whatsapp_id, edit.text) == ("M1", "new")


def test_members_of_a_group_give_their_addresses_away():
    participants = [
        {"id": "1@lid", "phoneNumber": "2@s.whatsapp.net", "admin": None},
        {"id": "3@lid"},
        "4@s.whatsapp.net",
    ]

    events = told("group-participants.update", {"participants": participants})

    assert events == [AddressesLearned(Address("2@s.whatsapp.net", "1@lid"))]


def test_history_is_read_record_by_record():
    record = recorded.load(TEXT)["data"]
    broken = {**record, "key": None}
    sent_by_us = {**record, "key": {**record["key"], "fromMe": True}}

    parsed = parse(envelope("messages.set", [record, broken, sent_by_us]))

    assert [(one.origin, one.from_me) for one in parsed.events] == [
        (Origin.HISTORY, False),
        (Origin.HISTORY, True),
    ]
    [failure] = parsed.failures
    assert failure.body == envelope("messages.set", [broken])


def test_an_empty_history_says_nothing():
    assert parse(envelope("messages.set", [])) == Parsed("wa1")


@pytest.mark.parametrize(
    "found",
    [
        {},
        {"event": "messages.upsert"},
        {"event": "messages.upsert", "instance": "", "data": {}},
        {"event": "messages.upsert", "instance": "x" * 101, "data": {}},
        envelope("something.new", {}),
        envelope("messages.upsert", None),
        envelope("messages.upsert", {}),
        envelope("messages.upsert", {"key": {"remoteJid": "1@lid"}}),
        envelope("messages.update", {"keyId": "M1", "fromMe": True, "status": "WEIRD"}),
        envelope("messages.edited", {"key": {"id": "M1"}}),
        envelope("messages.delete", {}),
        envelope("connection.update", {"state": "dancing"}),
        envelope("qrcode.updated", {}),
        envelope("status.instance", {}),
        envelope("group-participants.update", {"participants": None}),
        body(key={"id": None}),
        body(key={"id": "x" * 129}),
        body(key={"fromMe": "false"}),
        body(key={"remoteJid": "what@ever"}),
        body(message="hello"),
        body(message={"imageMessage": "cat"}),
        body(message={"conversation": 5}),
    ],
)
def test_refuses_shapes_that_it_does_not_know(found):
    with pytest.raises(UnreadableError):
        parse(found)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(), max_size=10)
    | st.sampled_from(["1@lid", "2@s.whatsapp.net", "3@g.us", "MESSAGE_EDIT", "open"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip
# One of each sort and shape is enough to start from.
SEEDS = [
    path
    for path in recorded.paths()
    if "/messages/" in path or "/send/" in path or "qr_limit" in path
]


def places(value, path=()):
    yield path
    children = []
    if isinstance(value, dict):
        children = value.items()
    elif isinstance(value, list):
        children = enumerate(value)
    for key, child in children:
        yield from places(child, (*path, key))


def put(found, path, value):
    if not path:
        return value
    for key in path[:-1]:
        found = found[key]
    found[path[-1]] = value


@settings(max_examples=600, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_a_damaged_body_is_read_or_refused(data):
    found = copy.deepcopy(recorded.load(data.draw(st.sampled_from(SEEDS))))
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.sampled_from([one for one in places(found) if one]))
        put(found, place, data.draw(JSON))

    try:
        parsed = parse(found)
    except UnreadableError:
        return

    for event in parsed.events:
        str(event).encode()  # no lone surrogates
        assert "\\x00" not in repr(event)
        json.dumps(getattr(event, "media", {}), allow_nan=False)


@pytest.mark.parametrize(
    "found",
    [
        body(message={"conversation": {"value": "hello"}}),
        body(message={"extendedTextMessage": {"text": ["hello"]}}),
        body(message={"imageMessage": {"caption": {"text": "hello"}}}),
    ],
    ids=["conversation", "extended", "caption"],
)
def test_what_is_no_text_does_not_pass_for_an_empty_one(found):
    with pytest.raises(UnreadableError):
        parse(found)


@pytest.mark.parametrize(
    "edited",
    [None, {}, {"conversation": ""}, {"somethingNewMessage": {"text": "new"}}],
    ids=["nothing", "no content", "no text", "unknown"],
)
@pytest.mark.parametrize("event", ["messages.edited", "messages.update"])
def test_an_edit_without_a_readable_text_erases_nothing(event, edited):
    change = {"key": {"id": "M1"}, "type": "MESSAGE_EDIT", "editedMessage": edited}
    update = {"keyId": "M1", "message": {"editedMessage": {"message": edited or {}}}}

    with pytest.raises(UnreadableError):
        parse(envelope(event, change if event == "messages.edited" else update))


@pytest.mark.parametrize("sort", [True, {}, ["MESSAGE_EDIT"], 1.5])
def test_a_change_whose_sort_is_no_name_is_kept(sort):
    with pytest.raises(UnreadableError):
        parse(envelope("messages.edited", {"key": {"id": "M1"}, "type": sort}))
