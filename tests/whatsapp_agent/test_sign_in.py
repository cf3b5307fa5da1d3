"""Through the provider: who comes in, as what, and for how long."""

from datetime import timedelta

import pytest
import requests
import time_machine
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group, Permission, User
from django.contrib.sessions.models import Session
from django.db import IntegrityError
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from tests.whatsapp_agent.provider import BASE, ISSUER, SUB
from whatsapp_agent.auth import accounts
from whatsapp_agent.models import Identity

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("roles")]

HOME = "/admin/more/"


def is_in(client: Client) -> bool:
    return client.get(HOME).status_code == 200


class TestTheWayThere:
    def test_leads_to_the_provider_with_state_nonce_and_a_pkce_challenge(
        self, provider, client
    ):
        response = provider.begin(client)

        assert response["Location"].startswith(f"{BASE}/oauth2/authorize?")
        assert provider.asked["response_type"] == "code"
        assert provider.asked["client_id"] == "our-client"
        assert provider.asked["scope"] == "openid email profile"
        assert provider.asked["redirect_uri"] == "http://testserver/oidc/callback/"
        assert provider.asked["code_challenge_method"] == "S256"
        assert all(provider.asked[name] for name in ("state", "nonce"))

    def test_shows_the_code_verifier_and_our_secret_when_it_takes_the_token(
        self, provider, client
    ):
        provider.sign_in(client)

        asked = provider.asked_for_tokens()
        assert len(asked["code_verifier"]) >= 43
        assert asked["client_secret"] == "our-secret"
        assert asked["redirect_uri"] == provider.asked["redirect_uri"]

    def test_sends_no_secret_where_the_client_has_none(
        self, provider, client, settings
    ):
        settings.OIDC_RP_CLIENT_SECRET = ""
        provider.sign_in(client)

        assert "client_secret" not in provider.asked_for_tokens()

    def test_shows_the_secret_in_the_header_where_the_provider_wants_it_so(
        self, provider, client, settings
    ):
        settings.OIDC_TOKEN_USE_BASIC_AUTH = True
        provider.sign_in(client)

        call = next(c for c in provider.http.calls if c.request.method == "POST")
        assert call.request.headers["Authorization"].startswith("Basic ")
        assert "client_secret" not in provider.asked_for_tokens()

    def test_returns_to_the_page_that_was_asked_for(self, provider, client):
        response = provider.sign_in(client, next="/admin/llm/decision/")

        assert response["Location"] == "/admin/llm/decision/"

    def test_returns_to_no_other_site(self, provider, client):
        response = provider.sign_in(client, next="https://evil.example/")

        assert response["Location"] == "/admin/"

    def test_asks_for_the_addresses_once(self, provider, client):
        for _ in range(3):
            provider.sign_in(client)

        asked = [c for c in provider.http.calls if "openid-conf" in c.request.url]
        assert len(asked) == 1

    def test_takes_addresses_from_the_settings_before_those_published(
        self, provider, client, settings
    ):
        settings.OIDC_ENDPOINTS = {
            "authorization_endpoint": "https://elsewhere.example/authorize"
        }
        response = provider.begin(client)

        assert response["Location"].startswith("https://elsewhere.example/authorize?")

    def test_keeps_who_has_not_come_back_yet_for_a_quarter_of_an_hour(
        self, provider, client
    ):
        provider.begin(client)

        assert client.session.get_expiry_age() == 15 * 60


