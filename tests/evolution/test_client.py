import json
import re
import socket
import threading
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
import responses

from conversations.whatsapp import BridgeError
from evolution import client, transport

RECORDINGS = Path(__file__).parent / "recordings"
URL = "http://evolution.test:9209"


def recordings():
    for path in sorted((RECORDINGS / "rest").glob("*/*.json")):
        recording = json.loads(path.read_text())
        if "request" in recording:
            yield pytest.param(
                recording, id=f"{path.parent.name}: {path.stem.replace('_', ' ')}"
            )


def recorded(name):
    return json.loads((RECORDINGS / "rest" / f"{name}.json").read_text())


def replay(recording):
    """Answer the recorded request as recorded."""
    request, response = recording["request"], recording["response"]
    body = response["body"]
    responses.add(
        request["method"],
        URL + request["url"].partition("?")[0],
        status=response["status"],
        body="" if body == "" else json.dumps(body),
    )


def send_text(instance, query, body):
    body = body if isinstance(body, dict) else {}
    extras = {key: body.get(key) for key in ("quoted", "mentioned")}
    return client.send_text(
        instance, body.get("number", ""), body.get("text", ""), **extras
    )


def create(instance, query, body):
    body = body if isinstance(body, dict) else {}
    name = body.get("instanceName") or "unnamed"
    return client.create(name, body.get("webhook"), body.get("number", ""))


# Method and path, our call of it, and what it must return of the recorded answer.
CALLS = [
    ("POST /message/sendText/", send_text, lambda answer: answer),
    (
        "POST /chat/sendPresence/",
        lambda name, query, body: client.send_presence(name, body["number"], 0.5),
        lambda answer: None,
    ),
    (
        "POST /chat/markMessageAsRead/",
        lambda name, query, body: client.mark_read(
            name, "5511988887777@s.whatsapp.net", ["3EB0Y"]
        ),
        lambda answer: None,
    ),
    (
        "POST /message/sendMedia/",
        lambda name, query, body: client.send_media(name, body["number"], body),
        lambda answer: answer,
    ),
    (
        "POST /message/sendReaction/",
        lambda name, query, body: client.react(name, body["key"], body["reaction"]),
        lambda answer: answer,
    ),
    (
        "POST /chat/updateMessage/",
        lambda name, query, body: client.update_message(
            name, body["key"]["remoteJid"], body["key"]["id"], body["text"]
        ),
        lambda answer: None,
    ),
    (
        "DELETE /chat/deleteMessageForEveryone/",
        lambda name, query, body: client.delete_message(
            name, body["remoteJid"], body["id"]
        ),
        lambda answer: None,
    ),
    (
        "POST /chat/findMessages/",
        lambda name, query, body: client.find_messages(name, body.get("where", {})),
        lambda answer: answer["messages"],
    ),
    (
        "POST /chat/getBase64FromMediaMessage/",
        lambda name, query, body: client.media(
            name, body["message"]["key"]["id"], 10_000
        ),
        lambda answer: answer,
    ),
    (
        "GET /group/findGroupInfos/",
        lambda name, query, body: client.group_info(name, query.get("groupJid", "")),
        lambda answer: answer,
    ),
    (
        "GET /group/participants/",
        lambda name, query, body: client.group_participants(name, query["groupJid"]),
        lambda answer: answer["participants"],
    ),
    ("POST /instance/create", create, lambda answer: answer),
    (
        "GET /instance/connect/",
        lambda name, query, body: client.connect(name, query.get("number", "")),
        lambda answer: answer,
    ),
    (
        "GET /instance/connectionState/",
        lambda name, query, body: client.connection_state(name),
        lambda answer: answer["instance"]["state"],
    ),
    (
        "GET /instance/fetchInstances",
        lambda name, query, body: client.fetch_instances(query.get("instanceName", "")),
        lambda answer: answer,
    ),
    (
        "POST /instance/restart/",
        lambda name, query, body: client.restart(name),
        lambda answer: None,
    ),
    (
        "DELETE /instance/logout/",
        lambda name, query, body: client.logout(name),
        lambda answer: None,
    ),
    (
        "DELETE /instance/delete/",
        lambda name, query, body: client.delete(name),
        lambda answer: None,
    ),
    (
        "POST /webhook/set/",
        lambda name, query, body: client.set_webhook(name, body.get("webhook", {})),
        lambda answer: answer,
    ),
    (
        "GET /webhook/find/",
        lambda name, query, body: client.find_webhook(name),
        lambda answer: answer,
    ),
]


