import json
import re

import pytest
from django.contrib.auth.models import Permission
from django.urls import reverse
from django.utils import timezone

from conversations.models import Message
from conversations.whatsapp import BridgeError
from evolution import instances
from evolution.instances import Link, Status
from evolution.models import Instance, RefusedWebhook, UnreadableEvent
from tests.evolution.recorded import load

pytestmark = pytest.mark.django_db

ACTIONS = ["create", "connect", "refresh", "webhook", "restart", "logout", "delete"]


@pytest.fixture
def instance():
    return Instance.objects.create(name="spare")


@pytest.fixture
def calls(monkeypatch):
    """What the bridge was asked for; set `error` to make it fail."""

    class Calls(list):
        error: BridgeError | None = None
        link = Link("connecting", qr_code="2@code")

        def answer(self, action, result):
            def asked(*args):
                self.append((action, *args))
                if self.error:
                    raise self.error
                return result() if callable(result) else result

            return asked

    calls = Calls()
    results = {
        "create": lambda: calls.link,
        "connect": lambda: calls.link,
        "status": Status("open", "", "", "2.3.7", None, []),
        "register_webhook": False,
        "restart": None,
        "logout": None,
        "delete": None,
    }
    for name, result in results.items():
        monkeypatch.setattr(instances, name, calls.answer(name, result))
    return calls


@pytest.fixture
def staff(django_user_model):
    def staff(*codenames: str):
        person = django_user_model.objects.create_user("member", is_staff=True)
        person.user_permissions.set(Permission.objects.filter(codename__in=codenames))
        return person

    return staff


def page(row) -> str:
    return reverse(f"admin:evolution_{row._meta.model_name}_change", args=[row.pk])


def bridge(instance: Instance) -> str:
    return reverse("admin:evolution_instance_bridge", args=[instance.pk])


def said(response) -> str:
    return " ".join(map(str, response.context["messages"]))


class TestInstanceButtons:
    @pytest.mark.parametrize("action", ACTIONS)
    def test_ask_the_bridge(self, admin_client, instance, calls, action):
        fields = {"action": action, "confirmed": "yes"}

        response = admin_client.post(bridge(instance), fields, follow=True)

        names = {"webhook": "register_webhook", "refresh": "status"}
        name = names.get(action, action)
        assert [call[:2] for call in calls] == [(name, "spare")]
        assert [m.level_tag for m in response.context["messages"]] == ["success"]

    @pytest.mark.parametrize("action", ["logout", "delete"])
    def test_ask_first_where_there_is_no_way_back(
        self, admin_client, instance, calls, action
    ):
        response = admin_client.post(bridge(instance), {"action": action})

        assert "Yes, I am sure" in response.text
        assert not calls

    def test_connect_by_a_number(self, admin_client, instance, calls):
        calls.link = Link("connecting", pairing_code="WZYEH1YY")
        fields = {"action": "connect", "number": "+55 11 98888-7777"}

        response = admin_client.post(bridge(instance), fields, follow=True)

        assert calls == [("connect", "spare", "5511988887777")]
        assert "pairing code" in said(response)

    def test_refuse_what_is_no_number(self, admin_client, instance, calls):
        fields = {"action": "connect", "number": "abc"}

        response = admin_client.post(bridge(instance), fields, follow=True)

        assert "7 to 15 digits" in said(response)
        assert not calls

    def test_tell_what_is_wrong_with_the_webhook(
        self, admin_client, instance, calls, monkeypatch
    ):
        found = Status("open", "", "", "2.3.7", None, ["No webhook is registered."])
        monkeypatch.setattr(instances, "status", lambda name: found)

        response = admin_client.post(
            bridge(instance), {"action": "refresh"}, follow=True
        )

        assert "2.3.7 answers: Open" in said(response)
        assert "No webhook is registered." in said(response)

    def test_tell_what_the_bridge_refused(self, admin_client, instance, calls):
        calls.error = BridgeError("Evolution is not reachable.", kind="unreachable")

        response = admin_client.post(
            bridge(instance), {"action": "restart"}, follow=True
        )

        assert said(response) == "Evolution is not reachable."

    def test_tell_that_a_restart_is_needed(
        self, admin_client, instance, calls, monkeypatch
    ):
        monkeypatch.setattr(instances, "register_webhook", lambda name: True)

        response = admin_client.post(
            bridge(instance), {"action": "webhook"}, follow=True
        )

        assert "restart it" in said(response)

    def test_do_nothing_on_get(self, admin_client, instance, calls):
        response = admin_client.get(bridge(instance), {"action": "restart"})

        assert response.status_code == 405
        assert not calls

    def test_do_nothing_unknown(self, admin_client, instance, calls):
        response = admin_client.post(bridge(instance), {"action": "explode"})

        assert response.status_code == 404

    @pytest.mark.parametrize(
        ("state", "offered"),
        [
            ("", ["create", "connect", "refresh", "webhook", "delete"]),
            (
                "connecting",
                ["connect", "refresh", "restart", "webhook", "logout", "delete"],
            ),
            ("open", ["refresh", "restart", "webhook", "logout", "delete"]),
            ("refused", ["connect", "refresh", "webhook", "delete"]),
            ("removed", ["create", "refresh"]),
        ],
    )
    def test_are_those_that_fit_the_state(self, admin_client, instance, state, offered):
        Instance.objects.update(state=state)

        text = admin_client.get(page(instance)).text

        buttons = re.findall(r'form="bridge" name="action" value="(\w+)"', text)
        assert buttons == offered

    def test_are_gone_without_a_bridge(self, admin_client, instance, settings):
        settings.EVOLUTION_API_KEY = ""

        assert 'name="action"' not in admin_client.get(page(instance)).text

    def test_are_not_for_strangers(self, client, instance, calls):
        response = client.post(bridge(instance), {"action": "restart"})

        assert "/login/" in response.url
        assert not calls

    @pytest.mark.parametrize("codename", ["view_instance", "view_message"])
    def test_are_not_for_staff_without_permission(
        self, client, instance, staff, calls, codename
    ):
        client.force_login(staff(codename))

        response = client.post(bridge(instance), {"action": "restart"})

        assert response.status_code == 403
        assert not calls

    def test_are_for_staff_with_permission(self, client, instance, staff, calls):
        client.force_login(staff("change_instance"))

        client.post(bridge(instance), {"action": "restart"})

        assert calls == [("restart", "spare")]

    def test_are_not_shown_to_who_may_only_look(self, client, instance, staff):
        client.force_login(staff("view_instance"))

        text = client.get(page(instance)).text

        assert "spare" in text
        assert "Restart" not in text


