import base64
import json
import re
import time
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
import responses

from conversations.whatsapp import (
    Address,
    BridgeError,
    GroupInfo,
    IncomingMessage,
    Kind,
    MediaContent,
    Quote,
    SentMessage,
    provider as named_provider,
)
from evolution import client, notices, provider
from evolution.models import Instance

RECORDINGS = Path(__file__).parent / "recordings"
URL = "http://evolution.test:9209"
GROUP = "120363000000000001@g.us"
ALICE = Address("5511988887777@s.whatsapp.net", "239513548562601@lid")
OURS = Address("5511999990009@s.whatsapp.net", "271357031895794@lid")
SINCE = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
UNTIL = SINCE + timedelta(minutes=30)
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAgAAAAICAIAAABLbSncAAAAEklEQVR4nGP4z8CAFWEXHbQSACj/P8Fu"
    "7N9hAAAAAElFTkSuQmCC"
)


def recorded(name):
    return json.loads((RECORDINGS / "rest" / f"{name}.json").read_text())


def replay(name):
    request, response = recorded(name)["request"], recorded(name)["response"]
    return responses.add(
        request["method"],
        URL + request["url"].partition("?")[0],
        status=response["status"],
        json=response["body"],
    )


def asked():
    return [call.request.path_url.partition("?")[0] for call in responses.calls]


def bodies():
    return [json.loads(call.request.body) for call in responses.calls]


def wait_for_notices():
    deadline = time.monotonic() + 5
    while notices._notices._busy and time.monotonic() < deadline:
        time.sleep(0.005)


@pytest.fixture(autouse=True)
def _nothing_asked_yet(monkeypatch):
    monkeypatch.setattr(provider, "_asked_at", {})
    monkeypatch.setattr(client, "_version", {})


def test_is_the_provider_that_the_settings_name():
    assert named_provider() is provider


@pytest.mark.parametrize("missing", ["EVOLUTION_URL", "EVOLUTION_API_KEY"])
def test_is_not_configured_without(missing, settings):
    assert provider.is_configured()

    setattr(settings, missing, "")

    assert not provider.is_configured()


def test_reads_a_message():
    path = RECORDINGS / "webhooks/messages"
    body = json.loads(next(path.glob("*/*messages.upsert.json")).read_text())
    body = body.get("body", body)

    events = provider.parse_incoming_message(body)

    assert any(isinstance(event, IncomingMessage) for event in events)


def test_reads_nothing_about_conversations_in_an_event_about_an_instance():
    body = {"event": "remove.instance", "instance": "wa1", "data": None}

    assert provider.parse_incoming_message(body) == []


@pytest.mark.parametrize(
    "data", [pytest.param(None, id="none"), pytest.param([None], id="a list of none")]
)
def test_refuses_a_message_without_data(data):
    with pytest.raises(ValueError, match="no object"):
        provider.parse_incoming_message(
            {"event": "messages.upsert", "instance": "wa1", "data": data}
        )


@responses.activate
@pytest.mark.django_db
def test_finds_our_own_addresses_in_a_group():
    replay("baileys_pairing/008-fetchInstances_open")
    replay("extra/005-group_participants")

    assert provider.own_addresses("wa1", GROUP) == OURS

    row = Instance.objects.get(name="wa1")
    assert Address(row.phone_jid, row.lid) == OURS


@responses.activate
@pytest.mark.django_db
def test_finds_our_own_lid_where_members_go_by_phone_number():
    Instance.objects.create(name="wa1", phone_jid=OURS.phone_jid)
    members = recorded("baileys_send/047-group_info_pn")["response"]["body"]
    responses.get(
        f"{URL}/group/participants/wa1", json={"participants": members["participants"]}
    )

    assert provider.own_addresses("wa1", GROUP) == OURS


@responses.activate
@pytest.mark.django_db
def test_asks_nobody_for_addresses_that_it_knows():
    Instance.objects.create(name="wa1", phone_jid=OURS.phone_jid, lid=OURS.lid)

    assert provider.own_addresses("wa1", GROUP) == OURS
    assert asked() == []


@responses.activate
@pytest.mark.django_db
def test_needs_no_lid_of_its_own_in_a_direct_chat():
    Instance.objects.create(name="wa1", phone_jid=OURS.phone_jid)

    assert provider.own_addresses("wa1") == Address(OURS.phone_jid)
    assert asked() == []