def calls(recording):
    """Our call of what was recorded, and what it must return if it succeeds."""
    request = recording["request"]
    method, url, body = request["method"], request["url"], request["body"]
    path = urlsplit(url).path
    query = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
    for start, call, value in CALLS:
        if f"{method} {path}".startswith(start):
            name = path.rsplit("/", 1)[1]
            return partial(call, name, query, body or {}), value
    # What we do not call is answered in the same way.
    sends = path.startswith("/message/")
    return partial(transport.call, method, path, sends=sends), lambda answer: answer


NOT_CONNECTED = ("not_connected", True, False)
NO_INSTANCE = ("no_instance", True, False)
UNAUTHORIZED = ("unauthorized", True, False)
REJECTED = ("rejected", False, False)
REFUSED = ("failed", False, False)
MAY_BE_SENT = ("failed", False, True)
BROKEN = ("failed", True, True)
FAILED = ("failed", True, False)
NO_ANSWER = ("no_answer", True, True)
NOT_EVOLUTION = ("not_evolution", True, False)
# By what the recordings' answers have in common; the first that fits.
FAILURES = [
    (400, r"\(reading 'sendMessage'\)", NOT_CONNECTED),
    (500, r"\(reading 'onWhatsApp'\)", NOT_CONNECTED),
    (400, r"\(reading 'presenceSubscribe'\)", NOT_CONNECTED),
    (500, r"\(reading 'readMessages'\)", NOT_CONNECTED),
    (404, r"\(reading 'groupMetadata'\)", NOT_CONNECTED),
    (400, r"\(reading 'id'\)", NOT_CONNECTED),
    (400, "Connection Closed", NOT_CONNECTED),
    (400, "instance is not connected", NOT_CONNECTED),
    (404, "instance does not exist", NO_INSTANCE),
    (404, "Instance .* not found", NO_INSTANCE),
    (404, "item-not-found", ("not_found", False, False)),
    (404, "Cannot GET", NOT_EVOLUTION),
    (401, "Unauthorized", UNAUTHORIZED),
    (403, "is already in use", ("name_taken", False, False)),
    (400, '"exists": false', ("not_on_whatsapp", False, False)),
    (400, "requires property", REJECTED),
    (400, "is not one of enum values", REJECTED),
    (400, "is not of a type", REJECTED),
    (400, "Text is required", REJECTED),
    (400, "JID decoded but user is empty", REJECTED),
    (400, "in JSON at position", REJECTED),
    (400, "object Object", MAY_BE_SENT),
    (400, "Owned media must be", REJECTED),
    (400, "isZero is not a function", MAY_BE_SENT),
    (400, "Invalid integration", REFUSED),
    (400, r"\(reading 'length'\)", REFUSED),
    (400, "Message not found", REFUSED),
    (400, "not of the media type", REFUSED),
    (400, "needs to be informed", REFUSED),
    (500, r"\(reading 'length'\)", BROKEN),
    (500, r"\(reading 'find'\)", BROKEN),
    (500, "Cannot convert undefined", BROKEN),
    (500, "ECONNREFUSED", BROKEN),
    (500, "File or buffer is undefined", BROKEN),
    (200, '"error": true', FAILED),
    (200, '^""$', NO_ANSWER),
]


def failure(recording):
    """What the recorded answer must raise, or None."""
    status, body = recording["response"]["status"], recording["response"]["body"]
    said = json.dumps(body, ensure_ascii=False)
    if "not available on Evolution Channel" in said:
        is_send = recording["request"]["url"].startswith("/message/")
        return MAY_BE_SENT if is_send else REFUSED
    for code, pattern, expected in FAILURES:
        if status == code and re.search(pattern, said):
            return expected
    assert status < 300, "the table says nothing of this recording"
    return None