class TestUnreadableEvents:
    @pytest.fixture
    def readable(self):
        """An event that could not be read once, and can be now."""
        body = load("webhooks/messages/dm_pn_conversation/01-messages.upsert")
        return UnreadableEvent.objects.create(
            body=json.dumps(body), digest="1", error="?"
        )

    @pytest.fixture
    def hopeless(self):
        return UnreadableEvent.objects.create(body="<script>", digest="2", error="?")

    def replay(self, event: UnreadableEvent) -> str:
        return reverse("admin:evolution_unreadableevent_replay", args=[event.pk])

    def test_are_shown_as_text(self, admin_client, hopeless):
        text = admin_client.get(page(hopeless)).text

        assert "&lt;script&gt;</pre>" in text
        assert "<script></pre>" not in text

    def test_can_be_replayed(self, admin_client, readable):
        admin_client.post(self.replay(readable))

        readable.refresh_from_db()
        assert readable.replayed_at
        assert Message.objects.exists()

    def test_tell_why_a_replay_failed(self, admin_client, hopeless):
        response = admin_client.post(self.replay(hopeless), follow=True)

        assert "This is not JSON" in said(response)

    def test_can_be_replayed_from_the_list(self, admin_client, readable, hopeless):
        response = admin_client.post(
            reverse("admin:evolution_unreadableevent_changelist"),
            {"action": "replay", "_selected_action": [readable.pk, hopeless.pk]},
            follow=True,
        )

        assert "Replayed: 1." in said(response)
        assert "This is not JSON" in said(response)

    def test_are_not_replayed_on_get(self, admin_client, readable):
        assert admin_client.get(self.replay(readable)).status_code == 405

    def test_are_not_replayed_for_who_may_only_look(self, client, readable, staff):
        client.force_login(staff("view_unreadableevent"))

        assert "Replay</button>" not in client.get(page(readable)).text
        assert client.post(self.replay(readable)).status_code == 403

    def test_can_be_deleted(self, admin_client, hopeless):
        url = reverse("admin:evolution_unreadableevent_delete", args=[hopeless.pk])

        admin_client.post(url, {"post": "yes"})

        assert not UnreadableEvent.objects.exists()


def test_refused_webhooks_can_be_deleted(admin_client):
    refused = RefusedWebhook.objects.create(
        reason="secret", source="192.0.2.1", last_at=timezone.now()
    )
    url = reverse("admin:evolution_refusedwebhook_delete", args=[refused.pk])

    admin_client.post(url, {"post": "yes"})

    assert not RefusedWebhook.objects.exists()
