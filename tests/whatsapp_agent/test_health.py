from datetime import timedelta

import pytest
from django.db import OperationalError
from django.test import Client
from django.utils import timezone

from conversations.models import Worker
from evolution.models import Instance, Silence
from whatsapp_agent.operations import health

pytestmark = pytest.mark.django_db

PROXIED = {"X-Forwarded-For": "203.0.113.9"}


@pytest.fixture(autouse=True)
def _asked_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "_known", (float("-inf"), {}))


@pytest.fixture
def well() -> None:
    now = timezone.now()
    Worker.objects.create(slot="one", started_at=now, seen_at=now)
    Instance.objects.create(name="whatsapp-agent", state="open")


def test_it_lives_without_asking_the_database(
    client: Client, django_assert_num_queries
):
    with django_assert_num_queries(0):
        response = client.get("/healthz")

    assert response.status_code == 200
    assert response.json() == {"ok": True}
    assert not response.cookies


def test_it_is_ready_when_every_part_is(client: Client, well):
    response = client.get("/readyz")

    assert response.status_code == 200
    assert response.json() == {
        "ok": True,
        "database": {"ok": True},
        "inbox": {"ok": True},
        "worker": {"ok": True},
        "bridge": {"ok": True},
    }


def test_a_worker_without_a_sign_of_life_is_not_ready(client: Client, well):
    Worker.objects.update(seen_at=timezone.now() - timedelta(minutes=2))

    response = client.get("/readyz")

    assert response.status_code == 503
    assert "Last seen" in response.json()["worker"]["why"]


@pytest.mark.parametrize("state", ["close", "connecting", "refused", ""])
def test_a_bridge_that_is_not_open_is_not_ready(client: Client, well, state: str):
    Instance.objects.update(state=state)

    response = client.get("/readyz")

    assert response.status_code == 503
    assert response.json()["bridge"]["why"] == "Not connected: whatsapp-agent."


def test_a_silent_bridge_is_not_ready(client: Client, well):
    Silence.objects.create(instance=Instance.objects.get(), began_at=timezone.now())

    assert client.get("/readyz").json()["bridge"]["why"].startswith("No webhook since")


def test_without_a_linked_number_nothing_is_ready(client: Client, well):
    Instance.objects.update(state="removed")

    assert client.get("/readyz").json()["bridge"]["why"] == "No number is linked."


def test_a_database_that_fails_is_told_of(client: Client, well, monkeypatch):
    def fail() -> str:
        raise OperationalError("disk I/O error")

    monkeypatch.setitem(health.PARTS, "database", fail)

    response = client.get("/readyz")

    assert response.status_code == 503
    assert "disk I/O error" in response.json()["database"]["why"]


def test_strangers_do_not_read_why(client: Client):
    response = client.get("/readyz", headers=PROXIED)

    assert response.status_code == 503
    assert response.json()["worker"] == {"ok": False}


def test_asking_often_does_not_ask_the_database_often(
    client: Client, well, django_assert_num_queries
):
    client.get("/readyz")

    with django_assert_num_queries(0):
        for _ in range(20):
            client.get("/readyz")


def test_probes_are_not_redirected_to_https(client: Client, settings):
    settings.SECURE_SSL_REDIRECT = True

    assert client.get("/healthz").status_code == 200
    assert client.get("/admin/login/").status_code == 301


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
def test_they_are_for_reading_only(client: Client, path: str):
    assert client.post(path).status_code == 405