@responses.activate
@pytest.mark.parametrize("recording", list(recordings()))
def test_reads_every_recorded_answer(recording):
    replay(recording)
    call, value = calls(recording)
    expected = failure(recording)

    if expected is None:
        assert call() == value(recording["response"]["body"])
    else:
        with pytest.raises(BridgeError) as caught:
            call()
        error = caught.value
        assert (error.kind, error.retryable, error.unknown) == expected


@responses.activate
@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        pytest.param(
            "evolution_channel_messages/024-sendText_missing_instance",
            'Evolution API has no such instance: The "nope" instance does not exist',
            id="no instance",
        ),
        pytest.param(
            "evolution_channel_messages/021-sendText_v1_body",
            'Evolution API rejected the request: instance requires property "text"',
            id="a list of lists",
        ),
        pytest.param(
            "baileys_send/019-group_unknown",
            "Evolution API refused with status 400: it did not say why.",
            id="an unprinted error",
        ),
        pytest.param(
            "evolution_channel/003-create_duplicate",
            'This name "evo1" is already in use.',
            id="a name in use",
        ),
    ],
)
def test_says_in_a_sentence_what_went_wrong(name, sentence):
    recording = recorded(name)
    replay(recording)
    call, _ = calls(recording)

    with pytest.raises(BridgeError, match=f"^{re.escape(sentence)}$"):
        call()


@responses.activate
@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        pytest.param(201, "<html>", NO_ANSWER, id="a page instead of an answer"),
        pytest.param(201, "{}", NO_ANSWER, id="no id"),
        pytest.param(201, '{"key": {"id": 7}}', NO_ANSWER, id="an id that is no text"),
        pytest.param(201, "[" * 99_999, NO_ANSWER, id="too deep to read"),
        pytest.param(400, "{}", MAY_BE_SENT, id="400 without a reason"),
        pytest.param(400, "[]", MAY_BE_SENT, id="400 with a list"),
        pytest.param(404, "<html>", NOT_EVOLUTION, id="another server's 404"),
        pytest.param(413, "<html>", MAY_BE_SENT, id="a proxy's size limit"),
        pytest.param(429, "", ("rate_limited", True, False), id="asked too often"),
        pytest.param(502, "<html>", BROKEN, id="a proxy without a server"),
        pytest.param(503, '{"code": "OTHER"}', BROKEN, id="503"),
        pytest.param(302, "", NOT_EVOLUTION, id="a redirect"),
    ],
)
def test_reads_answers_that_nobody_recorded(status, body, expected):
    responses.post(f"{URL}/message/sendText/wa1", status=status, body=body)

    with pytest.raises(BridgeError) as caught:
        client.send_text("wa1", "5511988887777", "hi")

    error = caught.value
    assert (error.kind, error.retryable, error.unknown) == expected


@responses.activate
def test_knows_a_server_that_wants_a_licence():
    path = RECORDINGS / "reconstructed" / "rest.2.4.0.license_required.json"
    body = json.loads(path.read_text())["body"]
    responses.post(f"{URL}/message/sendText/wa1", status=503, json=body)

    with pytest.raises(BridgeError, match=r"pin version 2\.3\.7") as caught:
        client.send_text("wa1", "5511988887777", "hi")

    assert caught.value.kind == "licence_required"
    assert not caught.value.retryable


@responses.activate
def test_refuses_to_read_an_endless_answer(monkeypatch):
    monkeypatch.setattr(transport, "MAX_BYTES", 1000)
    responses.get(f"{URL}/instance/fetchInstances", body="[" + " " * 1000 + "]")

    with pytest.raises(BridgeError) as caught:
        client.fetch_instances()

    assert caught.value.kind == "too_large"


@responses.activate
def test_does_not_carry_the_key_where_a_redirect_leads():
    responses.get(
        f"{URL}/instance/fetchInstances",
        status=302,
        headers={"Location": "http://elsewhere.test/"},
    )

    with pytest.raises(BridgeError):
        client.fetch_instances()

    assert len(responses.calls) == 1


@responses.activate
@pytest.mark.parametrize(
    "name",
    [
        "baileys_send/001-text",
        "baileys_send/013-text_quoted_full",
        "baileys_send/016-group_text_mentioned",
        "baileys_send/018-group_text_quoted",
    ],
)
def test_sends_what_was_recorded_and_asks_for_no_preview(name):
    recording = recorded(name)
    replay(recording)
    call, _ = calls(recording)

    call()

    sent = responses.calls[0].request
    assert json.loads(sent.body) == recording["request"]["body"] | {
        "linkPreview": False
    }
    assert sent.headers["apikey"] == "global-key"


