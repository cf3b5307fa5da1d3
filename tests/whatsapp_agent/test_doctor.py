import json
import os
from datetime import timedelta
from pathlib import Path

import pytest
import requests
import responses
from django.core.management import call_command
from django.utils import timezone
from django.utils.http import http_date

from conversations.models import Pruning, Worker
from evolution import client, instances
from evolution.models import Instance
from tests.factories import make_settings
from whatsapp_agent.checks import check_secret_files
from whatsapp_agent.home import database
from whatsapp_agent.operations import doctor, machine
from whatsapp_agent.operations.doctor import Level

pytestmark = pytest.mark.django_db

EVOLUTION = "http://evolution.test:9209"
SITE = "http://localhost:9208"
OPENAI = "https://openai.test/v1"


@pytest.fixture
def network():
    with responses.RequestsMock(assert_all_requests_are_fired=False) as network:
        network.get(f"{SITE}/healthz", json={"ok": True})
        network.post(f"{SITE}/api/webhook/evolution", json={"status": "ok"})
        network.get(f"{EVOLUTION}/instance/fetchInstances", json=[])
        network.get(EVOLUTION, json={"version": "2.3.7"}, headers=_date())
        network.get(
            f"{EVOLUTION}/webhook/find/whatsapp-agent", json=instances._webhook()
        )
        yield network


