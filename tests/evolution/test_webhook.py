import json
import logging
import time

import jwt
import pytest
from django.apps import apps
from django.db import InterfaceError, OperationalError
from django.http.request import UnreadablePostError
from django.test import RequestFactory
from django.urls import reverse

from conversations import intake
from conversations.models import Message
from evolution import auth, refusals, states, webhook
from evolution.models import Instance, RefusedWebhook, UnreadableEvent
from evolution.values import UnreadableError
from tests.evolution import recorded

TEXT = "webhooks/messages/dm_pn_conversation/01-messages.upsert"
CONNECTING = "webhooks/conn/restart_when_open/01-connection.update"
OPEN = "webhooks/conn/restart_when_open/02-connection.update"
ERROR = "webhooks/global_webhook/06-error"
TOKEN = "C6A68DC9-EB5D-4428-B4E4-9E4D4B7D3753"
GLOBAL_KEY = "evo-global-key-0123456789abcdef"
# Long enough to sign with.
CURRENT, PREVIOUS, WRONG = "current-" * 4, "previous" * 4, "wrong---" * 4

pytestmark = pytest.mark.django_db


def unknown(**fields):
    return {**recorded.load(TEXT), "event": "something.new", **fields}


def token(key=CURRENT, late=0, **claims):
    claims = {"app": "evolution", "action": "webhook", **claims}
    now = int(time.time()) - late
    return jwt.encode({"iat": now - 600, "exp": now, **claims}, key, "HS256")


# Who may deliver


def test_takes_what_was_sent_to_a_name_that_is_not_ours(deliver, client):
    headers = {"X-Webhook-Secret": "webhook-secret", "Host": "old.example.org"}

    assert deliver(recorded.load(TEXT), headers).status_code == 200
    assert client.get("/healthz", headers=headers).status_code == 400


def test_answers_in_one_piece(deliver):
    response = deliver(recorded.load(TEXT))

    assert int(response["Content-Length"]) == len(response.content)


def test_takes_what_came_without_encryption(deliver, settings):
    settings.SECURE_SSL_REDIRECT = True

    assert deliver(recorded.load(TEXT)).status_code == 200


@pytest.mark.parametrize("secret", ["webhook-secret", "previous-secret"])
def test_takes_the_current_and_the_previous_secret(deliver, secret):
    response = deliver(recorded.load(TEXT), {"X-Webhook-Secret": secret})

    assert response.status_code == 200


@pytest.mark.parametrize(
    ("key", "late"),
    [(CURRENT, -600), (PREVIOUS, -600), (CURRENT, 1500)],
    ids=["current", "previous", "expired while Evolution retried"],
)
def test_takes_a_token_signed_with_a_secret(deliver, settings, key, late):
    settings.WEBHOOK_SECRETS = [CURRENT, PREVIOUS]

    response = deliver(
        recorded.load(TEXT), {"Authorization": f"Bearer {token(key, late)}"}
    )

    assert response.status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Other": CURRENT},
        {"X-Webhook-Secret": "wrong"},
        {"X-Webhook-Secret": ""},
        {"X-Webhook-Secret": CURRENT[:-1]},
        {"X-Webhook-Secret": "é😀"},
        {"Authorization": f"Basic {CURRENT}"},
        {"Authorization": "Bearer"},
        {"Authorization": f"Bearer {CURRENT}"},
        {"Authorization": "Bearer é.😀.x"},
        {"Authorization": f"Bearer {token(WRONG)}"},
        {"Authorization": f"Bearer {token(late=1900)}"},
        {"Authorization": f"Bearer {token(app='other')}"},
        {"Authorization": f"Bearer {token(action='other')}"},
        {"Authorization": f"Bearer {token(exp=None)}"},
        {"Authorization": f"Bearer {jwt.encode({'app': 'evolution', 'action': 'webhook', 'exp': 9999999999}, None, 'none')}"},
    ],
    ids=["missing", "wrong", "empty", "cut", "not ASCII", "basic", "no token", "no JWT", "JWT not ASCII",
         "other key", "too late", "other app", "other action", "no expiry", "unsigned"],
)  # fmt: skip
def test_refuses_everybody_else(deliver, settings, headers):
    settings.WEBHOOK_SECRETS = [CURRENT, PREVIOUS]

    response = deliver(recorded.load(TEXT), headers)

    assert response.status_code == 401
    assert response.json() == {"detail": "Wrong or missing secret."}
    assert not Message.objects.exists()