@responses.activate
@pytest.mark.django_db
def test_returns_what_it_knows_when_the_bridge_fails():
    Instance.objects.create(name="wa1", phone_jid=OURS.phone_jid)
    replay("evolution_channel_messages/044-group_participants")
    responses.get(f"{URL}/group/participants/wa1", status=500, json={})

    assert provider.own_addresses("wa1", GROUP) == Address(OURS.phone_jid)


@responses.activate
@pytest.mark.django_db
def test_asks_again_only_after_a_minute(monkeypatch):
    responses.get(f"{URL}/instance/fetchInstances", status=500, json={})
    now = [1000.0]
    monkeypatch.setattr(provider.time, "monotonic", lambda: now[0])

    provider.own_addresses("wa1")
    provider.own_addresses("wa1")
    now[0] += 61
    provider.own_addresses("wa1")

    assert len(responses.calls) == 2


@responses.activate
def test_sends_and_returns_the_id():
    replay("baileys_send/001-text")

    sent = provider.send_message("wa1", ALICE.phone_jid, "Hi Alice", message_id="3EB0A")

    assert sent == "3EB0973F50BB8D48DF97AA"
    assert bodies() == [
        {
            "number": ALICE.phone_jid,
            "text": "Hi Alice",
            "linkPreview": False,
            "messageId": "3EB0A",
        }
    ]


@responses.activate
@pytest.mark.parametrize(
    ("name", "quote"),
    [
        pytest.param(
            "baileys_send/018-group_text_quoted",
            Quote("X1", GROUP, ALICE.lid, "hi group"),
            id="in a group",
        ),
        pytest.param(
            "baileys_send/013-text_quoted_full",
            Quote(
                "3EB0000000000000000001",
                ALICE.phone_jid,
                ALICE.phone_jid,
                "hello bot",
            ),
            id="in a direct chat",
        ),
    ],
)
def test_quotes_as_evolution_wants_it(name, quote):
    replay(name)

    provider.send_message("wa1", quote.chat_jid, "re", quote=quote)

    assert bodies()[0]["quoted"] == recorded(name)["request"]["body"]["quoted"]


@responses.activate
def test_tells_when_a_send_fails():
    replay("baileys_send/007-text_not_on_whatsapp")

    with pytest.raises(BridgeError, match="not on WhatsApp"):
        provider.send_message("wa1", "5511988880000", "hi")


@responses.activate
@pytest.mark.parametrize(
    "answer", [{"status": 500}, {"status": 404, "body": "Cannot POST"}, {"json": {}}]
)
def test_sends_without_an_id_when_it_cannot_get_one(answer):
    responses.get(f"{URL}/", json={"version": "2.4.0"})
    responses.post(f"{URL}/baileys/generateMessageID/wa1", **answer)

    assert provider.new_message_id("wa1") == ""


def page(number, pages, *records):
    found = {"total": 9, "pages": pages, "currentPage": number, "records": records}
    return {"messages": found}


def record(whatsapp_id, message, seconds=0):
    return {
        "key": {"id": whatsapp_id, "fromMe": True},
        "message": message,
        "messageTimestamp": int(SINCE.timestamp()) + seconds,
    }


@responses.activate
@pytest.mark.parametrize(
    ("name", "kind", "content", "caption"),
    [
        (
            "baileys_send/020-media_image_base64",
            Kind.IMAGE,
            MediaContent(PNG, "image/png", "a.png"),
            "cap",
        ),
        (
            "baileys_send/021-media_document",
            Kind.DOCUMENT,
            MediaContent(b"%PDF-1.4", "application/pdf", "a.pdf"),
            "",
        ),
    ],
)
def test_sends_a_file_as_recorded(name, kind, content, caption):
    replay(name)
    exchange = recorded(name)

    sent_id = provider.send_media("wa1", "5511988887777", kind, content, caption)

    assert bodies() == [exchange["request"]["body"]]
    assert sent_id == exchange["response"]["body"]["key"]["id"]


@responses.activate
@pytest.mark.parametrize(
    ("answer", "unknown"),
    [
        pytest.param({"status": 500, "json": {}}, True, id="failed"),
        pytest.param({"status": 201, "body": "?"}, True, id="unreadable"),
        pytest.param({"status": 201, "json": {}}, True, id="without an id"),
        pytest.param({"status": 413, "body": "too large"}, True, id="refused oddly"),
        pytest.param(
            recorded("baileys_send/023-media_bad_base64")["response"],
            False,
            id="refused",
        ),
    ],
)
def test_whether_a_file_left_may_be_unknown(answer, unknown):
    answer = {
        "json" if key == "body" and isinstance(value, dict) else key: value
        for key, value in answer.items()
    }
    responses.post(f"{URL}/message/sendMedia/wa1", **answer)

    with pytest.raises(BridgeError) as caught:
        provider.send_media("wa1", "1", Kind.IMAGE, MediaContent(PNG), "")

    assert caught.value.unknown is unknown


