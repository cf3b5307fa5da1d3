"""Each way to show the API a token that is not good for it."""

import base64
import io
from datetime import timedelta

import jwt
import pytest
import requests
from cryptography.hazmat.primitives import serialization
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from tests.whatsapp_agent import callers
from tests.whatsapp_agent.callers import (
    APP,
    Api,
    access_token,
    machine_token,
    make_staff,
)
from tests.whatsapp_agent.provider import ISSUER, KEY, OTHER_KEY
from whatsapp_agent.auth import api_tokens, keys
from whatsapp_agent.models import ApiToken, Identity

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("roles")]

KEYS = f"{ISSUER}/.well-known/jwks.json"


@pytest.fixture(autouse=True)
def _clients(settings):
    settings.OIDC_API_CLIENTS = [APP]
    keys.forget()
    yield
    keys.forget()


@pytest.fixture
def ana() -> User:
    user = make_staff("operator", name="ana")
    Identity.objects.create(user=user, issuer=ISSUER, sub="ana")
    return user


def status(token: str) -> int:
    return Api(token=token)("GET", "conversations").status_code


def of_ana(provider, **claims) -> str:
    return access_token(provider, **{"sub": "ana", **claims})


class TestAccessTokens:
    def test_a_good_one_is_taken(self, provider, ana):
        assert status(of_ana(provider)) == 200

    @pytest.mark.parametrize(
        "claims",
        [
            pytest.param({"token_use": "id", "aud": APP}, id="an ID token"),
            pytest.param({"token_use": None}, id="without token_use"),
            pytest.param({"client_id": "other"}, id="of another client"),
            pytest.param({"client_id": None}, id="of no client"),
            pytest.param({"client_id": [APP]}, id="of a list of clients"),
            pytest.param({"iss": f"{ISSUER}x"}, id="of another issuer"),
            pytest.param({"exp": 1}, id="expired"),
            pytest.param({"exp": None}, id="without an end"),
            pytest.param({"iat": 9_999_999_999}, id="of the future"),
            pytest.param({"sub": None}, id="of nobody"),
            pytest.param({"sub": ""}, id="of an empty sub"),
            pytest.param({"sub": "x" * 256}, id="of a sub that is too long"),
        ],
    )
    def test_a_wrong_one_is_refused(self, provider, ana, claims):
        assert status(of_ana(provider, **claims)) == 401

    def test_signed_by_another_key(self, provider, ana):
        of_ana(provider)
        assert status(provider.sign(OTHER_KEY)) == 401

    def test_signed_by_a_key_that_is_not_published(self, provider, ana):
        of_ana(provider)
        assert status(provider.sign(kid="two")) == 401

    def test_that_names_no_key(self, provider, ana):
        of_ana(provider)
        assert status(provider.sign(kid=None)) == 401

    def test_not_signed(self, provider, ana):
        of_ana(provider)
        assert status(provider.sign(None, "none")) == 401

    def test_signed_with_the_public_key_as_a_password(self, provider, ana):
        of_ana(provider)
        public = KEY.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        signed = jwt.encode(provider.all_claims(), "k" * 32, headers={"kid": "one"})
        head = signed.rpartition(".")[0]
        secret = jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256)
        signature = base64.urlsafe_b64encode(secret.sign(head.encode(), public))
        assert status(f"{head}.{signature.rstrip(b'=').decode()}") == 401

    @pytest.mark.parametrize("token", ["x", "a.b.c", "wat_x", "é", "", "a b"])
    def test_that_are_none(self, provider, token):
        assert status(token or " ") == 401

    def test_altered(self, provider, ana):
        head, body, signature = of_ana(provider).split(".")
        other = jwt.encode({"sub": "root"}, "k" * 32).split(".")[1]
        assert status(f"{head}.{other}.{signature}") == 401

    def test_of_somebody_in_no_group_of_ours(self, provider, ana):
        assert status(of_ana(provider, **{"cognito:groups": ["others"]})) == 403

    def test_of_somebody_who_has_never_signed_in(self, provider):
        assert status(of_ana(provider)) == 403
        assert not User.objects.exists()

    def test_of_somebody_who_is_not_staff_any_more(self, provider, ana):
        User.objects.update(is_staff=False)
        assert status(of_ana(provider)) == 403

    def test_of_somebody_who_was_switched_off(self, provider, ana):
        User.objects.update(is_active=False)
        assert status(of_ana(provider)) == 401

    def test_gives_no_more_than_the_account_has(self, provider, ana):
        token = of_ana(provider, **{"cognito:groups": ["whatsapp-agent-admin"]})
        response = Api(token=token)("PATCH", "settings", '{"threshold": 0.1}')
        assert response.status_code == 403

    def test_a_scope_of_ours_narrows_it(self, provider, ana):
        token = of_ana(provider, scope="openid whatsapp-agent/viewer")
        assert status(token) == 200
        answer = Api(token=token)("POST", "conversations/1/messages", '{"text": "x"}')
        assert answer.status_code == 403

    def test_where_no_client_may_call(self, provider, ana, settings):
        settings.OIDC_API_CLIENTS = []
        assert status(of_ana(provider)) == 401

    def test_where_people_sign_in_by_password(self, provider, ana, settings):
        settings.SIGN_IN = "local"
        assert status(of_ana(provider)) == 401

    def test_for_another_audience(self, provider, ana, settings):
        settings.OIDC_API_AUDIENCE = "https://agent.example.org"
        assert status(of_ana(provider)) == 401
        assert status(of_ana(provider, aud="https://agent.example.org")) == 200

    def test_while_the_provider_is_down(self, provider, ana):
        provider.http.replace("GET", KEYS, body=requests.ConnectionError())
        assert status(of_ana(provider)) == 503

    def test_keys_are_asked_for_once(self, provider, ana):
        for _ in range(3):
            status(of_ana(provider))
            status(provider.sign(kid="unknown"))

        asked = [call for call in provider.http.calls if call.request.url == KEYS]
        assert len(asked) == 1

    def test_a_session_does_not_make_up_for_a_bad_one(self, provider, ana):
        api = callers.by_session(ana)
        api.token = "bad"
        assert api("GET", "conversations").status_code == 401


