"""Each way to come in as somebody, or with a token that is not for us."""

import base64
import json
import time

import jwt
import pytest
import requests
from cryptography.hazmat.primitives import serialization
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from tests.whatsapp_agent.provider import BASE, ISSUER, KEY, OTHER_KEY, SUB
from whatsapp_agent.models import Identity

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("roles")]

DISCOVERY = f"{ISSUER}/.well-known/openid-configuration"
TOKEN = f"{BASE}/oauth2/token"
KEYS = f"{ISSUER}/.well-known/jwks.json"


def is_in(client: Client) -> bool:
    return client.get("/admin/more/").status_code == 200


def is_refused(provider, client: Client) -> bool:
    """Neither a session nor an account."""
    response = provider.sign_in(client)
    assert response.status_code == 403
    assert "could not be verified" in response.content.decode()
    return not is_in(client) and not Identity.objects.exists()


def encoded(part: dict) -> str:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()


@pytest.fixture(params=["named", "unnamed"])
def algorithm(provider, request) -> None:
    """Providers may say what a key is for, and need not."""
    provider.publish_key(**({"alg": "RS256"} if request.param == "named" else {}))


class TestTokens:
    @pytest.mark.usefixtures("algorithm")
    def test_lets_a_good_one_in(self, provider, client):
        assert provider.sign_in(client)["Location"] == "/admin/"
        assert is_in(client)

    def test_for_another_audience(self, provider, client):
        provider.claims["aud"] = "another-client"
        assert is_refused(provider, client)

    def test_for_several_audiences_that_another_client_asked_for(
        self, provider, client
    ):
        provider.claims |= {"aud": ["our-client", "other"], "azp": "other"}
        assert is_refused(provider, client)

    def test_for_several_audiences_without_saying_who_asked(self, provider, client):
        provider.claims["aud"] = ["our-client", "other"]
        assert is_refused(provider, client)

    def test_for_us_that_another_client_asked_for(self, provider, client):
        provider.claims["azp"] = "other"
        assert is_refused(provider, client)

    def test_of_another_issuer(self, provider, client):
        provider.claims["iss"] = f"{ISSUER}x"
        assert is_refused(provider, client)

    def test_that_are_access_tokens(self, provider, client):
        provider.claims["token_use"] = "access"
        assert is_refused(provider, client)

    def test_that_are_access_tokens_of_any_provider(self, provider, client, settings):
        settings.OIDC_REQUIRE_TOKEN_USE = False
        provider.claims["token_use"] = "access"
        assert is_refused(provider, client)

    def test_of_cognito_that_do_not_say_what_they_are(self, provider, client):
        provider.claims["token_use"] = None
        assert is_refused(provider, client)

    def test_that_have_expired(self, provider, client):
        provider.claims["exp"] = int(time.time()) - 90
        assert is_refused(provider, client)

    def test_that_expired_within_the_leeway_are_let_in(self, provider, client):
        provider.claims["exp"] = int(time.time()) - 30
        provider.sign_in(client)
        assert is_in(client)

    def test_from_a_clock_a_little_ahead_are_let_in(self, provider, client):
        provider.claims["iat"] = int(time.time()) + 30
        provider.sign_in(client)
        assert is_in(client)

    def test_from_the_future(self, provider, client):
        provider.claims["iat"] = int(time.time()) + 600
        assert is_refused(provider, client)

    @pytest.mark.parametrize("name", ["exp", "iat", "iss", "aud", "sub"])
    def test_without_what_every_one_has(self, provider, client, name):
        provider.claims[name] = None
        assert is_refused(provider, client)

    @pytest.mark.parametrize("sub", ["", "s" * 256, 7])
    def test_about_nobody(self, provider, client, sub):
        provider.claims["sub"] = sub
        assert is_refused(provider, client)

    @pytest.mark.parametrize("nonce", ["another", None])
    def test_with_a_wrong_nonce(self, provider, client, nonce):
        provider.claims["nonce"] = nonce
        assert is_refused(provider, client)

    @pytest.mark.usefixtures("algorithm")
    def test_that_nobody_signed(self, provider, client):
        provider.begin(client)
        header = {"alg": "none", "kid": "one"}
        provider.id_token = f"{encoded(header)}.{encoded(provider.all_claims())}."
        assert provider.answer(client).status_code == 403
        assert not is_in(client)

    @pytest.mark.usefixtures("algorithm")
    def test_signed_with_the_public_key_as_a_password(self, provider, client):
        public = KEY.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        provider.begin(client)
        head = f"{encoded({'alg': 'HS256', 'kid': 'one'})}.{encoded(provider.all_claims())}"
        secret = jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256)
        signature = secret.sign(head.encode(), public)
        ending = base64.urlsafe_b64encode(signature).rstrip(b"=").decode()
        provider.id_token = f"{head}.{ending}"
        assert provider.answer(client).status_code == 403
        assert not is_in(client)

    @pytest.mark.usefixtures("algorithm")
    def test_signed_with_our_client_secret(self, provider, client):
        provider.begin(client)
        provider.id_token = provider.sign("our-secret" * 4, "HS256")
        assert provider.answer(client).status_code == 403
        assert not is_in(client)

    def test_signed_with_a_key_of_somebody_else(self, provider, client):
        provider.begin(client)
        provider.id_token = provider.sign(OTHER_KEY)
        assert provider.answer(client).status_code == 403
        assert not is_in(client)

    @pytest.mark.parametrize("kid", ["two", None])
    def test_signed_with_a_key_that_the_provider_does_not_name(
        self, provider, client, kid
    ):
        provider.begin(client)
        provider.id_token = provider.sign(kid=kid)
        assert provider.answer(client).status_code == 403
        assert not is_in(client)

    @pytest.mark.parametrize("token", ["garbage", "a.b.c", "é.é.é"])
    def test_that_are_none(self, provider, client, token):
        provider.id_token = token
        assert is_refused(provider, client)