@responses.activate
@pytest.mark.parametrize(
    ("name", "kind", "text", "facts"),
    [
        (
            "baileys_send/020-media_image_base64",
            Kind.IMAGE,
            "cap",
            {"mimetype": "image/png", "bytes": 270},
        ),
        (
            "baileys_send/021-media_document",
            Kind.DOCUMENT,
            "",
            {"mimetype": "application/pdf", "bytes": 8, "file_name": "a.pdf"},
        ),
    ],
)
def test_tells_what_is_recorded_of_a_file(name, kind, text, facts):
    message = recorded(name)["response"]["body"]["message"]
    found = page(1, 1, record("ONE", message))
    responses.post(f"{URL}/chat/findMessages/wa1", json=found)

    [sent] = provider.find_sent("wa1", [ALICE.phone_jid], SINCE, UNTIL)

    assert (sent.kind, sent.text, sent.media) == (kind, text, facts)


@responses.activate
def test_tells_to_which_message_a_recorded_reaction_is():
    message = recorded("baileys_send/028-reaction")["response"]["body"]["message"]
    found = page(1, 1, record("ONE", message))
    responses.post(f"{URL}/chat/findMessages/wa1", json=found)

    [sent] = provider.find_sent("wa1", [ALICE.phone_jid], SINCE, UNTIL)

    target = message["reactionMessage"]["key"]["id"]
    assert (sent.kind, sent.quoted_id) == (Kind.REACTION, target)


@responses.activate
def test_finds_what_the_bridge_recorded_as_sent():
    replay("misc2/002-findMessages_all")

    found = provider.find_sent("demo", [ALICE.phone_jid], SINCE, UNTIL)

    assert found[:2] == [
        SentMessage(
            "3EB009113C82C6E2EB4B3C",
            "hi group",
            datetime.fromtimestamp(1795341417, UTC),
        ),
        SentMessage(
            "3EB040CFBCB576FA128444",
            "hi from bot",
            datetime.fromtimestamp(1795341416, UTC),
        ),
    ]


@responses.activate
def test_looks_for_our_own_messages_to_each_address_in_that_time():
    responses.post(f"{URL}/chat/findMessages/wa1", json=page(1, 0))
    # Two and a half hours behind, so that a lost offset shows.
    since = SINCE.astimezone(timezone(-timedelta(hours=2, minutes=30)))

    provider.find_sent("wa1", ALICE.jids, since, UNTIL)

    assert [body["where"] for body in bodies()] == [
        {
            "key": {"remoteJid": jid, "fromMe": True},
            "messageTimestamp": {
                "gte": "2026-11-22T09:30:00Z",
                "lte": "2026-11-22T10:00:00Z",
            },
        }
        for jid in ALICE.jids
    ]


@responses.activate
def test_turns_every_page_and_counts_each_message_once():
    for number, one in enumerate(["C", "B", "A"], 1):
        answer = page(number, 3, record(one, {"conversation": one}, -number))
        responses.post(f"{URL}/chat/findMessages/wa1", json=answer)
    responses.post(
        f"{URL}/chat/findMessages/wa1",
        json=page(1, 1, record("C", {"conversation": "C"}, -1)),
    )

    found = provider.find_sent("wa1", ALICE.jids, SINCE, UNTIL)

    assert [sent.text for sent in found] == ["C", "B", "A"]
    assert [body["page"] for body in bodies()] == [1, 2, 3, 1]


@responses.activate
@pytest.mark.parametrize(
    "message",
    [
        {"conversation": "hi"},
        {"extendedTextMessage": {"text": "hi"}},
        {"ephemeralMessage": {"message": {"extendedTextMessage": {"text": "hi"}}}},
    ],
    ids=["plain", "extended", "disappearing"],
)
def test_reads_the_text_of_a_sent_message(message):
    answer = page(1, 1, record("A", message))
    responses.post(f"{URL}/chat/findMessages/wa1", json=answer)

    [sent] = provider.find_sent("wa1", [GROUP], SINCE, UNTIL)

    assert sent.text == "hi"


