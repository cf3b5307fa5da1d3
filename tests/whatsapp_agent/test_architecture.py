"""The picture of this installation: what it shows, to whom, and at what price."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import Group, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from conversations.models import Message, Worker
from evolution.models import Instance
from llm.models import Decision
from tests.factories import (
    make_conversation,
    make_inbound,
    make_outbound,
    make_settings,
)
from whatsapp_agent.architecture import drawing, flows, parts
from whatsapp_agent.architecture.views import text

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("roles")]

PAGE = "/admin/architecture/"


@pytest.fixture
def boss() -> User:
    return User.objects.create_superuser("boss")


def signed_in(role: str = "", **fields) -> Client:
    user = User.objects.create_user(f"one-{role}", **fields)
    if role:
        user.groups.add(Group.objects.get(name=role))
    client = Client()
    client.force_login(user)
    return client


def part(user: User, key: str) -> parts.Part:
    return parts.parts(user)[key]


def flow(user: User, key: str) -> flows.Flow:
    return next(one for one in flows.flows(user) if one.key == key)


def decide(conversation, **fields) -> Decision:
    given = {"step": "relevance", "source": "model", "outcome": "reply"}
    return Decision.objects.create(conversation=conversation, **given | fields)


class TestWhoMayLook:
    def test_strangers_are_asked_to_sign_in(self):
        assert Client().get(PAGE)["Location"].startswith("/admin/login/")

    def test_those_who_are_not_staff_are_asked_to_sign_in(self):
        assert signed_in().get(PAGE)["Location"].startswith("/admin/login/")

    @pytest.mark.parametrize("role", ["", "viewer", "operator", "admin"])
    def test_staff_may(self, role):
        assert signed_in(role, is_staff=True).get(PAGE).status_code == 200

    def test_superusers_may(self):
        client = signed_in(is_staff=True, is_superuser=True)

        assert client.get(PAGE).status_code == 200

    def test_the_short_address_leads_there(self):
        assert Client().get("/architecture")["Location"] == PAGE

    def test_staff_without_a_role_see_no_numbers_and_are_led_nowhere(self):
        conversation = make_conversation(last_message_at=timezone.now())
        make_inbound(conversation, "Hello")
        user = User.objects.create_user("new", is_staff=True)

        found = parts.parts(user).values()

        assert [one for one in found if one.url or one.facts or one.state] == []
        assert [one for one in flows.flows(user) if one.count is not None] == []

    def test_a_viewer_is_not_led_to_the_people(self):
        client = signed_in("viewer", is_staff=True)

        picture = client.get(PAGE).text.partition("wa-architecture")[2]

        assert "/admin/llm/decision/" in picture
        assert "/admin/auth/user/" not in picture


class TestConfiguration:
    def test_tells_the_sandbox(self, boss, settings):
        settings.SANDBOX = True

        assert part(boss, "bridge").name == "Sandbox"

    def test_tells_evolution_and_where_it_is(self, boss, settings):
        settings.SANDBOX = False
        settings.EVOLUTION_URL = "http://bridge.internal:9209"

        assert part(boss, "bridge").name == "Evolution API"
        assert "bridge.internal:9209" in part(boss, "bridge").facts

    def test_keeps_passwords_in_addresses_to_itself(self, settings, admin_client):
        settings.EVOLUTION_URL = "http://somebody:secret-word@bridge.internal:9209"
        settings.REDIS_URL = "redis://:secret-word@redis.internal:6379/0"

        said = admin_client.get(PAGE).text

        assert "redis.internal:6379" in said
        assert "secret-word" not in said

    def test_tells_the_queue_in_the_database(self, boss, settings):
        settings.REDIS_URL = ""

        assert part(boss, "queue").name == "In the database"

    def test_tells_redis(self, boss, settings):
        settings.REDIS_URL = "redis://redis.internal:6379/0"

        assert part(boss, "queue").name == "Redis"

    def test_tells_the_database(self, boss):
        name = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}[connection.vendor]

        assert part(boss, "database").name == name

    @pytest.mark.parametrize("vendor", ["sqlite", "postgresql"])
    def test_the_database_is_named_by_its_vendor(self, monkeypatch, vendor):
        class Other:
            settings_dict = {"NAME": "/var/lib/agent.sqlite3", "HOST": "db.internal"}
            is_in_memory_db = staticmethod(lambda: False)

        Other.vendor = vendor
        monkeypatch.setattr(parts, "database", Other)

        told = {
            "sqlite": "SQLite: agent.sqlite3",
            "postgresql": "PostgreSQL: db.internal",
        }
        shown = parts._database()

        assert f"{shown.name}: {shown.facts[0]}" == told[vendor]

    def test_scripted_models_are_a_part_of_this_installation(self, boss):
        make_settings(relevance_provider="scripted", relevance_model="")

        assert part(boss, "relevance").name == "Scripted"
        assert part(boss, "relevance").is_ours

    def test_tells_the_model_of_each_step_and_where_it_is(self, boss, settings):
        settings.LLM_PROVIDERS = {
            **settings.LLM_PROVIDERS,
            "openai": {"url": "https://models.example.org/v1", "api_key": "key"},
        }
        make_settings(response_provider="openai", response_model="gpt-9")

        found = part(boss, "response")

        assert (found.name, found.is_ours) == ("gpt-9", False)
        assert found.facts == ("OpenAI-compatible", "models.example.org")
        assert part(boss, "relevance").name == "Scripted"

    def test_tells_what_a_model_lacks(self, boss, settings):
        settings.LLM_PROVIDERS = {
            **settings.LLM_PROVIDERS,
            "anthropic": {"url": "https://api.anthropic.com/v1", "api_key": ""},
        }
        make_settings(relevance_provider="anthropic", relevance_model="")

        assert part(boss, "relevance").state == "close"

    def test_tells_that_the_agent_is_off(self, boss):
        make_settings(is_on=False)

        assert part(boss, "settings").name == "The agent is off"

    def test_tells_whether_the_worker_runs(self, boss):
        before = part(boss, "worker").state
        now = timezone.now()
        Worker.objects.create(slot="1", started_at=now, seen_at=now)

        assert (before, part(boss, "worker").state) == ("close", "open")

    def test_tells_the_phone(self, boss):
        Instance.objects.create(
            name="ours", state="open", phone_jid="5511999990009@s.whatsapp.net"
        )

        assert part(boss, "whatsapp").state == "open"
        assert part(boss, "whatsapp").facts == ("+5511999990009",)


class TestTraffic:
    def test_counts_the_last_hour_only(self, boss):
        now = timezone.now()
        conversation = make_conversation(last_message_at=now)
        make_inbound(conversation, "Now", sent_at=now)
        make_inbound(conversation, "Before", sent_at=now - timedelta(minutes=61))

        assert flow(boss, "in").count == 1

    def test_counts_what_left_and_what_waits(self, boss):
        conversation = make_conversation(last_message_at=timezone.now())
        for status in ("sent", "read", "queued", "unknown"):
            make_outbound(conversation, status, author="agent", status=status)

        assert flow(boss, "send").count == 2
        assert (flow(boss, "put").count, flow(boss, "put").failed) == (2, 1)

    def test_counts_the_calls_of_each_step_and_their_failures(self, boss):
        conversation = make_conversation()
        decide(conversation)
        decide(conversation, outcome="failed")
        decide(conversation, step="response", outcome="written")
        decide(conversation, source="rule")

        assert (flow(boss, "step1").count, flow(boss, "step1").failed) == (2, 1)
        assert (flow(boss, "step2").count, flow(boss, "step2").failed) == (1, 0)

    def test_asks_as_often_for_many_messages(self, admin_client):
        conversation = make_conversation(last_message_at=timezone.now())
        make_inbound(conversation, "Hello")
        admin_client.get(PAGE)
        with CaptureQueriesContext(connection) as few:
            admin_client.get(PAGE)
        for number in range(20):
            make_inbound(conversation, "Hello", sender=conversation.contact)
            decide(conversation)
            Instance.objects.create(name=f"number-{number}")

        with CaptureQueriesContext(connection) as many:
            admin_client.get(PAGE)

        assert Message.objects.count() == 21
        assert len(many) == len(few)


class TestPage:
    def test_places_every_part_and_every_flow(self, boss):
        found, going = parts.parts(boss), flows.flows(boss)

        for layout in (drawing.WIDE, drawing.NARROW):
            assert layout.middles.keys() == found.keys()
            assert layout.arrows.keys() == {one.key for one in going}

    def test_has_the_same_in_words(self, admin_client):
        said = admin_client.get(PAGE).text.partition("<details")[2]

        assert "Step 1: is a reply wanted?" in said
        assert "messages of people" in said

    def test_has_the_text(self, admin_client):
        assert text() in admin_client.get(PAGE).text
        assert "<h2>The way of a message</h2>" in text()
        assert "<table>" in text()

    def test_the_text_names_every_state(self):
        known = [*Message.Outcome, *Message.Status]
        words = [one.label.partition(":")[0].lower() for one in known if one.value]

        assert [word for word in words if word not in text().lower()] == []

    def test_says_nothing_new_where_nothing_changed(self, admin_client):
        first = admin_client.get(f"{PAGE}live/")
        again = admin_client.get(f"{PAGE}live/", {"seen": first["X-Seen"]})

        assert (first.status_code, again.status_code) == (200, 204)
