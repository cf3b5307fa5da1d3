"""What a new installation lacks, and the buttons that see to it."""

from datetime import timedelta

import pytest
import responses
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group
from django.utils import timezone

from conversations.models import AgentSettings, Mode, Worker
from evolution.models import Instance, RefusedWebhook
from llm.models import Decision
from tests.factories import make_conversation, make_settings
from whatsapp_agent.home import checks, database
from whatsapp_agent.home.page import home

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("roles")]

HOME = "/admin/"
OPENAI = "https://openai.test/v1"
EVOLUTION = "http://evolution.test:9209"


@pytest.fixture
def lines(admin_user):
    def lines() -> dict[str, str]:
        """What is wrong, by line."""
        shown = home(admin_user, with_checklist=True).checklist
        return {str(line.title): line.trouble for line in shown}

    return lines


@pytest.fixture
def openai(settings):
    settings.LLM_PROVIDERS = {
        **settings.LLM_PROVIDERS,
        "openai": {"url": OPENAI, "api_key": "key"},
    }
    return make_settings(
        relevance_provider="openai",
        relevance_model="small",
        response_provider="openai",
        response_model="small",
    )


@pytest.fixture
def network():
    with responses.RequestsMock(assert_all_requests_are_fired=False) as network:
        yield network


def start_worker() -> None:
    now = timezone.now()
    Worker.objects.create(slot="1", started_at=now, seen_at=now)


def link_phone() -> None:
    Instance.objects.create(
        name="whatsapp-agent", state="open", webhook_at=timezone.now()
    )


def set_up() -> None:
    start_worker()
    link_phone()
    make_conversation(is_group=True, mode=Mode.LIVE)


class TestLines:
    def test_name_all_that_a_fresh_installation_lacks(self, lines):
        wrong = [title for title, trouble in lines().items() if trouble]

        assert wrong == [
            "The worker runs",
            "The bridge answers",
            "Webhooks arrive",
            "A phone is linked",
            "The agent may speak in a group",
        ]

    def test_are_all_done_in_the_end(self, lines):
        set_up()

        assert set(lines().values()) == {""}

    def test_tell_of_a_bridge_without_address(self, lines, settings):
        settings.EVOLUTION_URL = ""

        assert "EVOLUTION_URL" in lines()["The bridge answers"]

    def test_tell_of_webhooks_with_a_wrong_secret(self, lines):
        Instance.objects.create(name="whatsapp-agent", state="close")
        RefusedWebhook.objects.create(reason="secret", source="192.0.2.1")

        assert "wrong secret" in lines()["Webhooks arrive"]

    def test_count_a_phone_that_reconnects_as_linked(self, lines):
        phone = "5511999990009@s.whatsapp.net"
        Instance.objects.create(name="one", state="connecting", phone_jid=phone)

        assert lines()["A phone is linked"] == ""

    def test_do_not_count_a_phone_that_scans_as_linked(self, lines):
        Instance.objects.create(name="one", state="connecting")

        assert lines()["A phone is linked"]

    def test_tell_what_the_model_lacks(self, lines, settings):
        settings.LLM_PROVIDERS["openai"]["api_key"] = ""
        make_settings(response_provider="openai")

        assert "OPENAI_API_KEY is not set" in lines()["The model answers"]

    def test_do_not_believe_a_key_that_was_never_used(self, lines, openai):
        assert lines()["The model answers"] == "It has not been asked yet."

    def test_believe_a_model_that_has_decided(self, lines, openai):
        conversation = make_conversation()
        for step in Decision.Step:
            Decision.objects.create(
                conversation=conversation,
                step=step,
                source="model",
                outcome="reply",
                provider="openai",
            )

        assert lines()["The model answers"] == ""

    def test_lead_to_the_groups_that_only_watch(self, admin_client):
        group = make_conversation(is_group=True, mode=Mode.SHADOW)

        text = admin_client.get(HOME).text

        assert f"/conversations/conversation/{group.pk}/change/" in text

    def test_are_content_where_groups_were_switched_off_on_purpose(self, lines):
        make_settings(new_group_mode=Mode.OFF)

        assert lines()["The agent may speak in a group"] == ""