@responses.activate
@pytest.mark.parametrize(
    "name",
    [
        "baileys_send/020-media_image_base64",
        "baileys_send/021-media_document",
        "baileys_send/028-reaction",
        "baileys_send/033-update_message",
        "baileys_send/034-delete_message",
    ],
)
def test_changes_what_was_sent_as_recorded(name):
    recording = recorded(name)
    replay(recording)
    call, _ = calls(recording)

    call()

    asked = recording["request"]["body"]
    # Evolution takes the address in place of the number.
    is_change = "number" in asked and "key" in asked
    number = {"number": "5511988887777@s.whatsapp.net"} if is_change else {}
    assert json.loads(responses.calls[0].request.body) == asked | number


@responses.activate
def test_sends_the_id_that_it_was_given():
    responses.post(f"{URL}/message/sendText/wa1", json={"key": {"id": "3EB0A"}})

    client.send_text("wa1", "5511988887777", "hi", message_id="3EB0A")

    assert json.loads(responses.calls[0].request.body)["messageId"] == "3EB0A"


@responses.activate
def test_asks_for_one_page_of_messages():
    replay(recorded("baileys_send/043-findMessages"))

    client.find_messages("wa1", {"key": {"fromMe": True}}, 3, 10)

    assert json.loads(responses.calls[0].request.body) == {
        "where": {"key": {"fromMe": True}},
        "page": 3,
        "offset": 10,
    }


@responses.activate
def test_shows_presence_in_milliseconds():
    replay(recorded("baileys_send/035-presence"))

    client.send_presence("wa1", "5511988887777", 1.5)

    recording = recorded("baileys_send/035-presence")
    assert json.loads(responses.calls[0].request.body) == recording["request"]["body"]


@responses.activate
def test_encodes_the_name_of_an_instance():
    responses.get(
        re.compile(f"{URL}/instance/connectionState/.*"),
        json={"instance": {"state": "open"}},
    )

    client.connection_state("my clinic/../é?x=1")

    assert responses.calls[0].request.url == (
        f"{URL}/instance/connectionState/my%20clinic%2F..%2F%C3%A9%3Fx%3D1"
    )


@pytest.mark.parametrize("name", ["", " ", ".", ".."])
def test_takes_no_name_that_leads_elsewhere(name):
    with pytest.raises(BridgeError) as caught:
        client.delete(name)

    assert caught.value.kind == "rejected"


@responses.activate
def test_knows_no_state_while_evolution_starts():
    responses.get(
        f"{URL}/instance/connectionState/wa1",
        json={"instance": {"instanceName": "wa1"}},
    )

    assert client.connection_state("wa1") == ""


@responses.activate
def test_finds_no_webhook_where_none_was_set():
    responses.get(f"{URL}/webhook/find/wa1", body="null")

    assert client.find_webhook("wa1") is None


@pytest.fixture
def _no_known_version(monkeypatch):
    monkeypatch.setattr(client, "_version", {})
    client._warn_of_unknown_id_shape.cache_clear()


def answer_version(version):
    body = recorded("evolution_channel/001-root")["response"]["body"]
    responses.get(f"{URL}/", json={**body, "version": version})


@responses.activate
@pytest.mark.usefixtures("_no_known_version")
def test_asks_for_the_version_once():
    replay(recorded("evolution_channel/001-root"))

    versions = [client.version(), client.version()]

    assert versions == ["2.3.7", "2.3.7"]
    assert len(responses.calls) == 1


@responses.activate
@pytest.mark.usefixtures("_no_known_version")
def test_does_without_a_version_that_is_hidden():
    responses.get(f"{URL}/", status=403, body="<html>")

    assert client.version() == ""
    assert not client.is_at_least(2, 3, 7)


@responses.activate
@pytest.mark.usefixtures("_no_known_version")
@pytest.mark.parametrize(
    ("version", "expected"),
    [("2.3.6", False), ("2.3.7", True), ("2.4.0-rc2", True), ("10.0", True)],
)
def test_compares_versions_as_numbers(version, expected):
    answer_version(version)

    assert client.is_at_least(2, 3, 7) is expected


