import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import jwt
import pytest

from evolution.sandbox.webhooks import Webhooks

QUICK = (0.01,) * 9


class Receiver(ThreadingHTTPServer):
    """Answers with the statuses that it was given, then with 200."""

    daemon_threads = True

    def __init__(self) -> None:
        self.statuses: list[int] = []
        self.got: list[tuple[str, dict, bytes]] = []
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/hook"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 2

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.got.append((self.path, dict(self.headers), body))
        status = self.server.statuses.pop(0) if self.server.statuses else 200
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    server = Receiver()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def webhooks() -> Iterator[Webhooks]:
    delivery = Webhooks(workers=4, waits=QUICK, timeout=2)
    yield delivery
    delivery.stop()


def test_posts_json_with_the_configured_headers(receiver, webhooks):
    webhooks.deliver(receiver.url, {"X-Webhook-Secret": "s3cr3t"}, b'{"a": 1}')

    assert webhooks.wait_until_idle()
    [(path, headers, body)] = receiver.got
    assert (path, json.loads(body)) == ("/hook", {"a": 1})
    assert headers["X-Webhook-Secret"] == "s3cr3t"
    assert headers["User-Agent"].startswith("axios/")


def test_signs_where_the_headers_hold_a_key(receiver, webhooks):
    key = "k" * 32

    webhooks.deliver(receiver.url, {"jwt_key": key}, b"{}")

    assert webhooks.wait_until_idle()
    [(_, headers, _)] = receiver.got
    token = headers["Authorization"].removeprefix("Bearer ")
    claims = jwt.decode(token, key, algorithms=["HS256"])
    assert (claims["app"], claims["action"]) == ("evolution", "webhook")
    assert "jwt_key" not in headers


@pytest.mark.parametrize("status", [409, 429, 500, 503, 302])
def test_tries_again_what_may_heal(receiver, webhooks, status):
    receiver.statuses = [status, status]

    webhooks.deliver(receiver.url, {}, b"{}")

    assert webhooks.wait_until_idle()
    assert (len(receiver.got), webhooks.delivered) == (3, 1)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 422])
def test_drops_what_was_refused(receiver, status):
    lost = []
    webhooks = Webhooks(waits=QUICK, lost=lambda *told: lost.append(told))
    receiver.statuses = [status]

    webhooks.deliver(receiver.url, {}, b"{}")

    assert webhooks.wait_until_idle()
    webhooks.stop()
    assert (len(receiver.got), webhooks.failed) == (1, 1)
    assert [problem for _, problem in lost] == [f"HTTP {status}"]


def test_gives_up_after_ten_attempts(receiver, webhooks):
    receiver.statuses = [500] * 20

    webhooks.deliver(receiver.url, {}, b"{}")

    assert webhooks.wait_until_idle()
    assert (len(receiver.got), webhooks.failed) == (10, 1)


def test_tries_again_when_nobody_listens(webhooks):
    webhooks.deliver("http://127.0.0.1:9/hook", {}, b"{}")

    assert webhooks.wait_until_idle()
    assert webhooks.failed == 1


def test_a_failed_delivery_is_overtaken(receiver):
    webhooks = Webhooks(workers=1, waits=(0.5,))
    receiver.statuses = [500]

    for number in range(3):
        webhooks.deliver(receiver.url, {}, str(number).encode())

    assert webhooks.wait_until_idle()
    webhooks.stop()
    assert [body for _, _, body in receiver.got] == [b"0", b"1", b"2", b"0"]


def test_stops_while_retries_wait(receiver):
    webhooks = Webhooks(waits=(60,))
    receiver.statuses = [500]
    webhooks.deliver(receiver.url, {}, b"{}")

    while not receiver.got:
        time.sleep(0.01)
    webhooks.stop()

    assert len(receiver.got) == 1