@pytest.mark.parametrize(
    "headers",
    [{"X-Webhook-Secret": ""}, {"Authorization": f"Bearer {token()}"}, {}],
    ids=["empty", "token", "none"],
)
def test_refuses_everything_without_a_secret_of_our_own(headers, settings):
    settings.WEBHOOK_SECRETS = []

    assert not auth.authenticate(RequestFactory().post("/", headers=headers))


def test_takes_the_bytes_that_the_server_hands_over_for_a_secret_in_utf_8(settings):
    settings.WEBHOOK_SECRETS = ["é"]
    request = RequestFactory().post("/", headers={"X-Webhook-Secret": "Ã©"})

    assert auth.authenticate(request)


def test_refuses_before_it_reads_the_body(deliver):
    response = deliver(recorded.load(TEXT), {"X-Webhook-Secret": "wrong"})

    assert not hasattr(response.wsgi_request, "_body")


def test_remembers_what_it_refused(deliver, caplog):
    deliver(recorded.load(TEXT), {"X-Webhook-Secret": "almost-the-secret"})

    refused = RefusedWebhook.objects.get()
    assert (refused.reason, refused.source, refused.count) == ("secret", "127.0.0.1", 1)
    assert "Refused 1 webhooks from 127.0.0.1: Wrong or missing secret" in caplog.text
    assert "almost-the-secret" not in caplog.text


def test_a_flood_of_refusals_is_written_once_a_second(
    deliver, monkeypatch, django_assert_num_queries
):
    wrong = {"X-Webhook-Secret": "wrong"}
    monkeypatch.setattr(refusals, "WRITE_SECONDS", 600)
    deliver({}, wrong)
    with django_assert_num_queries(0):
        for _ in range(50):
            deliver({}, wrong)

    monkeypatch.setattr(refusals, "WRITE_SECONDS", 0)
    deliver({}, wrong)

    assert RefusedWebhook.objects.get().count == 52


def test_a_flood_from_everywhere_takes_few_rows(client, monkeypatch):
    monkeypatch.setattr(refusals, "_written_at", time.monotonic())
    monkeypatch.setattr(refusals, "WRITE_SECONDS", 600)
    for number in range(100):
        client.post(reverse("api:webhook"), REMOTE_ADDR=f"10.0.0.{number}")

    monkeypatch.setattr(refusals, "WRITE_SECONDS", 0)
    client.post(reverse("api:webhook"), REMOTE_ADDR="10.0.0.0")

    assert RefusedWebhook.objects.count() == refusals.MOST_SOURCES + 1
    assert RefusedWebhook.objects.get(source=refusals.MANY).count == 80


def test_refuses_even_when_it_cannot_remember(deliver, monkeypatch):
    def fail(*args):
        raise OperationalError("database is locked")

    with monkeypatch.context() as broken:
        broken.setattr(refusals, "_write", fail)
        assert deliver({}, {"X-Webhook-Secret": "wrong"}).status_code == 401
    monkeypatch.setattr(refusals, "WRITE_SECONDS", 0)
    deliver({}, {"X-Webhook-Secret": "wrong"})

    assert RefusedWebhook.objects.get().count == 2


@pytest.mark.parametrize(
    ("proxy", "source"),
    [(None, "127.0.0.1"), (("HTTP_X_FORWARDED_PROTO", "https"), "203.0.113.7")],
    ids=["open to all", "behind our proxy"],
)
def test_believes_only_our_own_proxy_who_called(settings, proxy, source):
    settings.SECURE_PROXY_SSL_HEADER = proxy
    headers = {"X-Forwarded-For": "made-up, 203.0.113.7"}

    assert refusals.source(RequestFactory().get("/", headers=headers)) == source


# What is taken