class TestOfOtherProviders:
    @pytest.fixture(autouse=True)
    def _any_provider(self, provider, settings):
        settings.OIDC_REQUIRE_TOKEN_USE = False

    def test_say_in_the_header_what_they_are(self, provider, ana):
        of_ana(provider, token_use=None)
        headers = {"kid": "one", "typ": "at+jwt"}
        claims = provider.all_claims()
        assert status(jwt.encode(claims, KEY, "RS256", headers=headers)) == 200

    def test_or_are_refused(self, provider, ana):
        assert status(of_ana(provider, token_use=None)) == 401


class TestMachines:
    def test_have_the_role_of_their_scope(self, provider):
        token = machine_token(provider, "whatsapp-agent/viewer")
        assert status(token) == 200
        assert Api(token=token)("GET", "instances/1/qr").status_code == 403

    def test_act_in_a_name_of_their_own(self, provider):
        machine_token(provider, "whatsapp-agent/viewer")
        for _ in range(2):
            assert status(provider.sign()) == 200

        user = User.objects.get()
        assert (user.username, user.is_staff) == (f"client:{APP}", False)
        assert not user.has_usable_password()

    def test_without_a_scope_of_ours(self, provider):
        assert status(machine_token(provider, "other/viewer")) == 403
        assert not User.objects.exists()

    def test_can_be_switched_off(self, provider):
        token = machine_token(provider, "whatsapp-agent/admin")
        status(token)
        User.objects.update(is_active=False)
        assert status(token) == 401


class TestOwnTokens:
    @pytest.fixture
    def boss(self) -> User:
        return make_staff(name="boss", is_superuser=True)

    def test_are_no_more_than_their_role(self, boss):
        api = callers.by_token(boss, "viewer")
        assert api("GET", "settings").status_code == 200
        assert api("PATCH", "settings", '{"threshold": 0.1}').status_code == 403

    def test_are_no_more_than_their_owner(self):
        api = callers.by_token(make_staff("viewer"), "admin")
        assert api("PATCH", "settings", '{"threshold": 0.1}').status_code == 403

    def test_are_not_kept(self, boss):
        row, token = api_tokens.make("one", boss, "viewer", None)
        assert token not in str(ApiToken.objects.values().get())

    def test_end(self, boss):
        past = timezone.now() - timedelta(seconds=1)
        assert status(api_tokens.make("one", boss, "viewer", past)[1]) == 401

    def test_of_somebody_who_is_not_staff_any_more(self, boss):
        api = callers.by_token(boss, "viewer")
        User.objects.update(is_staff=False)
        assert api("GET", "settings").status_code == 401

    def test_of_somebody_who_was_switched_off(self, boss):
        api = callers.by_token(boss, "viewer")
        User.objects.update(is_active=False)
        assert api("GET", "settings").status_code == 401

    def test_of_an_account_that_may_not_sign_in_any_more(
        self, boss, provider, settings
    ):
        api = callers.by_token(boss, "viewer")
        settings.SIGN_IN = "oidc"
        assert api("GET", "settings").status_code == 401
        settings.BREAK_GLASS_USERNAME = "boss"
        assert api("GET", "settings").status_code == 200

    def test_the_command_prints_a_curl(self, boss):
        out = io.StringIO()
        call_command("api_token", "make", "cron", stdout=out)
        token = out.getvalue().split("Bearer ")[1].split('"')[0]
        assert status(token) == 200

        call_command("api_token", "list", stdout=out)
        assert "cron: viewer, of boss, for ever" in out.getvalue()

        call_command("api_token", "revoke", "cron", stdout=out)
        assert status(token) == 401

    @pytest.mark.parametrize(
        "given",
        [
            pytest.param(["make", "x", "--role", "king"], id="no such role"),
            pytest.param(["make", "x", "--user", "nobody"], id="no such person"),
            pytest.param(["revoke", "x"], id="no such token"),
        ],
    )
    def test_the_command_says_what_is_wrong(self, boss, given):
        with pytest.raises(CommandError, match="There is no"):
            call_command("api_token", *given)

    def test_the_command_makes_each_name_once(self, boss):
        call_command("api_token", "make", "cron", stdout=io.StringIO())
        with pytest.raises(CommandError, match="revoke it first"):
            call_command("api_token", "make", "cron")


class TestCsrf:
    @pytest.fixture
    def client(self) -> Client:
        client = Client(enforce_csrf_checks=True)
        client.force_login(make_staff("admin"))
        return client

    def change(self, client: Client, **headers: str) -> int:
        return client.patch(
            "/api/settings", '{"threshold": 0.3}', "application/json", headers=headers
        ).status_code

    def test_a_session_reads_without_its_token(self, client):
        assert client.get("/api/settings").status_code == 200

    def test_a_session_changes_nothing_without_its_token(self, client):
        assert self.change(client) == 403

    def test_a_session_changes_something_with_its_token(self, client):
        client.get("/admin/login/")
        client.get("/api/")
        token = client.cookies["csrftoken"].value
        assert self.change(client, X_CSRFToken=token) == 200

    def test_a_bearer_needs_none(self):
        api = callers.by_token(make_staff("admin"), "admin")
        api.client = Client(enforce_csrf_checks=True)
        assert api("PATCH", "settings", '{"threshold": 0.3}').status_code == 200
