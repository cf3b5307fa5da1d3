"""By password, through the provider, or both; and what is wrong with the settings."""

from datetime import timedelta

import pytest
import time_machine
from axes.models import AccessAttempt
from django.contrib.auth.models import User
from django.core.checks import run_checks
from django.test import Client
from django.urls import reverse
from django.utils import timezone

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("roles")]

SECRET = "a-long-secret-1"


@pytest.fixture
def root() -> User:
    return User.objects.create_superuser("root", password=SECRET)


def by_password(client: Client, username: str = "root", **extra: str):
    fields = {"username": username, "password": SECRET}
    return client.post(reverse("admin:login") + "?local", fields, **extra)


def is_in(client: Client) -> bool:
    return client.get("/admin/more/").status_code == 200


def login_page(client: Client, query: str = "") -> str:
    return client.get(reverse("admin:login") + query).content.decode()


class TestWithoutAProvider:
    def test_the_page_asks_for_a_password_only(self, client):
        page = login_page(client)

        assert 'name="password"' in page
        assert "Sign in with" not in page

    @pytest.mark.parametrize("name", ["init", "callback"])
    def test_there_is_no_way_to_one(self, client, name):
        url = reverse(f"oidc_authentication_{name}")

        assert client.get(url, {"code": "x", "state": "y"}).status_code == 404

    def test_people_sign_in_by_password(self, client, root):
        by_password(client)

        assert is_in(client)


class TestWithBoth:
    def test_the_page_has_the_button_and_the_form(self, provider, client):
        page = login_page(client, "?next=/admin/more/%3Fa=1%26b=2")

        assert "Sign in with Cognito" in page
        assert (
            'href="/oidc/authenticate/?next=%2Fadmin%2Fmore%2F%3Fa%3D1%26b%3D2"' in page
        )
        assert 'name="password"' in page

    def test_people_sign_in_by_password_too(self, provider, client, root):
        by_password(client)

        assert is_in(client)


class TestWithTheProviderOnly:
    @pytest.fixture(autouse=True)
    def _only(self, provider, settings):
        settings.SIGN_IN = "oidc"

    def test_the_page_has_no_form(self, client):
        page = login_page(client)

        assert "Sign in with Cognito" in page
        assert 'name="password"' not in page

    def test_the_page_does_not_lead_to_the_provider_by_itself(self, client):
        assert client.get(reverse("admin:login")).status_code == 200

    def test_nobody_signs_in_by_password(self, client, root):
        by_password(client)

        assert not is_in(client)

    def test_sessions_by_password_are_over(self, client, root, settings):
        settings.SIGN_IN = "both"
        by_password(client)
        settings.SIGN_IN = "oidc"

        assert not is_in(client)

    def test_one_account_breaks_the_glass(self, client, root, settings):
        settings.BREAK_GLASS_USERNAME = "root"
        assert 'name="password"' in login_page(client, "?local")
        by_password(client)

        assert is_in(client)

    def test_other_accounts_do_not(self, client, root, settings):
        settings.BREAK_GLASS_USERNAME = "root"
        User.objects.create_superuser("other", password=SECRET)
        by_password(client, "other")

        assert not is_in(client)

    def test_a_wrong_password_shows_the_form_again(self, client, root, settings):
        settings.BREAK_GLASS_USERNAME = "root"
        page = by_password(client, "nobody").content.decode()

        assert "Please enter the correct" in page
        assert 'name="password"' in page