class TestAnAccount:
    def test_is_made_at_the_first_sign_in(self, provider, client):
        provider.sign_in(client)

        user = User.objects.get()
        assert user.email == user.username == "ana@example.org"
        assert user.get_full_name() == "Ana Lima"
        assert not user.has_usable_password()
        assert (user.identity.issuer, user.identity.sub) == (ISSUER, SUB)

    def test_is_the_same_at_the_next(self, provider, client):
        provider.sign_in(client)
        provider.sign_in(Client())

        assert User.objects.count() == Identity.objects.count() == 1

    def test_stays_the_same_under_a_new_email_address(self, provider, client):
        provider.sign_in(client)
        provider.claims["email"] = "lima@example.org"
        provider.sign_in(Client())

        assert User.objects.get().email == "lima@example.org"

    def test_is_another_for_another_sub_with_the_same_email_address(
        self, provider, client
    ):
        provider.sign_in(client)
        provider.claims["sub"] = "somebody-else"
        provider.sign_in(Client())

        assert User.objects.count() == 2

    def test_is_one_when_two_first_sign_ins_come_at_once(
        self, provider, client, monkeypatch
    ):
        make, calls = accounts._make, []

        def make_after_another(person):
            calls.append(person)
            if len(calls) == 1:
                raise IntegrityError("the other was faster")
            return make(person)

        monkeypatch.setattr(accounts, "_make", make_after_another)
        provider.sign_in(client)

        assert is_in(client)
        assert User.objects.count() == 1

    def test_is_not_made_for_everybody_whom_the_provider_knows(self, provider, client):
        provider.claims["cognito:groups"] = None
        response = provider.sign_in(client)

        assert response.status_code == 403
        assert "You have no role here" in response.content.decode()
        assert not User.objects.exists()


class TestRoles:
    @pytest.mark.parametrize("role", ["viewer", "operator", "admin"])
    def test_follow_the_providers_groups(self, provider, client, role):
        provider.claims["cognito:groups"] = [f"whatsapp-agent-{role}", "unknown"]
        provider.sign_in(client)

        user = User.objects.get()
        assert [group.name for group in user.groups.all()] == [role]
        assert user.is_staff
        assert not user.is_superuser
        assert is_in(client)

    def test_have_the_names_that_the_settings_give_them(
        self, provider, client, settings
    ):
        settings.OIDC_ROLES = {"admin": ["Ops", "Board"]}
        provider.claims["cognito:groups"] = ["Board"]
        provider.sign_in(client)

        assert User.objects.get().groups.get().name == "admin"

    def test_come_from_a_claim_within_another(self, provider, client, settings):
        settings.OIDC_GROUPS_CLAIM = "realm_access.roles"
        provider.claims["realm_access"] = {"roles": ["whatsapp-agent-viewer"]}
        provider.sign_in(client)

        assert User.objects.get().groups.get().name == "viewer"

    def test_make_no_superuser_unless_the_settings_name_a_group(
        self, provider, client, settings
    ):
        provider.claims["cognito:groups"] = ["root"]
        assert provider.sign_in(client).status_code == 403

        settings.OIDC_SUPERUSER_GROUPS = ["root"]
        provider.sign_in(client)

        assert User.objects.get().is_superuser

    def test_change_with_the_group(self, provider, client):
        provider.sign_in(client)
        provider.claims["cognito:groups"] = ["whatsapp-agent-viewer"]
        provider.sign_in(Client())

        assert User.objects.get().groups.get().name == "viewer"
        assert client.get(reverse("admin:auth_user_changelist")).status_code == 403

    def test_end_at_the_next_sign_in_once_the_group_is_taken_away(
        self, provider, client
    ):
        provider.claims["cognito:groups"] = ["whatsapp-agent-admin"]
        provider.sign_in(client)
        provider.claims["cognito:groups"] = None
        response = provider.sign_in(Client())

        user = User.objects.get()
        assert response.status_code == 403
        assert not user.is_staff
        assert not user.groups.exists()
        assert not is_in(client)  # the older session is of no use either

    def test_given_here_do_not_outlive_the_next_sign_in(self, provider, client):
        provider.sign_in(client)
        User.objects.get().groups.add(Group.objects.get(name="admin"))
        provider.sign_in(Client())

        assert User.objects.get().groups.get().name == "operator"

    def test_are_told_in_the_audit_log_when_they_change(self, provider, client):
        provider.sign_in(client)
        provider.sign_in(Client())
        provider.claims["cognito:groups"] = ["whatsapp-agent-admin"]
        provider.sign_in(Client())

        told = [entry.change_message for entry in LogEntry.objects.order_by("pk")]
        assert told == [
            "Roles from the sign-in service: operator.",
            "Roles from the sign-in service: admin.",
        ]