@responses.activate
@pytest.mark.parametrize(
    "unreadable",
    [
        pytest.param(None, id="none"),
        pytest.param({"key": {}}, id="no id"),
        pytest.param(record("A", None), id="no message"),
        pytest.param(record("A", {"conversation": 7}), id="no text"),
    ],
)
def test_takes_no_record_that_it_cannot_read_for_a_proof(unreadable):
    responses.post(f"{URL}/chat/findMessages/wa1", json=page(1, 1, unreadable))

    with pytest.raises(BridgeError):
        provider.find_sent("wa1", [GROUP], SINCE, UNTIL)


@responses.activate
def test_takes_no_half_of_the_pages_for_a_proof(monkeypatch):
    monkeypatch.setattr(provider, "MAX_PAGES", 2)
    responses.post(f"{URL}/chat/findMessages/wa1", json=page(1, 3))

    with pytest.raises(BridgeError, match="More than 100 messages"):
        provider.find_sent("wa1", [GROUP], SINCE, UNTIL)


@responses.activate
def test_shows_typing_in_the_background():
    replay("baileys_send/035-presence")

    provider.show_typing("wa1", "5511988887777", 1.5)
    wait_for_notices()

    assert bodies() == [recorded("baileys_send/035-presence")["request"]["body"]]


@responses.activate
def test_marks_direct_messages_as_read_in_the_background():
    replay("baileys_send/038-mark_read_pn")

    provider.mark_read("wa1", ALICE.phone_jid, ["A", "B"])
    wait_for_notices()

    assert bodies() == [
        {
            "readMessages": [
                {"id": "A", "fromMe": False, "remoteJid": ALICE.phone_jid},
                {"id": "B", "fromMe": False, "remoteJid": ALICE.phone_jid},
            ]
        }
    ]


@responses.activate
@pytest.mark.parametrize("jid", [GROUP, ALICE.lid])
def test_marks_nothing_as_read_where_evolution_would_not(jid):
    provider.mark_read("wa1", jid, ["A"])
    wait_for_notices()

    assert asked() == []


@responses.activate
@pytest.mark.parametrize(
    ("name", "title", "jid"),
    [
        pytest.param("046-group_info_lid", "Family", GROUP, id="by LID"),
        pytest.param(
            "047-group_info_pn", "OldPN", "120363000000000002@g.us", id="by number"
        ),
    ],
)
def test_tells_the_name_and_members_of_a_group(name, title, jid):
    replay(f"baileys_send/{name}")

    assert provider.group_info("wa1", jid) == GroupInfo(
        title,
        [ALICE, OURS, Address("5511977776666@s.whatsapp.net", "305628633182105@lid")],
    )


@responses.activate
def test_says_when_there_is_no_such_group():
    replay("baileys_send/048-group_info_unknown")

    with pytest.raises(BridgeError, match=re.compile("does not know")):
        provider.group_info("wa1", "120363999999999999@g.us")


@responses.activate
def test_hands_over_the_file_of_a_message():
    replay("baileys_send/055-base64_from_media")

    file = provider.fetch_media("wa1", "3EB0IMG000000000000001", 1_000)

    assert file.data.startswith(b"\x89PNG")
    assert (file.mimetype, file.name) == ("image/png", "3EB0IMG000000000000001.png")


@responses.activate
@pytest.mark.parametrize(
    "name", ["056-base64_from_media_missing", "057-base64_from_text"]
)
def test_says_that_there_is_no_such_file(name):
    replay(f"baileys_send/{name}")

    with pytest.raises(BridgeError) as caught:
        provider.fetch_media("wa1", "NOPE", 1_000)

    assert not caught.value.retryable


@responses.activate
def test_reads_no_more_of_a_file_than_it_may_have():
    responses.post(
        "http://evolution.test:9209/chat/getBase64FromMediaMessage/wa1",
        status=201,
        json={"base64": "A" * 200_000},
    )

    with pytest.raises(BridgeError) as caught:
        provider.fetch_media("wa1", "X", 1_000)

    assert caught.value.kind == "too_large"


@responses.activate
@pytest.mark.parametrize("said", ["not base64!", None, 7])
def test_takes_nothing_else_for_a_file(said):
    responses.post(
        "http://evolution.test:9209/chat/getBase64FromMediaMessage/wa1",
        status=201,
        json={"base64": said},
    )

    if said == "not base64!":
        with pytest.raises(BridgeError):
            provider.fetch_media("wa1", "X", 1_000)
    else:
        assert provider.fetch_media("wa1", "X", 1_000).data == b""
