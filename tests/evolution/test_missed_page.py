"""What the page of an instance tells of missed messages, and the button that looks."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from evolution.models import Instance, MissedSearch, Silence, Why

pytestmark = pytest.mark.django_db


@pytest.fixture
def row():
    return Instance.objects.create(
        name="wa1", state="open", search_at=timezone.now() + timedelta(minutes=5)
    )


def at(name: str, row: Instance) -> str:
    return reverse(f"admin:evolution_instance_{name}", args=[row.pk])


def make_search(row: Instance, **fields) -> MissedSearch:
    now = timezone.now()
    since = now.replace(hour=14, minute=2, second=0, microsecond=0)
    defaults = {"why": "schedule", "since": since, "until": now, "position": now}
    return MissedSearch.objects.create(
        instance=row, **{**defaults, "finished_at": now, **fields}
    )


class TestSentences:
    @pytest.mark.parametrize(
        ("fields", "said"),
        [
            ({}, "No message was missed since 2:02 p.m."),
            ({"found": 1}, "1 missed message found, since 2:02 p.m."),
            (
                {"found": 3, "too_old": 2},
                "3 missed messages found, since 2:02 p.m.; 2 of them too old to answer",
            ),
            ({"finished_at": None}, "Looking for messages since 2:02 p.m.…"),
            (
                {"finished_at": None, "error": "It is <b>away</b>."},
                "It is &lt;b&gt;away&lt;/b&gt;.",
            ),
        ],
    )
    def test_tell_of_the_latest_search(self, admin_client, row, fields, said):
        make_search(row, **fields)

        assert said in admin_client.get(at("change", row)).text

    def test_tell_that_there_was_none(self, admin_client, row):
        assert "Nobody has looked" in admin_client.get(at("change", row)).text

    def test_keep_telling_for_a_day_what_was_found(self, admin_client, row):
        found = make_search(row, found=3)
        make_search(row)
        assert "3 missed messages" in admin_client.get(at("missed", row)).text

        found.started_at = timezone.now() - timedelta(days=2)
        found.save()

        assert "3 missed messages" not in admin_client.get(at("missed", row)).text

    def test_tell_of_a_silence(self, admin_client, row):
        Silence.objects.create(
            instance=row, began_at=timezone.now() - timedelta(hours=1, minutes=1)
        )

        text = admin_client.get(at("missed", row)).text

        assert "has reported nothing for 1\xa0hour" in text

    def test_come_again_only_when_they_changed(self, admin_client, row):
        seen = admin_client.get(at("missed", row))["X-Seen"]
        again = admin_client.get(at("missed", row), {"seen": seen})
        assert again.status_code == 204

        make_search(row, found=1)

        changed = admin_client.get(at("missed", row), {"seen": seen})
        assert changed.status_code == 200


class TestButton:
    @pytest.mark.parametrize(
        "codenames",
        [("view_instance", "steer_conversation"), ("view_instance", "change_instance")],
    )
    def test_has_a_worker_look(self, staff, row, codenames):
        client = staff(*codenames)

        response = client.post(at("search", row), follow=True)

        row.refresh_from_db()
        assert row.search_why == Why.BUTTON
        assert row.search_at <= timezone.now()
        assert "A worker is about to look." in response.text

    def test_is_not_for_those_who_only_look(self, staff, row):
        client = staff("view_instance")

        assert "Look for missed" not in client.get(at("change", row)).text
        assert client.post(at("search", row)).status_code == 403

    def test_wants_a_post(self, admin_client, row):
        assert admin_client.get(at("search", row)).status_code == 405

    def test_tries_again_where_it_failed(self, admin_client, row):
        make_search(row, finished_at=None, error="It is away.")

        assert "Try again" in admin_client.get(at("change", row)).text


def test_who_may_see_the_numbers_may_see_the_lists(staff, row):
    now = timezone.now()
    silence = Silence.objects.create(instance=row, began_at=now, steps="Restarted.")
    client = staff("view_instance")

    for one in (make_search(row, found=7), silence):
        name = f"admin:evolution_{one._meta.model_name}"
        assert "wa1" in client.get(reverse(f"{name}_changelist")).text
        page = client.get(reverse(f"{name}_change", args=[one.pk]))
        assert page.status_code == 200
    assert "Restarted." in page.text