class TestOtherProviders:
    @pytest.fixture(autouse=True)
    def _thin(self, provider, settings):
        """One whose ID token says nothing but who it is."""
        settings.OIDC_GROUPS_CLAIM = "groups"
        settings.OIDC_REQUIRE_TOKEN_USE = False
        settings.OIDC_USERINFO = True
        settings.OIDC_LOGOUT = "standard"
        settings.OIDC_STORE_ID_TOKEN = True
        provider.claims = dict.fromkeys(["token_use", "email", "email_verified"])
        self.info = {
            "sub": SUB,
            "email": "ana@example.org",
            "email_verified": "true",
            "groups": ["whatsapp-agent-viewer"],
        }

    def publish(self, provider) -> None:
        provider.http.add("GET", f"{BASE}/oauth2/userInfo", json=self.info)

    def test_are_asked_for_what_the_id_token_does_not_say(self, provider, client):
        self.publish(provider)
        provider.sign_in(client)

        assert User.objects.get().groups.get().name == "viewer"

    def test_cannot_tell_about_somebody_else(self, provider, client):
        self.info["sub"] = "another"
        self.publish(provider)

        assert provider.sign_in(client).status_code == 403
        assert not User.objects.exists()

    def test_may_be_down_at_that_point(self, provider, client):
        provider.http.add("GET", f"{BASE}/oauth2/userInfo", status=502)

        assert provider.sign_in(client).status_code == 503

    def test_get_their_id_token_back_when_somebody_signs_out(self, provider, client):
        self.publish(provider)
        provider.sign_in(client)
        page = client.post(reverse("admin:logout")).content.decode()

        assert f"{BASE}/logout?client_id=our-client" in page
        assert "id_token_hint=ey" in page
        assert "post_logout_redirect_uri=" in page


class TestASession:
    def test_ends_at_a_fixed_time_however_much_it_is_used(self, provider, client):
        now = timezone.now()
        with time_machine.travel(now, tick=False) as clock:
            provider.sign_in(client)
            for _ in range(11):
                clock.shift(timedelta(hours=1))
                assert is_in(client)
                session = client.session
                session["used"] = str(timezone.now())
                session.save()
            clock.shift(timedelta(hours=1, seconds=1))

            assert not is_in(client)

    def test_by_password_ends_so_too(self, client):
        User.objects.create_superuser("root", password="a-long-secret-1")
        client.post(
            reverse("admin:login"),
            {"username": "root", "password": "a-long-secret-1"},
        )

        assert client.session.get_expiry_age() == pytest.approx(12 * 3600, abs=5)

    def test_ends_at_once_for_whoever_is_deactivated(self, provider, client):
        provider.sign_in(client)
        User.objects.update(is_active=False)

        assert not is_in(client)

    def test_does_not_begin_for_whoever_is_deactivated(self, provider, client):
        provider.sign_in(client)
        User.objects.update(is_active=False)
        response = provider.sign_in(Client())

        assert response.status_code == 403
        assert "Your account is switched off" in response.content.decode()

    def test_is_another_than_the_one_it_began_in(self, provider, client):
        provider.begin(client)
        before = client.session.session_key
        provider.answer(client)

        assert client.session.session_key != before

    def test_sweeps_those_away_that_have_ended(self, provider, client):
        with time_machine.travel(timezone.now() - timedelta(hours=1)):
            provider.begin(Client())
        provider.sign_in(client)

        assert Session.objects.count() == 1

    def test_keeps_no_token(self, provider, client):
        provider.sign_in(client)

        assert "eyJ" not in str(dict(client.session))

    def test_ends_where_the_provider_is_given_up(self, provider, client, settings):
        provider.sign_in(client)
        settings.SIGN_IN = "local"

        assert not is_in(client)

    def test_is_prolonged_by_signing_in_again(self, provider, client):
        provider.sign_in(client)
        with time_machine.travel(timezone.now() + timedelta(hours=11)):
            provider.sign_in(client)

            assert client.session.get_expiry_age() == pytest.approx(12 * 3600, abs=5)

    def test_needs_the_provider_no_more(self, provider, client):
        provider.sign_in(client)
        provider.http.reset()

        assert is_in(client)


