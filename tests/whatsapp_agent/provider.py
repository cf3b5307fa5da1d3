"""A provider in memory: it signs what it is told to, and answers where the settings look."""

import json
import time
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt
import responses
from cryptography.hazmat.primitives.asymmetric import rsa
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

ISSUER = "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_Abc123"
BASE = "https://login.example.org"
CLIENT_ID = "our-client"
SUB = "5f0c-ana"


def new_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


KEY, OTHER_KEY = new_key(), new_key()


def jwk(key: rsa.RSAPrivateKey, kid: str) -> dict:
    public = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key()))
    return {**public, "kid": kid, "use": "sig"}


@dataclass
class Provider:
    http: responses.RequestsMock
    claims: dict[str, Any] = field(default_factory=dict)  # None: left out
    id_token: str = ""  # instead of one made of the claims
    asked: dict[str, str] = field(default_factory=dict)

    def publish(self, **values: Any) -> None:
        document = {
            "issuer": ISSUER,
            "authorization_endpoint": f"{BASE}/oauth2/authorize",
            "token_endpoint": f"{BASE}/oauth2/token",
            "userinfo_endpoint": f"{BASE}/oauth2/userInfo",
            "jwks_uri": f"{ISSUER}/.well-known/jwks.json",
            "end_session_endpoint": f"{BASE}/logout",
            **values,
        }
        url = f"{ISSUER}/.well-known/openid-configuration"
        self.http.upsert("GET", url, json=document)
        self.publish_key(alg="RS256")
        self.http.add_callback("POST", document["token_endpoint"], self._token)

    def publish_key(self, **values: str) -> None:
        url = f"{ISSUER}/.well-known/jwks.json"
        self.http.upsert("GET", url, json={"keys": [{**jwk(KEY, "one"), **values}]})

    def _token(self, request: Any) -> tuple[int, dict, str]:
        tokens = {"id_token": self.id_token or self.sign(), "access_token": "access"}
        return 200, {}, json.dumps(tokens)

    def all_claims(self) -> dict:
        now = int(time.time())
        claims = {
            "iss": ISSUER,
            "aud": CLIENT_ID,
            "sub": SUB,
            "iat": now,
            "exp": now + 3600,
            "nonce": self.asked.get("nonce"),
            "token_use": "id",
            "email": "ana@example.org",
            "email_verified": True,
            "given_name": "Ana",
            "family_name": "Lima",
            "cognito:groups": ["whatsapp-agent-operator"],
            **self.claims,
        }
        return {name: value for name, value in claims.items() if value is not None}

    def sign(
        self, key: Any = KEY, algorithm: str = "RS256", kid: str | None = "one"
    ) -> str:
        headers = {"kid": kid} if kid else {}
        return jwt.encode(self.all_claims(), key, algorithm, headers=headers)

    def begin(self, client: Client, **query: str) -> HttpResponse:
        """Click the button, up to the provider's page."""
        response = client.get(reverse("oidc_authentication_init"), query)
        if response.status_code == 302:
            found = parse_qs(urlsplit(response["Location"]).query)
            self.asked = {name: values[0] for name, values in found.items()}
        return response

    def answer(self, client: Client, **query: str) -> HttpResponse:
        """Come back from there, with a code unless told otherwise."""
        query = {"state": self.asked["state"], **(query or {"code": "once"})}
        return client.get(reverse("oidc_authentication_callback"), query)

    def sign_in(self, client: Client, **query: str) -> HttpResponse:
        self.begin(client, **query)
        return self.answer(client)

    def asked_for_tokens(self) -> dict[str, str]:
        call = next(c for c in self.http.calls if c.request.method == "POST")
        return {n: v[0] for n, v in parse_qs(call.request.body).items()}
