"""Those who call the API, and the access tokens of a provider in memory."""

from dataclasses import dataclass, field
from typing import Any

from django.contrib.auth.models import Group, User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import HttpResponse
from django.test import Client

from tests.whatsapp_agent.provider import ISSUER, Provider
from whatsapp_agent.auth import api_tokens
from whatsapp_agent.models import Identity

APP = "their-app"
ROLES = ("viewer", "operator", "admin")
HUMAN = {
    "token_use": "access",
    "aud": None,
    "email": None,
    "nonce": None,
    "client_id": APP,
    "scope": "openid",
}


@dataclass
class Api:
    """A client that shows a session's cookie, or a bearer token."""

    client: Client = field(default_factory=Client)
    token: str = ""

    @property
    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"} if self.token else {}

    def upload(self, path: str, name: str, data: bytes, **fields: str) -> HttpResponse:
        fields = {"file": SimpleUploadedFile(name, data), **fields}
        return self.client.post(f"/api/{path}", fields, headers=self._headers)

    def __call__(self, method: str, path: str, body: Any = None) -> HttpResponse:
        headers = self._headers
        url = f"/api/{path}"
        if method == "GET":
            return self.client.get(url, headers=headers)
        return self.client.generic(
            method, url, body, "application/json", headers=headers
        )


def make_staff(*roles: str, name: str = "", **fields: Any) -> User:
    user = User.objects.create_user(
        name or f"user {User.objects.count()}", is_staff=True, **fields
    )
    user.groups.set(Group.objects.filter(name__in=roles))
    return user


def by_session(user: User) -> Api:
    api = Api()
    api.client.force_login(user)
    return api


def by_token(user: User, role: str) -> Api:
    return Api(token=api_tokens.make(f"{user} {role}", user, role, None)[1])


def access_token(provider: Provider, **claims: Any) -> str:
    provider.claims = {**HUMAN, **claims}
    return provider.sign()


def by_access_token(provider: Provider, role: str) -> Api:
    """Somebody who has signed in before, with a token of today."""
    sub = f"sub of {role}"
    Identity.objects.create(user=make_staff(role), issuer=ISSUER, sub=sub)
    groups = [f"whatsapp-agent-{role}"]
    return Api(token=access_token(provider, sub=sub, **{"cognito:groups": groups}))


def by_machine(provider: Provider, role: str) -> Api:
    return Api(token=machine_token(provider, f"whatsapp-agent/{role}"))


def machine_token(provider: Provider, scope: str, **claims: Any) -> str:
    theirs = {"sub": APP, "scope": scope, "cognito:groups": None}
    return access_token(provider, **theirs, **claims)