class TestSigningOut:
    def test_ends_the_providers_session_too(self, provider, client, settings):
        provider.sign_in(client)
        response = client.post(reverse("admin:logout"))

        address = (
            f"{BASE}/logout?client_id=our-client&amp;logout_uri="
            "http%3A%2F%2Flocalhost%3A9208%2Foidc%2Fsigned-out%2F"
        )
        assert f'content="0; url={address}"' in response.content.decode()
        assert "no-store" in response["Cache-Control"]
        assert not is_in(client)

    def test_comes_back_to_a_page_that_says_so(self, provider, client):
        page = client.get(reverse("signed_out"))

        assert "You are signed out" in page.content.decode()

    def test_works_while_the_provider_is_down(self, provider, client, settings):
        provider.sign_in(client)
        provider.http.reset()
        settings.OIDC_DISCOVERY_URL = f"{ISSUER}/gone"
        response = client.post(reverse("admin:logout"))

        assert response.status_code == 200
        assert not is_in(client)

    def test_goes_nowhere_for_those_who_came_by_password(self, provider, client):
        client.force_login(User.objects.create_superuser("root"))
        response = client.post(reverse("admin:logout"))

        assert BASE not in response.content.decode()

    def test_needs_a_post(self, provider, client):
        provider.sign_in(client)

        assert client.get(reverse("admin:logout")).status_code == 405
        assert is_in(client)


class TestPeople:
    @pytest.fixture
    def ana(self, provider, client) -> User:
        provider.sign_in(client)
        return User.objects.get()

    @pytest.fixture
    def as_root(self, admin_client) -> Client:
        return admin_client

    def test_show_from_where_they_sign_in(self, ana, as_root):
        page = as_root.get(reverse("admin:auth_user_changelist")).content.decode()

        assert "through Cognito" in page
        assert "here, by password" in page

    def test_show_which_provider_they_came_from_before(self, ana, as_root, settings):
        settings.OIDC_ISSUER = "https://login.example.org"
        page = as_root.get(reverse("admin:auth_user_changelist")).content.decode()

        assert "through cognito-idp.eu-west-1.amazonaws.com" in page

    def test_from_the_provider_get_no_roles_here(self, ana, as_root):
        admins = Group.objects.get(name="admin")
        as_root.post(
            reverse("admin:auth_user_change", args=[ana.pk]),
            {"is_active": "on", "groups": [admins.pk], "is_superuser": "on"},
        )

        ana.refresh_from_db()
        assert not ana.is_superuser
        assert ana.groups.get().name == "operator"

    def test_from_the_provider_have_no_password_to_show_or_to_set(self, ana, as_root):
        page = as_root.get(reverse("admin:auth_user_change", args=[ana.pk]))

        assert ana.password not in page.content.decode()
        assert "../password/" not in page.content.decode()

    def test_from_the_provider_can_be_deactivated_here(self, ana, as_root, client):
        as_root.post(reverse("admin:auth_user_change", args=[ana.pk]), {})

        assert not is_in(client)

    def test_from_the_provider_may_get_single_permissions(self, ana, as_root):
        one = Permission.objects.get(codename="delete_conversation")
        as_root.post(
            reverse("admin:auth_user_change", args=[ana.pk]),
            {"is_active": "on", "user_permissions": [one.pk]},
        )

        assert User.objects.get(pk=ana.pk).has_perm("conversations.delete_conversation")


def test_keeps_the_old_addresses_while_new_ones_cannot_be_had(provider, client):
    now = timezone.now()
    provider.begin(client)
    with time_machine.travel(now + timedelta(hours=2)):
        provider.http.upsert(
            "GET",
            f"{ISSUER}/.well-known/openid-configuration",
            body=requests.ConnectionError("gone"),
        )
        assert provider.begin(client).status_code == 302
