import json

import pytest
from django.contrib.admin.models import LogEntry
from django.core.cache import cache

from conversations.knowledge import texts
from conversations.models import KnowledgeText
from tests.factories import make_text
from tests.whatsapp_agent.callers import Api, by_session, make_staff

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("roles")]


@pytest.fixture
def api() -> Api:
    cache.clear()
    return by_session(make_staff("admin", name="sam"))


def send(api: Api, method: str, path: str, **body) -> tuple[int, dict]:
    response = api(method, path, json.dumps(body) if body else None)
    return response.status_code, response.json()


def test_adds_a_text(api):
    status, found = send(api, "POST", "knowledge", title="Hours", body="From 9.")

    assert status == 201
    assert (found["version"]["number"], found["version"]["body"]) == (1, "From 9.")
    assert LogEntry.objects.get().object_repr == "Hours"


def test_replaces_what_a_text_says(api):
    text = make_text("Hours", "From 9.")

    status, found = send(
        api, "PUT", f"knowledge/{text.pk}", title="Hours", body="From 10.", version=1
    )

    assert (status, found["version"]["number"]) == (200, 2)


def test_does_not_overwrite_another_version(api):
    text = make_text("Hours", "From 9.")
    texts.save(text, "From 10.", None)

    status, found = send(
        api, "PUT", f"knowledge/{text.pk}", title="Hours", body="From 11.", version=1
    )

    assert status == 422
    assert found["errors"][0]["where"] == "body.body"


def test_says_what_cannot_be(api):
    status, found = send(
        api, "POST", "knowledge", title="Book", body="x" * 5000, use="always"
    )

    assert status == 422
    assert "this has 5000" in found["errors"][0]["detail"]


def test_lists_versions_and_restores_one(api):
    text = make_text("Hours", "From 9.")
    texts.save(text, "From 10.", None)

    status, found = send(api, "POST", f"knowledge/{text.pk}/versions/1/restore")
    _, versions = send(api, "GET", f"knowledge/{text.pk}/versions")

    assert (status, found["version"]["restores"]) == (200, 1)
    assert [one["number"] for one in versions["items"]] == [3, 2, 1]


def test_searches(api):
    make_text("Parking", "Ten places behind the house.")

    status, found = send(api, "GET", "knowledge/search?question=is+there+parking")

    assert status == 200
    assert [(one["title"], one["passage"]) for one in found] == [("Parking", 1)]


def test_deletes(api):
    text = make_text("Hours", "From 9.")

    assert api("DELETE", f"knowledge/{text.pk}").status_code == 204
    assert not KnowledgeText.objects.exists()