class TestStates:
    def test_that_nobody_began_with(self, provider, client):
        provider.begin(client)
        response = provider.answer(client, state="made-up", code="once")

        assert response.status_code == 400
        assert "no longer valid" in response.content.decode()
        assert not is_in(client)

    def test_of_another_browser(self, provider, client):
        provider.begin(Client())

        assert provider.answer(client).status_code == 400
        assert not is_in(client)

    def test_used_a_second_time(self, provider, client):
        provider.begin(client)
        provider.answer(client)

        assert provider.answer(client).status_code == 400

    def test_do_not_sign_anybody_out_from_another_site(self, provider, client):
        provider.sign_in(client)
        callback = reverse("oidc_authentication_callback")
        client.get(callback, {"state": "made-up", "error": "access_denied"})

        assert is_in(client)

    def test_cannot_be_gone_round_by_the_login_form(self, provider, client):
        provider.begin(client)
        provider.claims["nonce"] = None
        query = f"?code=once&state={provider.asked['state']}"
        fields = {"username": "x", "password": "x"}
        client.post(reverse("admin:login") + query, fields)

        assert not is_in(client)


class TestPeople:
    def test_do_not_take_over_a_local_account_by_its_email_address(
        self, provider, client
    ):
        root = User.objects.create_superuser("ana@example.org", "ana@example.org")
        provider.sign_in(client)

        assert int(client.session["_auth_user_id"]) != root.pk
        assert User.objects.count() == 2
        root.refresh_from_db()
        assert root.is_superuser
        assert not hasattr(root, "identity")

    def test_with_a_sub_that_another_issuer_gave_are_others(self, provider, client):
        old = User.objects.create_superuser("old")
        Identity.objects.create(user=old, issuer="https://other.example", sub=SUB)
        provider.sign_in(client)

        assert int(client.session["_auth_user_id"]) != old.pk

    @pytest.mark.parametrize("verified", [False, "false", None, 1, "yes"])
    def test_without_a_verified_email_address_stay_out(
        self, provider, client, verified
    ):
        provider.claims["email_verified"] = verified
        response = provider.sign_in(client)

        assert response.status_code == 403
        assert "not verified" in response.content.decode()
        assert not User.objects.exists()

    def test_verified_in_words_come_in(self, provider, client):
        provider.claims["email_verified"] = "true"
        provider.sign_in(client)

        assert is_in(client)

    def test_without_an_email_address_stay_out(self, provider, client):
        provider.claims["email"] = None

        assert provider.sign_in(client).status_code == 403

    def test_of_the_provider_cannot_use_a_password(self, provider, client):
        provider.sign_in(client)
        user = User.objects.get()
        user.set_password("a-long-secret-1")
        user.save()
        other = Client()
        other.post(
            reverse("admin:login"),
            {"username": user.username, "password": "a-long-secret-1"},
        )

        assert not is_in(other)

    def test_whom_we_refuse_do_not_stay_in_as_who_they_were(self, provider, client):
        provider.sign_in(client)
        provider.claims["aud"] = "another-client"
        provider.sign_in(client)

        assert not is_in(client)

    def test_whom_the_provider_refuses_do_not_stay_in_as_who_they_were(
        self, provider, client
    ):
        provider.sign_in(client)
        provider.begin(client)
        response = provider.answer(client, error="access_denied")

        assert response.status_code == 403
        assert "said no" in response.content.decode()
        assert not is_in(client)


