import os
import signal
import subprocess
import sys
import time

import pytest
import requests

from evolution.sandbox.server import DROP, MAX_BODY, BridgeServer
from tests.evolution.sandbox.town import ALICE, Town

KEY = {"apikey": "sandbox"}


def test_answers_over_one_kept_connection(town, serve):
    server = serve(BridgeServer(town.bridge))

    with requests.Session() as session:
        first = session.get(server.url, stream=True)
        connection = first.raw.connection.sock.getsockname()
        first.json()
        second = session.get(server.url, stream=True)

        assert second.raw.connection.sock.getsockname() == connection
        assert second.json()["version"] == "2.3.7"


def test_what_is_due_is_done_without_a_request(town, serve):
    serve(BridgeServer(town.bridge))
    done = []

    town.bridge.later(0, lambda: done.append(True))

    deadline = time.monotonic() + 5
    while not done and time.monotonic() < deadline:
        time.sleep(0.01)
    assert done


def test_says_what_is_wrong_with_broken_json(town, serve):
    server = serve(BridgeServer(town.bridge))

    answer = requests.post(f"{server.url}/instance/create", data="{bad", headers=KEY)

    assert answer.status_code == 400
    assert answer.json()["error"] == "Internal Server Error"


def test_refuses_a_body_that_is_too_large(town, serve):
    server = serve(BridgeServer(town.bridge))

    answer = requests.post(
        server.url, headers={**KEY, "Content-Length": str(MAX_BODY + 1)}
    )

    assert answer.status_code == 413


class Faulty(BridgeServer):
    early = late = None

    def before(self, method, path, body):
        return self.early

    def after(self, method, path, body, answer):
        return self.late


def send(server: BridgeServer) -> requests.Response:
    return requests.post(
        f"{server.url}/message/sendText/wa1",
        json={"number": ALICE, "text": "x"},
        headers=KEY,
        timeout=5,
    )


@pytest.mark.parametrize(
    ("early", "late", "sent"),
    [
        pytest.param((500, {}), None, 0, id="before it was sent"),
        pytest.param(None, (500, {}), 1, id="after it was sent"),
    ],
)
def test_a_subclass_can_fail(town, serve, early, late, sent):
    town.link()
    server = serve(Faulty(town.bridge))
    server.early, server.late = early, late

    assert send(server).status_code == 500
    assert len(town.emitted("send.message")) == sent


@pytest.mark.parametrize(
    ("early", "late", "sent"),
    [
        pytest.param(DROP, None, 0, id="before it was sent"),
        pytest.param(None, DROP, 1, id="after it was sent"),
    ],
)
def test_a_subclass_can_hang_up(town, serve, early, late, sent):
    town.link()
    server = serve(Faulty(town.bridge))
    server.early, server.late = early, late

    with pytest.raises(requests.ConnectionError):
        send(server)
    assert len(town.emitted("send.message")) == sent


def test_a_stop_frees_the_port(town):
    server = BridgeServer(town.bridge).start()
    with requests.Session() as session:
        session.get(server.url)

        server.stop()

        BridgeServer(Town().bridge, server.port).start().stop()
        with pytest.raises(requests.ConnectionError):
            session.get(server.url)


@pytest.mark.slow
def test_the_command_serves_until_it_is_told_to_end(tmp_path):
    environment = os.environ | {"SANDBOX": "1", "RUN_DIR": str(tmp_path)}
    process = subprocess.Popen(
        [sys.executable, "manage.py", "sandbox", "--port", "0"],
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        url = process.stdout.readline().split()[-1]
        found = requests.get(
            f"{url}/sandbox/overview",
            headers={"apikey": os.environ["EVOLUTION_API_KEY"]},
            timeout=5,
        ).json()
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0

    assert [person["name"] for person in found["people"]] == [
        "Ana",
        "Bruno",
        "Chen",
        "Dora",
    ]
    assert (tmp_path / "sandbox.jsonl").exists()