@responses.activate
@pytest.mark.usefixtures("_no_known_version")
def test_asks_no_older_server_for_an_id():
    answer_version("2.3.7")

    assert client.new_message_id("wa1") == ""
    assert len(responses.calls) == 1


@responses.activate
@pytest.mark.usefixtures("_no_known_version")
@pytest.mark.parametrize(
    "answer",
    [{"id": "3EB0A"}, {"messageId": "3EB0A"}, {"key": {"id": "3EB0A"}}, "3EB0A"],
)
def test_reads_a_new_id_in_every_likely_shape(answer):
    answer_version("2.4.0")
    responses.post(f"{URL}/baileys/generateMessageID/wa1", json=answer)

    assert client.new_message_id("wa1") == "3EB0A"


@responses.activate
@pytest.mark.usefixtures("_no_known_version")
def test_warns_once_of_an_id_in_an_unknown_shape(caplog):
    answer_version("2.4.0")
    responses.post(f"{URL}/baileys/generateMessageID/wa1", json={"data": {}})

    found = [client.new_message_id("wa1"), client.new_message_id("wa1")]

    assert found == ["", ""]
    assert len(caplog.records) == 1


@contextmanager
def server(answer=None):
    """A real socket that takes one request, and answers, hangs up or keeps silent."""
    done = threading.Event()

    def serve():
        connection, _ = listener.accept()
        with connection:
            connection.recv(65_536)
            if answer is None:
                done.wait(5)
            else:
                connection.sendall(answer)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        done.set()
        thread.join()


def send():
    with pytest.raises(BridgeError) as caught:
        client.send_text("wa1", "5511988887777", "hi", timeout=0.2)
    return caught.value


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(None, id="keeps silent"),
        pytest.param(b"", id="hangs up"),
        pytest.param(b"HTTP/1.1 201 Cre", id="hangs up within the status"),
        pytest.param(
            b"HTTP/1.1 201 Created\r\nContent-Length: 50\r\n\r\n{", id="within the body"
        ),
        pytest.param(b"\x00\x01\x02\r\n\r\n", id="speaks no HTTP"),
    ],
)
def test_does_not_know_the_outcome_when_the_server(answer, settings):
    with server(answer) as settings.EVOLUTION_URL:
        error = send()

    assert (error.kind, error.retryable, error.unknown) == NO_ANSWER


@pytest.mark.parametrize(
    "url",
    [
        pytest.param("http://evolution.invalid:9209", id="its name is unknown"),
        pytest.param("localhost:9209", id="its URL has no scheme"),
        pytest.param("http://:9209", id="its URL has no host"),
    ],
)
def test_knows_that_nothing_left_when(url, settings):
    settings.EVOLUTION_URL = url

    error = send()

    assert (error.kind, error.retryable, error.unknown) == ("unreachable", True, False)


def test_knows_that_nothing_left_when_the_connection_is_refused(settings):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    settings.EVOLUTION_URL = f"http://127.0.0.1:{port}"

    error = send()

    assert (error.kind, error.retryable, error.unknown) == ("unreachable", True, False)
    assert str(error) == f"Evolution API is not reachable at http://127.0.0.1:{port}."


def test_knows_that_nothing_left_when_nobody_takes_the_connection(
    settings, monkeypatch
):
    monkeypatch.setattr(transport, "CONNECT_TIMEOUT", 0.2)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        address = listener.getsockname()
        settings.EVOLUTION_URL = f"http://127.0.0.1:{address[1]}"
        # Fill the queue of connections that nobody accepts.
        waiting = [socket.socket() for _ in range(4)]
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(address)

        error = send()

        for one in waiting:
            one.close()
    assert (error.kind, error.retryable, error.unknown) == ("unreachable", True, False)


def test_knows_that_nothing_left_when_the_server_speaks_no_tls(settings):
    with server(b"HTTP/1.1 400 Bad Request\r\n\r\n") as url:
        settings.EVOLUTION_URL = url.replace("http:", "https:")
        error = send()

    assert (error.kind, error.retryable, error.unknown) == ("unreachable", True, False)