@pytest.mark.parametrize(
    "url",
    [
        "/api/webhook/evolution",
        "/api/webhook/evolution/",
        "/api/webhook/evolution/messages-upsert",
        "/api/webhook/evolution//messages-upsert",
    ],
)
def test_takes_an_event_at_every_address(deliver, url):
    response = deliver(recorded.load(TEXT), url=url)

    assert response.json() == {"status": "ok"}
    assert Message.objects.get().text == "hello bot"


def test_believes_the_body_about_the_event_rather_than_the_address(deliver):
    url = reverse("api:webhook_by_event", args=["connection-update"])

    deliver(recorded.load(TEXT), url=url)

    assert Message.objects.exists()


def test_needs_neither_session_nor_csrf_token(client):
    client.handler.enforce_csrf_checks = True

    response = client.post(
        reverse("api:webhook"),
        recorded.load(TEXT),
        content_type="application/json",
        headers={"X-Webhook-Secret": "webhook-secret"},
    )

    assert response.status_code == 200
    assert not response.cookies


def test_stores_a_message_once_however_often_it_comes(deliver):
    for _ in range(3):
        deliver(recorded.load(TEXT))

    assert Message.objects.count() == 1


def test_stores_nothing_of_a_file_that_comes_inside(deliver):
    body = recorded.load("webhooks/base64/set_false_not_reconnected/01-messages.upsert")
    assert body["data"]["message"]["base64"]

    deliver(body)

    message = Message.objects.get()
    assert message.kind == "voice"
    assert "base64" not in json.dumps(message.media)


# The messages that these change were not recorded.
OF_UNRECORDED = ["webhooks/head_of_line/04-messages.update"]


def test_takes_every_recorded_webhook(deliver):
    answers = {path: deliver(recorded.load(path)) for path in recorded.paths()}
    early = [path for path, answer in answers.items() if answer.status_code == 503]
    answers |= {path: deliver(recorded.load(path)) for path in early}

    others = {p: a for p, a in answers.items() if p not in OF_UNRECORDED}
    assert {answer.content for answer in others.values()} == {b'{"status": "ok"}'}
    assert {answers[path].status_code for path in OF_UNRECORDED} == {503}
    assert not UnreadableEvent.objects.exists()


def test_says_ok_to_an_event_that_it_does_not_use(deliver):
    assert deliver(recorded.load(ERROR)).json() == {"status": "ok"}
    assert not Instance.objects.exists()


# What is too large, or unreadable


def test_refuses_what_is_announced_as_too_large(deliver, settings):
    settings.WEBHOOK_MAX_BYTES = 100

    response = deliver(recorded.load(TEXT))

    assert response.status_code == 413
    assert response.json() == {"detail": "Larger than 100 bytes."}
    assert RefusedWebhook.objects.get().reason == "size"


def test_refuses_what_django_finds_too_large(deliver, settings):
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 100

    response = deliver(recorded.load(TEXT))

    assert response.status_code == 413
    assert response["Content-Type"] == "application/json"


def test_a_body_that_breaks_off_may_come_again(deliver, monkeypatch):
    def fail(*args):
        raise UnreadablePostError

    monkeypatch.setattr("evolution.api._read_body", fail)

    assert deliver(recorded.load(TEXT)).status_code == 503


@pytest.mark.parametrize(
    ("sent", "error"),
    [
        ("", "This is not JSON"),
        ('{"event": "messages.upsert", "inst', "This is not JSON"),
        (b"\xff\xfe\xfa", "This is not JSON"),
        ('{"event": "x\xe9"}'.encode("latin-1"), "This is not JSON"),
        ('{"n": %s}' % ("9" * 5000), "This is not JSON"),
        ("[" * 100_000, "The JSON is nested too deeply"),
        ('{"a":' * 100_000, "The JSON is nested too deeply"),
        ("[1]", "The body is no JSON object"),
        ('"text"', "The body is no JSON object"),
        ("{}", "The body names no instance"),
        ('{"event": "new", "instance": "wa1"}', "The event 'new' is unknown"),
        ('{"event": "\\ud800", "instance": "\\u0000"}', "The event '\ufffd' is unknown"),
    ],
    ids=["empty", "cut", "bytes", "latin-1", "a long number", "deep lists", "deep objects", "list", "string",
         "nothing in it", "unknown event", "not for a database"],
)  # fmt: skip
def test_keeps_what_it_cannot_read(deliver, sent, error):
    response = deliver(sent)

    assert (response.status_code, response.json()) == (200, {"status": "kept"})
    assert UnreadableEvent.objects.get().error.startswith(error)