class TestTheProvider:
    def down(self, provider, client) -> bool:
        response = provider.sign_in(client)
        return response.status_code == 503 and not is_in(client)

    @pytest.mark.parametrize(
        "answer",
        [
            {"body": requests.ConnectTimeout("slow")},
            {"status": 500},
            {"body": "<html>"},
            {"json": []},
            {"status": 302, "headers": {"Location": "https://evil.example"}},
        ],
    )
    def test_may_be_down_at_discovery(self, provider, client, answer):
        provider.http.upsert("GET", DISCOVERY, **answer)
        response = provider.begin(client)

        assert response.status_code == 503
        assert "does not answer" in response.content.decode()

    def test_may_not_publish_another_issuer(self, provider, client):
        provider.publish(issuer="https://evil.example")

        assert provider.begin(client).status_code == 503

    def test_may_not_publish_addresses_that_are_not_secure(self, provider, client):
        provider.publish(authorization_endpoint="http://login.example.org/authorize")

        assert provider.begin(client).status_code == 503

    @pytest.mark.parametrize(
        "answer",
        [{"body": requests.ReadTimeout("slow")}, {"status": 503}, {"body": ""}],
    )
    def test_may_be_down_at_the_token(self, provider, client, answer):
        provider.http.remove("POST", TOKEN)
        provider.http.add("POST", TOKEN, **answer)

        assert self.down(provider, client)

    @pytest.mark.parametrize(
        "answer", [{"body": requests.ConnectionError("gone")}, {"status": 500}]
    )
    def test_may_be_down_at_the_keys(self, provider, client, answer):
        provider.http.upsert("GET", KEYS, **answer)

        assert self.down(provider, client)

    @pytest.mark.parametrize(
        ("status", "said", "answer"),
        [
            (400, "invalid_grant", 400),
            (401, "invalid_client", 503),
            (400, "unauthorized_client", 503),
        ],
    )
    def test_may_refuse_the_code_or_us(self, provider, client, status, said, answer):
        provider.http.remove("POST", TOKEN)
        provider.http.add("POST", TOKEN, status=status, json={"error": said})

        assert provider.sign_in(client).status_code == answer

    @pytest.mark.parametrize("tokens", [{}, [], {"id_token": 7}])
    def test_may_give_no_token(self, provider, client, tokens):
        provider.http.remove("POST", TOKEN)
        provider.http.add("POST", TOKEN, json=tokens)

        assert is_refused(provider, client)

    @pytest.mark.parametrize(
        ("said", "status"),
        [
            ("access_denied", 403),
            ("temporarily_unavailable", 503),
            ("invalid_scope", 503),
        ],
    )
    def test_may_say_an_error_instead_of_a_code(self, provider, client, said, status):
        provider.begin(client)
        response = provider.answer(
            client, error=said, error_description="<b>call 555-0100</b>"
        )

        assert response.status_code == status
        assert "555-0100" not in response.content.decode()

    def test_may_say_nothing(self, provider, client):
        provider.begin(client)

        assert provider.answer(client, nothing="").status_code == 403
