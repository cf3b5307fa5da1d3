"""What the page of an instance shows, and how it stays up to date."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission
from django.urls import reverse, reverse_lazy
from django.utils import timezone

from evolution.models import Instance, RefusedWebhook

pytestmark = pytest.mark.django_db


@pytest.fixture
def instance():
    return Instance.objects.create(name="spare")


@pytest.fixture
def viewer(client, django_user_model):
    """Somebody who may look, but not link a phone."""
    person = django_user_model.objects.create_user("viewer", is_staff=True)
    person.user_permissions.add(Permission.objects.get(codename="view_instance"))
    client.force_login(person)
    return client


@pytest.fixture
def now(monkeypatch):
    """Time stands still."""
    now = timezone.now().replace(second=30)
    monkeypatch.setattr(timezone, "now", lambda: now)
    return now


def page(row: Instance) -> str:
    return reverse("admin:evolution_instance_change", args=[row.pk])


class TestInstancePage:
    def test_shows_the_code_while_connecting(self, admin_client, instance):
        Instance.objects.update(state="connecting", qr_code="2@<script>")

        text = admin_client.get(page(instance)).text

        assert 'class="segno"' in text
        assert 'http-equiv="refresh" content="5"' in text
        assert "2@" not in text

    def test_shows_the_pairing_code(self, admin_client, instance):
        Instance.objects.update(state="connecting", pairing_code="WZYEH1YY")

        assert "WZYE-H1YY" in admin_client.get(page(instance)).text

    def test_shows_whose_phone_is_linked_and_since_when(
        self, admin_client, instance, now
    ):
        Instance.objects.update(
            state="open",
            state_at=now - timedelta(hours=2, minutes=1),
            phone_jid="5511988887777@s.whatsapp.net",
            profile_name="<b>Desk</b>",
        )

        text = admin_client.get(page(instance)).text

        assert "+5511988887777" in text
        assert "<bdi>&lt;b&gt;Desk" in text
        assert "linked for 2\xa0hours" in text

    def test_says_why_the_link_ended(self, admin_client, instance):
        Instance.objects.update(state="close", state_reason="401: unlinked")

        assert "401: unlinked" in admin_client.get(page(instance)).text

    def test_says_how_to_go_on_after_the_last_code(self, admin_client, instance):
        Instance.objects.update(state="refused")

        assert "Connect again for new codes" in admin_client.get(page(instance)).text

    def test_tells_that_webhooks_were_refused(self, admin_client, instance):
        RefusedWebhook.objects.create(reason="secret", source="192.0.2.1")

        assert "without our secret" in admin_client.get(page(instance)).text

    def test_has_no_phone_to_scan_with_beside_a_real_bridge(
        self, admin_client, instance, settings
    ):
        settings.SANDBOX = False
        assert "its phone" not in admin_client.get(page(instance)).text

    def test_does_not_suggest_a_name_that_is_taken(self, admin_client, settings):
        Instance.objects.create(name=settings.EVOLUTION_INSTANCE)

        text = admin_client.get(reverse("admin:evolution_instance_add")).text

        assert f'value="{settings.EVOLUTION_INSTANCE}"' not in text

    @pytest.mark.parametrize("state", ["open", "close", "refused", "removed", ""])
    def test_is_still_in_every_other_state(self, admin_client, instance, state):
        Instance.objects.update(state=state, qr_code="2@code")

        text = admin_client.get(page(instance)).text

        assert 'class="segno"' not in text
        assert 'http-equiv="refresh"' not in text

    def test_survives_a_code_that_cannot_be_drawn(self, admin_client, instance):
        Instance.objects.update(state="connecting", qr_code="x" * 10_000)

        assert admin_client.get(page(instance)).status_code == 200

    def test_carries_no_inline_script_or_style(self, admin_client, instance):
        Instance.objects.update(state="connecting", qr_code="2@code")

        text = admin_client.get(page(instance)).text

        assert "<style" not in text
        assert "style=" not in text
        assert "<script>" not in text
        assert "data:" not in text

    def test_says_that_evolution_is_used(self, admin_client, instance):
        assert "uses <a" in admin_client.get(page(instance)).text

    def test_says_when_no_bridge_is_configured(self, admin_client, instance, settings):
        settings.EVOLUTION_API_KEY = ""

        assert "No bridge is configured" in admin_client.get(page(instance)).text

    def test_an_instance_can_be_added(self, admin_client, settings):
        url = reverse("admin:evolution_instance_add")

        assert f'value="{settings.EVOLUTION_INSTANCE}"' in admin_client.get(url).text
        admin_client.post(url, {"name": "another"})

        assert Instance.objects.get().name == "another"

    @pytest.mark.parametrize("name", ["..", "a/b", "a\\b", "a?b", "a#b", "a%2Fb"])
    def test_a_name_that_no_address_can_carry_is_refused(self, admin_client, name):
        page = admin_client.post(
            reverse("admin:evolution_instance_add"), {"name": name}
        )

        assert "the name becomes part of an address" in page.text
        assert not Instance.objects.exists()

    @pytest.mark.parametrize("name", ["shop 2", "loja-São_Paulo", "v1.2", "متجر"])
    def test_other_names_are_taken(self, admin_client, name):
        admin_client.post(reverse("admin:evolution_instance_add"), {"name": name})

        assert Instance.objects.get().name == name

    @pytest.mark.parametrize(("state", "status"), [("open", 403), ("removed", 200)])
    def test_only_what_is_gone_can_be_forgotten(
        self, admin_client, instance, state, status
    ):
        Instance.objects.update(state=state)
        url = reverse("admin:evolution_instance_delete", args=[instance.pk])

        assert admin_client.get(url).status_code == status


class TestLivePart:
    def live(self, client, instance: Instance, seen: str = ""):
        url = reverse("admin:evolution_instance_live", args=[instance.pk])
        return client.get(url, {"seen": seen})

    def test_is_silent_until_something_changes(self, admin_client, instance, now):
        seen = self.live(admin_client, instance).headers["X-Seen"]

        assert self.live(admin_client, instance, seen).status_code == 204
        Instance.objects.update(state="connecting", qr_code="2@code", qr_at=now)
        assert 'class="segno"' in self.live(admin_client, instance, seen).text

    def test_tells_when_the_next_code_comes(self, admin_client, instance, now):
        qr_at = now - timedelta(seconds=20)
        Instance.objects.update(state="connecting", qr_code="2@code", qr_at=qr_at)

        assert "comes in 25 s" in self.live(admin_client, instance).text

    def test_offers_a_way_on_where_no_code_comes(self, admin_client, instance):
        Instance.objects.update(
            state="connecting", state_at=timezone.now() - timedelta(minutes=2)
        )

        assert "Connect again" in self.live(admin_client, instance).text

    def test_shows_no_code_that_has_run_out(self, admin_client, instance, now):
        qr_at = now - timedelta(seconds=61)
        Instance.objects.update(state="connecting", qr_code="2@code", qr_at=qr_at)

        text = self.live(admin_client, instance).text

        assert 'class="segno"' not in text
        assert "Connect again" in text

    def test_shows_both_codes(self, admin_client, instance, now):
        Instance.objects.update(
            state="connecting", qr_code="2@code", qr_at=now, pairing_code="WZYEH1YY"
        )

        text = self.live(admin_client, instance).text

        assert 'class="segno"' in text
        assert "WZYE-H1YY" in text

    def test_is_drawn_anew_each_minute_for_its_ago(
        self, admin_client, instance, now, monkeypatch
    ):
        seen = self.live(admin_client, instance).headers["X-Seen"]

        monkeypatch.setattr(timezone, "now", lambda: now + timedelta(minutes=1))

        assert self.live(admin_client, instance, seen).status_code == 200

    def test_asks_the_database_little_while_nothing_changes(
        self, admin_client, instance, now, django_assert_max_num_queries
    ):
        seen = self.live(admin_client, instance).headers["X-Seen"]

        with django_assert_max_num_queries(3):  # session, user, instance
            self.live(admin_client, instance, seen)

    def test_carries_no_token(self, admin_client, instance):
        assert "csrf" not in self.live(admin_client, instance).text

    def test_is_not_for_who_may_not_look(self, client, instance, django_user_model):
        stranger = django_user_model.objects.create_user("stranger", is_staff=True)
        client.force_login(stranger)

        assert self.live(client, instance).status_code == 403

    def test_changes_nothing(self, admin_client, instance):
        url = reverse("admin:evolution_instance_live", args=[instance.pk])

        assert admin_client.post(url).status_code == 405

    def test_hides_the_codes_from_who_may_only_look(self, viewer, instance):
        Instance.objects.update(
            state="connecting", qr_code="2@code", pairing_code="WZYEH1YY"
        )

        for text in (self.live(viewer, instance).text, viewer.get(page(instance)).text):
            assert 'class="segno"' not in text
            assert "WZYE" not in text


class TestAllNumbers:
    url = reverse_lazy("admin:evolution_instance_changelist")

    def test_leads_to_the_only_one(self, admin_client, instance):
        assert admin_client.get(self.url).url == page(instance)

    def test_shows_several(self, admin_client, instance):
        Instance.objects.create(name="second", state="open")

        text = admin_client.get(self.url).text

        assert "spare" in text
        assert "second" in text

    def test_invites_to_name_the_first(self, admin_client):
        assert "Add a number" in admin_client.get(self.url).text