def test_keeps_the_whole_body_but_for_the_key(deliver):
    deliver(unknown())

    expected = unknown()
    del expected["apikey"]
    assert json.loads(UnreadableEvent.objects.get().body) == expected


@pytest.mark.parametrize(
    "text",
    [
        '{"apikey":"%s","instance"',
        '{"instance": "x", "apikey" : "%s',
        '{"api_key":"%s\\"more", "x',
        "[" * 5000 + '{"apikey": "%s"}',
    ],
    ids=["cut after", "cut within", "escapes", "too deep"],
)
def test_keeps_no_key_of_a_body_that_is_no_json(deliver, text):
    deliver(text % TOKEN)

    body = UnreadableEvent.objects.get().body
    assert TOKEN not in body
    assert "more" not in body


def test_counts_the_repetitions_of_what_it_cannot_read(deliver):
    for _ in range(3):
        deliver(unknown())
    deliver(unknown(date_time="later"))

    counts = UnreadableEvent.objects.order_by("id").values_list("count", flat=True)
    assert list(counts) == [3, 1]


def test_keeps_the_bad_records_of_a_list_and_takes_the_good_ones(deliver):
    found = recorded.load(TEXT)
    broken = {**found["data"], "key": {}}

    response = deliver(
        {**found, "event": "messages.set", "data": [found["data"], broken]}
    )

    assert response.json() == {"status": "ok"}
    assert Message.objects.get().text == "hello bot"
    assert json.loads(UnreadableEvent.objects.get().body)["data"] == [broken]


def test_no_key_reaches_the_database_or_the_log(deliver, caplog):
    caplog.set_level(logging.DEBUG)
    for path in (TEXT, OPEN, ERROR):
        deliver(recorded.load(path))
        deliver({**recorded.load(path), "event": "something.new"})
        deliver(json.dumps(recorded.load(path))[:-2])
        deliver(recorded.load(path), {"X-Webhook-Secret": "wrong"})

    rows = [
        list(model.objects.values_list())
        for app in ("conversations", "evolution", "django_q")
        for model in apps.get_app_config(app).get_models()
        if model._meta.managed and not model._meta.proxy
    ]
    for secret in (TOKEN, GLOBAL_KEY, "webhook-secret"):
        assert secret not in str(rows)
        assert secret not in caplog.text


# When something fails


@pytest.mark.parametrize(
    "error",
    [
        OperationalError("database is locked"),
        InterfaceError("connection already closed"),
        intake.TooEarly("Message M1 is still being sent."),
    ],
    ids=lambda error: type(error).__name__,
)
def test_asks_for_another_delivery_when_it_cannot_store(deliver, monkeypatch, error):
    def fail(events):
        raise error

    monkeypatch.setattr(intake, "receive", fail)

    response = deliver(recorded.load(TEXT))

    assert response.status_code == 503
    assert response["Retry-After"] == "5"
    assert response.json() == {"detail": "It cannot be stored now."}
    assert not UnreadableEvent.objects.exists()


EDIT_UNKNOWN = "webhooks/messages/edit_protocol/02-messages.update"
EDIT_AWAITED = "webhooks/messages/edit_unknown_original/01-messages.edited"


@pytest.mark.parametrize(
    ("edit", "status"),
    [
        pytest.param(EDIT_UNKNOWN, 503, id="asks for it again"),
        pytest.param(EDIT_AWAITED, 200, id="unless all else waits for it"),
    ],
)
def test_an_edit_of_a_message_that_is_not_here_yet(deliver, edit, status):
    assert deliver(recorded.load(edit)).status_code == status


