import gzip
import time
from email.utils import formatdate

import pytest

from llm.providers import LLMError
from llm.providers.transport import LARGEST_ANSWER, ServerError, deadline_in, post_json
from tests.llm.server import (
    answer,
    drip,
    drip_body,
    drip_chunk_size,
    hang,
    hang_up,
    hang_up_in_the_body,
    head,
    serving,
)

OK = answer({"text": "hi"})
KEY = "sk-very-secret-key"


def post(url, seconds=5.0, headers=None, body=None):
    return post_json(url, headers or {}, body or {"a": 1}, deadline_in(seconds))


def failure(*script, seconds=5.0, **kwargs):
    with serving(*script) as server, pytest.raises(LLMError) as caught:
        post(server.url, seconds, **kwargs)
    return caught.value


@pytest.fixture
def waits(monkeypatch):
    """Records the waits between attempts instead of waiting."""
    waited = []
    monkeypatch.setattr("llm.providers.transport.time.sleep", waited.append)
    return waited


def test_sends_json_and_reads_json():
    with serving(OK) as server:
        got = post(server.url, headers={"X-API-Key": KEY}, body={"q": "olá"})

    assert (got.data, got.attempts) == ({"text": "hi"}, 1)
    assert server.bodies == [{"q": "olá"}]
    assert server.received[0].headers["x-api-key"] == KEY


def test_keeps_our_authorization_whatever_netrc_says(tmp_path, monkeypatch):
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login someone password other\n")
    monkeypatch.setenv("NETRC", str(netrc))

    with serving(OK) as server:
        post(server.url, headers={"Authorization": f"Bearer {KEY}"})

    assert server.received[0].headers["authorization"] == f"Bearer {KEY}"


@pytest.mark.parametrize("status", [408, 409, 425, 429, 500, 502, 503, 504, 529])
def test_tries_again_after(status, waits):
    with serving(answer({}, status), OK) as server:
        got = post(server.url)

    assert (got.data, got.attempts) == ({"text": "hi"}, 2)


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 413, 422])
def test_does_not_try_again_after(status):
    error = failure(answer({"error": {"message": "no"}}, status), OK)

    assert (error.attempts, error.retryable) == (1, False)
    assert str(error) == f"The model server answered {status}: no"


@pytest.mark.parametrize(
    "break_off",
    [
        pytest.param(hang_up, id="before the answer"),
        pytest.param(hang_up_in_the_body, id="in the middle of the answer"),
    ],
)
def test_tries_again_when_the_server_hangs_up(break_off, waits):
    with serving(break_off, OK) as server:
        assert post(server.url).attempts == 2


def test_gives_up_after_three_attempts_and_says_that_later_may_help(waits):
    error = failure(answer({}, 503))

    assert (error.attempts, error.retryable, error.retry_after) == (3, True, None)


def test_waits_longer_each_time(waits):
    failure(answer({}, 503))

    assert 0.375 <= waits[0] <= 0.5
    assert 0.75 <= waits[1] <= 1.0


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        pytest.param({"Retry-After": "2"}, 2, id="seconds"),
        pytest.param({"retry-after-ms": "1500"}, 1.5, id="milliseconds"),
        pytest.param(
            {"retry-after-ms": "700", "Retry-After": "9"}, 0.7, id="milliseconds first"
        ),
        pytest.param(
            {"retry-after-ms": "soon", "Retry-After": "2"}, 2, id="one unread"
        ),
    ],
)
def test_waits_as_long_as_the_server_asks(headers, seconds, waits):
    with serving(answer({}, 429, headers), OK) as server:
        post(server.url)

    assert waits == [seconds]


def test_waits_until_the_date_that_the_server_names(waits):
    at = formatdate(time.time() + 3, usegmt=True)

    with serving(answer({}, 429, {"Retry-After": at}), OK) as server:
        post(server.url)

    assert 1 < waits[0] <= 3


@pytest.mark.parametrize("value", ["soon", "nan", "inf", "-5", "0", ""])
def test_ignores_a_wait_that_makes_no_sense(value, waits):
    with serving(answer({}, 429, {"Retry-After": value}), OK) as server:
        post(server.url)

    assert 0.375 <= waits[0] <= 0.5


def test_hands_back_a_wait_that_is_longer_than_what_is_left():
    started = time.monotonic()

    error = failure(answer({}, 429, {"Retry-After": "3600"}), seconds=2)

    assert (error.retryable, error.retry_after, error.attempts) == (True, 3600, 1)
    assert time.monotonic() - started < 1


@pytest.mark.parametrize(
    "message",
    [
        "You exceeded your current quota, please check your plan and billing details.",
        "Your credit balance is too low",
        "Monthly spend limit reached",
        "insufficient_quota",
    ],
)
def test_does_not_try_again_when_the_money_is_gone(message):
    error = failure(
        answer({"error": {"message": message}}, 429, {"Retry-After": "1"}), OK
    )

    assert (error.retryable, error.attempts, error.retry_after) == (False, 1, None)


def test_does_not_try_again_when_the_server_says_so():
    error = failure(answer({}, 500, {"x-should-retry": "false"}), OK)

    assert (error.retryable, error.attempts) == (False, 1)