@pytest.fixture(autouse=True)
def well(settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An installation that lacks nothing."""
    client._version.clear()
    now = timezone.now()
    settings.WEBHOOK_SECRETS = ["secret-" + "0" * 32]
    settings.RUN_DIR, settings.STATIC_ROOT = tmp_path / "run", tmp_path / "static"
    settings.BACKUP_DIR = tmp_path / "backups"
    (settings.STATIC_ROOT / "admin").mkdir(parents=True)
    settings.BACKUP_DIR.mkdir()
    (settings.BACKUP_DIR / "whatsapp-agent-20260101T000000000000Z.sqlite3").touch()
    monkeypatch.setattr(machine, "SCARCE_AFTER", 0)
    make_settings(new_group_mode="live")
    Worker.objects.create(slot="one", started_at=now, seen_at=now)
    Instance.objects.create(
        name="whatsapp-agent",
        state="open",
        phone_jid="1@s.whatsapp.net",
        webhook_at=now,
    )


def _date(behind: timedelta = timedelta(0)) -> dict[str, str]:
    return {"Date": http_date((timezone.now() - behind).timestamp())}


def wrong(only_here: bool = False) -> dict[str, str]:
    """What is not ok: title and problem."""
    return {
        finding.title: finding.problem
        for finding in doctor.examine(only_here=only_here)
        if finding.level != Level.OK
    }


def test_where_all_is_well_nothing_is_found(network):
    assert wrong() == {}


def test_everything_found_has_a_remedy(network, settings):
    Worker.objects.all().delete()
    Instance.objects.update(state="close", webhook_at=None)
    settings.STATIC_ROOT = settings.BACKUP_DIR = Path("/nowhere")
    settings.SITE_URL = "http://agent.example.org"
    settings.STAFF_EMAILS = ["sam@example.org"]
    settings.WEBHOOK_SECRETS = []
    network.replace("GET", f"{EVOLUTION}/instance/fetchInstances", status=401)
    network.replace("GET", f"{EVOLUTION}/webhook/find/whatsapp-agent", json=None)

    found = [one for one in doctor.examine() if one.level != Level.OK]

    assert len(found) > 8
    for finding in found:
        assert finding.problem
        says_how = "Start it" in finding.problem or "Scan" in finding.problem
        assert finding.remedy or says_how, finding


@pytest.mark.parametrize(
    ("status", "problem"),
    [(401, "refuses our secret"), (404, "answered 404")],
)
def test_a_webhook_that_is_not_taken_is_found(network, status: int, problem: str):
    network.replace("POST", f"{SITE}/api/webhook/evolution", status=status)

    assert problem in wrong()["Webhooks with our secret are accepted"]


def test_our_own_endpoint_takes_the_doctors_webhook_and_stores_nothing(
    client, settings
):
    from evolution.models import UnreadableEvent
    from whatsapp_agent.operations.outside import HARMLESS

    response = client.post(
        "/api/webhook/evolution",
        HARMLESS,
        content_type="application/json",
        headers={"X-Webhook-Secret": settings.WEBHOOK_SECRETS[0]},
    )

    assert response.json() == {"status": "ok"}
    assert not UnreadableEvent.objects.exists()


def test_a_web_server_that_does_not_run_is_found(network):
    refused = requests.ConnectionError("refused")
    network.replace("GET", f"{SITE}/healthz", body=refused)

    assert "cannot be reached" in wrong()["The web server answers"]


def test_a_certificate_that_has_run_out_is_found(network):
    network.replace(
        "GET", f"{SITE}/healthz", body=requests.exceptions.SSLError("expired")
    )

    assert "expired" in wrong()["The web server answers"]


def test_a_bridge_that_refuses_the_key_is_found(network):
    network.replace("GET", f"{EVOLUTION}/instance/fetchInstances", status=401)

    assert "The bridge can be reached, in a version that we know" in wrong()


def test_an_old_bridge_is_found(network):
    network.replace("GET", EVOLUTION, json={"version": "2.2.3"}, headers=_date())

    found = wrong()["The bridge can be reached, in a version that we know"]
    assert found == "Evolution API is 2.2.3."


def test_a_webhook_registered_elsewhere_is_found(network):
    elsewhere = {**instances._webhook(), "url": "http://elsewhere/"}
    network.replace("GET", f"{EVOLUTION}/webhook/find/whatsapp-agent", json=elsewhere)

    found = wrong()["The bridge's webhooks are registered as they should be"]
    assert "It goes to http://elsewhere/" in found


def test_clocks_that_differ_are_found(network):
    network.replace("GET", EVOLUTION, json={}, headers=_date(timedelta(minutes=3)))

    assert "differ by 1" in wrong()["The clocks agree"]


def test_a_model_that_refuses_the_key_is_found(network, settings):
    settings.LLM_PROVIDERS = {
        **settings.LLM_PROVIDERS,
        "openai": {"url": OPENAI, "api_key": "key-that-is-wrong"},
    }
    make_settings(response_provider="openai", response_model="small")
    network.post(f"{OPENAI}/chat/completions", status=401, json={"error": {}})

    assert wrong()["The model answers when asked"].startswith("Response:")


def test_a_sign_in_provider_that_does_not_answer_is_found(network, provider, settings):
    provider.http.remove("GET", settings.OIDC_DISCOVERY_URL)

    assert "DOWN" in wrong()["The sign-in provider publishes its addresses"]


def test_migrations_that_are_missing_are_found(network, monkeypatch):
    words = "Migrations are missing. Run: manage.py migrate"
    monkeypatch.setattr(database, "problem", lambda: words)

    assert wrong() == {"The database works": words}


def test_a_look_that_breaks_does_not_hide_the_others(network, monkeypatch):
    def fail() -> list:
        raise RuntimeError("boom")

    monkeypatch.setattr(doctor.checklist, "everything", fail)
    Worker.objects.all().delete()

    assert wrong() == {"What Home asks for": "It cannot be told: RuntimeError: boom"}


def test_a_disk_that_is_full_is_found(monkeypatch):
    monkeypatch.setattr(machine, "SCARCE_AFTER", 10**18)

    assert "are left" in wrong(only_here=True)["There is room on the disk"]


def test_an_old_backup_is_found(settings):
    (copy,) = settings.BACKUP_DIR.iterdir()
    old = timezone.now().timestamp() - 5 * 86_400
    os.utime(copy, (old, old))

    found = wrong(only_here=True)["There is a fresh backup"]
    assert found == "The last backup is 5 days old."


def test_data_that_is_not_pruned_any_more_is_found():
    Pruning.objects.create(
        kind="prompts", finished_at=timezone.now() - timedelta(days=4)
    )

    found = wrong(only_here=True)["Old data is deleted as Settings say"]
    assert found.startswith("prompts was last pruned")


def test_an_open_env_file_is_found(settings, tmp_path: Path):
    settings.BASE_DIR = tmp_path
    (tmp_path / ".env").touch(mode=0o644)

    assert [error.id for error in check_secret_files(None)] == ["whatsapp_agent.E001"]


def test_it_asks_nobody_when_offline(network, capsys):
    call_command("doctor", "--offline")

    assert "0 bad" in capsys.readouterr().out
    assert not network.calls


def test_it_ends_with_1_where_something_is_bad(network, capsys):
    Worker.objects.all().delete()

    with pytest.raises(SystemExit) as ended:
        call_command("doctor", "--json")

    assert ended.value.code == 1
    found = json.loads(capsys.readouterr().out)
    (bad,) = [one for one in found if one["level"] == "bad"]
    assert bad["title"] == "The worker runs"
