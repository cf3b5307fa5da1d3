"""What real processes write while messages come and go, and while things fail."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.endtoend.stage import Stage
from tests.standins.agent import Scene

pytestmark = pytest.mark.slow

SECRETS = {
    "OIDC_CLIENT_SECRET": "oidc-client-secret-0123456789",
    "EMAIL_PASSWORD": "email-password-0123456789",
    "METRICS_TOKEN": "metrics-token-0123456789",
    "OPENAI_API_KEY": "openai-key-0123456789",
    "ANTHROPIC_API_KEY": "anthropic-key-0123456789",
    "ADMIN_PASSWORD": "admin-password-0123456789",
}


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    folder = tmp_path_factory.mktemp("logs")
    options = {
        "LOG_FORMAT": "json",
        "LOG_LEVEL": "DEBUG",
        "SIGN_IN": "both",
        "OIDC_ISSUER": "http://localhost:9",
        "OIDC_CLIENT_ID": "agent",
        **SECRETS,
    }
    with Scene(folder, **options) as scene:
        yield scene


def lines(folder: Path) -> list[dict]:
    text = (folder / "log").read_text(errors="replace")
    return [json.loads(line) for line in text.splitlines() if line.startswith("{")]


def test_a_messages_way_can_be_followed_by_its_id(stage: Stage):
    message = stage.say("Hello #followed")
    assert stage.outcome(message) == "replied"

    found = lines(stage.agent.folder)
    (stored,) = [one for one in found if one.get("whatsapp_id") == message.id]
    about = [
        one
        for one in found
        if one.get("message") in (stored["message"], str(stored["message"]))
    ]
    events = [one["event"] for one in about if one["level"] == "INFO"]
    assert [event.partition(",")[0] for event in events] == [
        "Stored",
        "Outcome replying",
        "Sent",
    ]
    assert {one["conversation"] for one in about} == {stored["conversation"]}
    assert about[-1]["decision"]


def test_no_secret_and_no_message_is_ever_logged(stage: Stage):
    agent, site = stage.agent, f"http://127.0.0.1:{stage.agent.port}"
    hook = agent.environment["WEBHOOK_URL"]
    token = stage.token()
    stage.model.plans[token] = ["500", "nonsense"]
    stage.bridge.plan(stage.chat, "500", "lost")
    assert stage.outcome(stage.say(f"A confidential text {token}")) == "replied"
    right = {"X-Webhook-Secret": agent.environment["WEBHOOK_SECRET"]}
    for secret in (agent.environment["WEBHOOK_SECRET"][:-1] + "x", ""):
        requests.post(hook, json={}, headers={"X-Webhook-Secret": secret}, timeout=30)
    requests.post(hook, data="{nonsense", headers=right, timeout=30)
    body = {
        "event": "messages.upsert",
        "instance": "x",
        "apikey": "stand-in-key",
        "data": 1,
    }
    requests.post(hook, json=body, headers=right, timeout=30)
    _sign_in_in_vain(site)
    for path in (
        "healthz",
        "readyz",
        "metrics",
        "oidc/authenticate/",
        "oidc/callback/",
    ):
        given = {"Authorization": f"Bearer {SECRETS['METRICS_TOKEN']}"}
        requests.get(f"{site}/{path}?code=c&state=s", headers=given, timeout=30)

    log = agent.log
    names = ("SECRET_KEY", "WEBHOOK_SECRET", "EVOLUTION_API_KEY", *SECRETS)
    leaked = [name for name in names if agent.environment[name] in log]
    assert leaked == []
    assert "[secret]" not in log, "it was logged, and only hidden at the last moment"
    assert "confidential" not in log
    assert "a-password-of-somebody" not in log


def _sign_in_in_vain(site: str) -> None:
    with requests.Session() as browser:
        browser.get(f"{site}/admin/login/", timeout=30)
        form = {
            "username": "admin",
            "password": "a-password-of-somebody",
            "csrfmiddlewaretoken": browser.cookies.get("csrftoken"),
        }
        browser.post(f"{site}/admin/login/", form, timeout=30)