@pytest.mark.parametrize(
    "behaviour",
    [
        pytest.param(hang, id="says nothing"),
        pytest.param(drip_body, id="drips the body"),
        pytest.param(drip_chunk_size, id="drips the size of a chunk"),
        pytest.param(drip(b"HTTP/1.1 200 " + b"O" * 9999), id="drips the status"),
        pytest.param(
            drip(b"HTTP/1.1 200 OK\r\n" + b"X-A: b\r\n" * 999), id="drips headers"
        ),
    ],
)
def test_leaves_at_the_deadline_a_server_that(behaviour):
    started = time.monotonic()

    error = failure(behaviour, seconds=0.6)

    assert time.monotonic() - started < 1.0
    assert str(error) == "The model server did not answer in time."


def test_does_not_try_again_after_a_full_deadline():
    error = failure(hang, OK, seconds=0.4)

    assert (error.attempts, error.retryable) == (1, False)


def test_all_attempts_share_one_deadline():
    started = time.monotonic()

    error = failure(hang_up, hang, seconds=1.0)

    assert error.attempts == 2
    assert time.monotonic() - started < 1.4


def test_reports_a_refused_connection_as_worth_another_try(waits):
    with serving(OK) as server:
        pass

    with pytest.raises(LLMError) as caught:
        post(server.url)

    assert caught.value.retryable
    assert caught.value.attempts == 3


def test_does_not_follow_redirects():
    with serving(OK) as elsewhere:
        error = failure(answer({}, 302, {"Location": elsewhere.url}))

    assert "redirects" in str(error)
    assert not elsewhere.received


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(answer(b"<html>hello</html>"), id="HTML"),
        pytest.param(answer(b""), id="nothing"),
        pytest.param(answer(b'{"a": '), id="half of it"),
        pytest.param(answer(b"\xff\xfe\x00"), id="bytes"),
        pytest.param(answer(b"[" * 100_000), id="a deep nest"),
    ],
)
def test_refuses_an_answer_that_is_not_json(body):
    error = failure(body)

    assert "did not answer with JSON" in str(error)
    assert not error.retryable


@pytest.mark.parametrize(
    "behaviour",
    [
        pytest.param(answer(b" " * (LARGEST_ANSWER + 1)), id="plain"),
        pytest.param(
            answer(
                gzip.compress(b" " * LARGEST_ANSWER * 50),
                200,
                {"Content-Encoding": "gzip"},
            ),
            id="compressed",
        ),
        pytest.param(
            lambda connection: connection.sendall(
                head(200, {}) + b" " * (LARGEST_ANSWER + 1)
            ),
            id="of unknown length",
        ),
    ],
)
def test_refuses_an_answer_that_is_too_large(behaviour):
    assert "too large" in str(failure(behaviour))


def test_reads_a_compressed_answer():
    body = gzip.compress(b'{"text": "hi"}')

    with serving(answer(body, 200, {"Content-Encoding": "gzip"})) as server:
        assert post(server.url).data == {"text": "hi"}


def test_shortens_what_the_server_complains_of():
    error = failure(answer({"error": {"message": "x" * 5000}}, 400))

    assert len(str(error)) < 250


def test_reads_the_complaint_of_an_html_page():
    error = failure(answer(b"<html><h1>Bad gateway</h1></html>", 404))

    assert str(error) == "The model server answered 404: Bad gateway"


@pytest.mark.parametrize(
    "behaviour",
    [
        pytest.param(answer({"error": {"message": f"Bad key {KEY}"}}, 401), id="JSON"),
        pytest.param(answer(f"Bad key {KEY}".encode(), 401), id="text"),
    ],
)
def test_never_repeats_the_key(behaviour):
    error = failure(behaviour, headers={"Authorization": f"Bearer {KEY}"})

    assert KEY not in str(error) + error.raw
    assert "Bad key ***" in str(error)


def test_never_repeats_a_prompt_that_the_server_echoes():
    echo = {
        "detail": [{"msg": "Field required", "loc": ["body"], "input": "my secret"}]
    }

    error = failure(answer(echo, 422))

    assert "Field required" in str(error)
    assert "secret" not in str(error)


@pytest.mark.parametrize(
    ("url", "headers"),
    [
        pytest.param("not an address", {}, id="an address that is none"),
        pytest.param("ftp://example.org/x", {}, id="another scheme"),
        pytest.param("http://[::1", {}, id="half an address"),
        pytest.param(
            "http://127.0.0.1:9", {"X-API-Key": f"{KEY}\nX: y"}, id="two lines"
        ),
        pytest.param("http://127.0.0.1:9", {"X-API-Key": f"{KEY}…"}, id="not ASCII"),
    ],
)
def test_says_so_when_the_address_or_key_cannot_be_used(url, headers):
    with pytest.raises(LLMError, match="address or key is not usable") as caught:
        post(url, headers=headers)

    assert KEY not in str(caught.value)
    assert not caught.value.retryable


def test_tells_the_status_apart():
    error = failure(answer({"error": "nope"}, 404))

    assert isinstance(error, ServerError)
    assert (error.status, error.detail) == (404, "nope")


def test_uses_a_connection_again_without_its_old_deadline():
    # Over one connection: the reader of the first answer must not end the second.
    body = b'{"text": "hi"}'
    reply = head(200, {"Content-Length": str(len(body)), "Connection": "keep-alive"})

    def twice(connection):
        connection.sendall(reply + body)
        time.sleep(0.5)
        connection.recv(65536)
        connection.sendall(reply + body)

    with serving(twice) as server:
        post(server.url, seconds=0.4)
        time.sleep(0.2)
        assert post(server.url, seconds=2).data == {"text": "hi"}
        assert len(server.received) == 1