class TestTooManyFailures:
    def fail(self, client: Client, times: int = 10, **extra: str):
        for number in range(times):
            response = by_password(client, f"guess-{number}", **extra)
        return response

    def test_shut_the_address_out(self, client, root):
        assert self.fail(client).status_code == 429
        response = by_password(client)

        assert response.status_code == 429
        assert "Too many attempts" in response.content.decode()
        assert not is_in(client)

    def test_shut_nobody_else_out(self, client, root):
        self.fail(client, REMOTE_ADDR="192.0.2.7")
        by_password(client)

        assert is_in(client)

    def test_are_forgotten_after_a_quarter_of_an_hour(self, client, root):
        self.fail(client)
        with time_machine.travel(timezone.now() + timedelta(minutes=16)):
            by_password(client)

            assert is_in(client)

    def test_leave_those_alone_who_are_in(self, client, root):
        by_password(client)
        self.fail(Client())

        assert is_in(client)

    def test_count_by_the_address_that_our_proxy_saw(self, client, root, settings):
        settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
        self.fail(client, HTTP_X_FORWARDED_FOR="made-up, 192.0.2.7")
        by_password(client, HTTP_X_FORWARDED_FOR="192.0.2.7, 192.0.2.8")

        assert is_in(client)

    def test_count_through_the_provider_too(self, provider, client):
        provider.claims["aud"] = "another"
        statuses = [provider.sign_in(client).status_code for _ in range(10)]

        assert statuses == [403] * 9 + [429]
        assert provider.begin(client).status_code == 429

    def test_do_not_count_while_the_provider_is_down(self, provider, client):
        provider.http.remove("POST", "https://login.example.org/oauth2/token")
        provider.http.add("POST", "https://login.example.org/oauth2/token", status=500)

        assert {provider.sign_in(client).status_code for _ in range(12)} == {503}

    def test_keep_no_password_and_no_code(self, provider, client):
        by_password(client, "nobody")
        provider.claims["aud"] = "another"
        provider.sign_in(client)

        kept = str(list(AccessAttempt.objects.values()))
        assert SECRET not in kept
        assert provider.asked["state"] not in kept


class TestChecks:
    def found(self) -> set[str]:
        ids = {one.id for one in run_checks()}
        return {one for one in ids if one.startswith("whatsapp_agent.")}

    def test_find_nothing_on_a_fresh_machine(self):
        assert self.found() == set()

    def test_find_nothing_with_a_pool_and_a_client(self, provider):
        assert self.found() == set()

    @pytest.mark.parametrize(
        ("name", "value", "wrong"),
        [
            ("SIGN_IN", "ldap", "E010"),
            ("OIDC_ISSUER", "", "E011"),
            ("OIDC_RP_CLIENT_ID", "", "E011"),
            ("OIDC_RP_SIGN_ALGO", "HS256", "E012"),
            ("OIDC_RP_SIGN_ALGO", "none", "E012"),
            (
                "OIDC_ISSUER",
                "https://cognito-idp.eu-west-1.amazonaws.com/us-east-1_x",
                "E013",
            ),
            (
                "OIDC_ISSUER",
                "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_x/",
                "E013",
            ),
            ("OIDC_LOGOUT", "maybe", "E014"),
            ("OIDC_RP_SCOPES", "email", "E015"),
            ("OIDC_ISSUER", "http://login.example.org", "E016"),
            ("SITE_URL", "http://agent.example.org", "E016"),
            ("OIDC_ENDPOINTS", {"jwks_uri": "http://keys.example.org"}, "E016"),
            ("SIGN_IN", "oidc", "W010"),
        ],
    )
    def test_tell_what_is_wrong(self, provider, settings, name, value, wrong):
        settings.OIDC_IS_COGNITO = True
        setattr(settings, name, value)

        assert f"whatsapp_agent.{wrong}" in self.found()

    def test_tell_of_tokens_that_nobody_will_believe(self, settings):
        settings.OIDC_API_CLIENTS = ["app"]

        assert self.found() == {"whatsapp_agent.E017"}

    def test_want_a_secret_to_show_in_a_header(self, provider, settings):
        settings.OIDC_TOKEN_USE_BASIC_AUTH = True
        settings.OIDC_RP_CLIENT_SECRET = ""

        assert "whatsapp_agent.E011" in self.found()