class TestChecklist:
    def test_shows_on_a_fresh_installation(self, admin_client):
        assert "Getting started" in admin_client.get(HOME).text

    def test_disappears_when_all_is_done(self, admin_client):
        set_up()

        assert "wa-checklist" not in admin_client.get(HOME).text

    def test_can_be_opened_again(self, admin_client):
        set_up()

        text = admin_client.get(HOME, {"checklist": "1"}).text

        assert "Everything is set up" in text
        assert "/admin/home/?checklist=1" in text

    def test_comes_back_when_the_worker_is_gone(self, admin_client):
        set_up()
        Worker.objects.update(seen_at=timezone.now() - timedelta(hours=1))

        assert "Start it: manage.py worker" in admin_client.get(HOME).text

    def test_shows_no_button_to_those_who_may_not_press_it(
        self, client, django_user_model
    ):
        viewer = django_user_model.objects.create_user("viewer", is_staff=True)
        viewer.groups.add(Group.objects.get(name="viewer"))
        client.force_login(viewer)

        text = client.get(HOME).text

        assert "The bridge answers" in text
        assert "Ask the bridge" not in text


class TestAskTheModel:
    def test_remembers_that_it_answered(self, admin_client, lines, openai, network):
        answer = {"choices": [{"message": {"content": "Yes"}}]}
        asked = network.post(f"{OPENAI}/chat/completions", json=answer)

        response = admin_client.post("/admin/setup/model/", follow=True)

        assert "The model answered." in response.text
        assert asked.call_count == 1  # both steps use the same one
        assert lines()["The model answers"] == ""

    def test_stands_in_the_audit_log(self, admin_client, openai, network):
        answer = {"choices": [{"message": {"content": "Yes"}}]}
        network.post(f"{OPENAI}/chat/completions", json=answer)

        admin_client.post("/admin/setup/model/")

        assert (
            LogEntry.objects.get().change_message
            == "Asked a model, it answered: openai small"
        )

    def test_tells_what_went_wrong(self, admin_client, lines, openai, network):
        network.post(f"{OPENAI}/chat/completions", status=401, json={})

        response = admin_client.post("/admin/setup/model/", follow=True)

        assert "401" in response.text
        assert lines()["The model answers"]

    def test_forgets_the_answer_of_another_model(self, admin_user, lines, openai):
        agent = AgentSettings.load()
        fact = checks.model_fact(agent, Decision.Step.RELEVANCE)
        LogEntry.objects.log_actions(admin_user.pk, [agent], 2, fact)
        assert lines()["The model answers"] == ""

        make_settings(response_model="large")

        assert lines()["The model answers"]

    def test_has_nothing_to_ask_where_answers_are_scripted(self, admin_client):
        response = admin_client.post("/admin/setup/model/", follow=True)

        assert "Scripted answers need no model." in response.text


class TestAskTheBridge:
    def test_remembers_that_it_answered(self, admin_client, lines, network):
        network.get(f"{EVOLUTION}/instance/fetchInstances", json=[])

        admin_client.post("/admin/setup/bridge/")

        assert lines()["The bridge answers"] == ""

    def test_writes_down_the_state_of_our_instance(self, admin_client, network):
        network.get(
            f"{EVOLUTION}/instance/fetchInstances", json=[{"name": "whatsapp-agent"}]
        )
        network.get(
            f"{EVOLUTION}/instance/connectionState/whatsapp-agent",
            json={"instance": {"state": "open"}},
        )

        admin_client.post("/admin/setup/bridge/")

        assert Instance.objects.get().state == "open"

    def test_tells_what_went_wrong(self, admin_client, lines, network):
        network.get(f"{EVOLUTION}/instance/fetchInstances", status=401, json={})

        response = admin_client.post("/admin/setup/bridge/", follow=True)

        assert 'class="error"' in response.text
        assert lines()["The bridge answers"]


class TestRegisterTheWebhook:
    def test_registers_it_for_each_instance(self, admin_client, network):
        Instance.objects.create(name="whatsapp-agent", state="open")
        network.get(f"{EVOLUTION}/webhook/find/whatsapp-agent", body="null")
        told = network.post(f"{EVOLUTION}/webhook/set/whatsapp-agent", json={})

        admin_client.post("/admin/setup/webhook/")

        assert told.call_count == 1


class TestDatabase:
    def test_is_well(self):
        assert database.problem() == ""

    def test_lacks_migrations(self, monkeypatch):
        database._require_migrations.cache_clear()
        monkeypatch.setattr(
            database.MigrationExecutor, "migration_plan", lambda *args: ["one"]
        )

        assert "manage.py migrate" in database.problem()
        monkeypatch.undo()
        assert database.problem() == ""
