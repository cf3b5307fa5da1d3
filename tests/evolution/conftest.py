import pytest
from django.urls import reverse

from evolution import refusals, states


@pytest.fixture(autouse=True)
def _no_collected_static_files(settings):
    settings.WHITENOISE_AUTOREFRESH = True


@pytest.fixture(autouse=True)
def _nothing_remembered(monkeypatch):
    """A process remembers what it wrote; each test is a new one."""
    for name in ("_states", "_addresses", "_seen"):
        monkeypatch.setattr(states, name, {})
    monkeypatch.setattr(refusals, "_waiting", type(refusals._waiting)())
    monkeypatch.setattr(refusals, "_wrong", type(refusals._wrong)())
    monkeypatch.setattr(refusals, "_written_at", float("-inf"))


@pytest.fixture
def deliver(client):
    """Post a webhook as Evolution does."""

    def post(body, headers=None, url=None):
        return client.post(
            url or reverse("api:webhook"),
            body,
            content_type="application/json",
            headers=headers or {"X-Webhook-Secret": "webhook-secret"},
        )

    return post