def test_asks_for_another_delivery_when_it_cannot_even_keep(deliver, monkeypatch):
    def fail(*args):
        raise OperationalError("disk I/O error")

    monkeypatch.setattr(webhook, "keep_unreadable", fail)

    assert deliver("{").status_code == 503


def test_a_mistake_of_ours_loses_nothing_and_leaves_nothing_half_done(
    deliver, monkeypatch, caplog
):
    receive = intake.receive

    def stumble(events):
        receive(events)
        raise RuntimeError("a bug")

    monkeypatch.setattr(intake, "receive", stumble)

    response = deliver(recorded.load(TEXT))

    assert (response.status_code, response.json()) == (200, {"status": "kept"})
    assert not Message.objects.exists()
    assert UnreadableEvent.objects.get().error == "RuntimeError: a bug"
    assert "Cannot handle a webhook" in caplog.text


# Replay


def test_replays_an_event_once_the_mistake_is_mended(deliver, monkeypatch):
    with monkeypatch.context() as broken:
        broken.setattr(intake, "receive", lambda events: 1 / 0)
        deliver(recorded.load(TEXT))
    event = UnreadableEvent.objects.get()

    webhook.replay(event)

    assert Message.objects.get().text == "hello bot"
    event.refresh_from_db()
    assert event.replayed_at


def test_says_why_an_event_still_cannot_be_read(deliver):
    deliver(unknown())
    event = UnreadableEvent.objects.get()
    UnreadableEvent.objects.update(error="an old error")

    with pytest.raises(UnreadableError):
        webhook.replay(event)

    event.refresh_from_db()
    assert event.error == "The event 'something.new' is unknown"
    assert event.replayed_at is None


def test_replays_no_half_of_a_list(deliver):
    found = recorded.load(TEXT)
    deliver({**found, "data": [{**found["data"], "key": {}}]})

    with pytest.raises(UnreadableError):
        webhook.replay(UnreadableEvent.objects.get())


# Cost


def test_a_flood_of_connection_updates_touches_the_database_once(
    deliver, monkeypatch, django_capture_on_commit_callbacks, django_assert_num_queries
):
    monkeypatch.setattr(states, "REPEAT_SECONDS", 600)
    monkeypatch.setattr(states, "SEEN_SECONDS", 600)
    with django_capture_on_commit_callbacks(execute=True):
        deliver(recorded.load(CONNECTING))

    with django_assert_num_queries(0):
        for _ in range(50):
            assert deliver(recorded.load(CONNECTING)).json() == {"status": "ok"}


def test_a_long_history_does_not_hold_everybody_up(deliver, monkeypatch):
    monkeypatch.setattr(webhook, "BATCH", 2)
    record = recorded.load(TEXT)["data"]
    records = [{**record, "key": {**record["key"], "id": f"OLD{n}"}} for n in range(5)]
    sizes = []
    receive = intake.receive
    monkeypatch.setattr(
        intake, "receive", lambda events: sizes.append(len(events)) or receive(events)
    )

    deliver({**recorded.load(TEXT), "event": "messages.set", "data": records})

    assert sizes == [2, 2, 1]
    assert Message.objects.filter(outcome="too_old").count() == 5


def test_whoever_sends_many_wrong_secrets_is_told_to_come_later(deliver, monkeypatch):
    monkeypatch.setattr(refusals, "MOST_A_MINUTE", 3)
    wrong = {"X-Webhook-Secret": "wrong"}

    answers = [deliver(recorded.load(TEXT), wrong) for _ in range(4)]

    assert [one.status_code for one in answers] == [401, 401, 401, 429]
    assert answers[-1]["Retry-After"] == "60"
    # Evolution itself comes through, even from the same address.
    assert deliver(recorded.load(TEXT)).status_code == 200


def test_only_so_many_addresses_are_remembered(deliver, monkeypatch):
    monkeypatch.setattr(refusals, "MOST_ROWS", 2)
    monkeypatch.setattr(refusals, "WRITE_SECONDS", 0)

    for number in range(5):
        refusals._write(RefusedWebhook.Reason.SECRET, f"203.0.113.{number}", 1)

    assert RefusedWebhook.objects.count() == 3
    assert RefusedWebhook.objects.get(source=refusals.MANY).count == 3
