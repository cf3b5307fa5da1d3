"""The two ways in. Each request asks the one that a session came by whether it still may."""

import logging
from typing import Any

import jwt
import requests
from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import User
from django.core.exceptions import SuspiciousOperation
from django.http import HttpRequest
from mozilla_django_oidc.auth import OIDCAuthenticationBackend

from whatsapp_agent.auth import accounts, claims
from whatsapp_agent.auth.provider import endpoint
from whatsapp_agent.auth.refusals import Reason, SignInError
from whatsapp_agent.models import Identity

logger = logging.getLogger(__name__)

PROVIDER = "whatsapp_agent.auth.backends.ProviderBackend"
# What the token endpoint says of a code, and not of us.
OF_THE_CODE = {"invalid_grant", "invalid_request"}


class LocalBackend(ModelBackend):
    """By password; nobody whose account is the provider's."""

    def authenticate(self, request: HttpRequest | None, **kwargs: Any) -> User | None:
        user = super().authenticate(request, **kwargs)
        if user and Identity.objects.filter(user=user).exists():
            return None
        return user

    def user_can_authenticate(self, user: User) -> bool:
        is_open = (
            settings.SIGN_IN != "oidc"
            or user.get_username() == settings.BREAK_GLASS_USERNAME
        )
        return is_open and super().user_can_authenticate(user)


class ProviderBackend(OIDCAuthenticationBackend):
    """The library's flow, with the checks that it leaves to us."""

    def __init__(self) -> None:
        # Not the library's own: each request of somebody who came this way makes one
        # of these, and must not wait for the provider's addresses.
        self.UserModel = get_user_model()
        self.OIDC_RP_CLIENT_ID = settings.OIDC_RP_CLIENT_ID
        self.OIDC_RP_CLIENT_SECRET = settings.OIDC_RP_CLIENT_SECRET
        self.OIDC_RP_SIGN_ALGO = settings.OIDC_RP_SIGN_ALGO
        self.OIDC_RP_IDP_SIGN_KEY = None

    OIDC_OP_TOKEN_ENDPOINT = property(lambda self: endpoint("token_endpoint"))
    OIDC_OP_USER_ENDPOINT = property(lambda self: endpoint("userinfo_endpoint"))
    OIDC_OP_JWKS_ENDPOINT = property(lambda self: endpoint("jwks_uri"))

    def authenticate(self, request: HttpRequest | None, **kwargs: Any) -> User | None:
        # Only the callback passes a nonce: the login form must not lead here.
        if settings.SIGN_IN == "local" or not kwargs.get("nonce"):
            return None
        try:
            return super().authenticate(request, **kwargs)
        except SignInError as error:
            if error.reason in (Reason.DOWN, Reason.MISCONFIGURED):
                raise  # not the person's fault, so it does not count as an attempt
            logger.warning("Refused a sign-in, %s", error)
            request.sign_in_error = error
            return None

    def get_token(self, payload: dict) -> dict:
        if not payload["client_secret"]:
            del payload["client_secret"]  # a public client, which PKCE protects
        try:
            tokens = super().get_token(payload)
        except requests.HTTPError as error:
            raise _token_error(error.response) from error
        except requests.RequestException as error:
            raise SignInError(Reason.DOWN, f"token: {error}") from error
        if not isinstance(tokens, dict) or not isinstance(tokens.get("id_token"), str):
            raise SignInError(Reason.INVALID, "no ID token")
        return tokens

    def verify_token(self, token: str, **kwargs: Any) -> dict:
        try:
            return super().verify_token(token, **kwargs)
        except requests.RequestException as error:
            raise SignInError(Reason.DOWN, f"keys: {error}") from error
        except (
            jwt.PyJWTError,
            SuspiciousOperation,
            KeyError,  # no kid
            TypeError,
            ValueError,
        ) as error:
            raise SignInError(
                Reason.INVALID, f"{type(error).__name__} {error}"
            ) from error

    def _verify_jws(self, payload: str, key: Any) -> dict:
        return claims.verify(payload, key)

    def get_or_create_user(
        self, access_token: str, id_token: str, payload: dict
    ) -> User:
        if settings.OIDC_USERINFO and not claims.is_complete(payload):
            payload = self._with_userinfo(access_token, id_token, payload)
        return accounts.admit(claims.read(payload))

    def _with_userinfo(self, access_token: str, id_token: str, payload: dict) -> dict:
        try:
            info = self.get_userinfo(access_token, id_token, payload)
        except requests.RequestException as error:
            raise SignInError(Reason.DOWN, f"userinfo: {error}") from error
        if not isinstance(info, dict) or info.get("sub") != payload["sub"]:
            raise SignInError(Reason.INVALID, "userinfo is about somebody else")
        return {**info, **payload}

    def get_user(self, user_id: int) -> User | None:
        # Django's: the library's forgets to ask whether the person still may.
        return ModelBackend.get_user(self, user_id)

    def user_can_authenticate(self, user: User) -> bool:
        return settings.SIGN_IN != "local" and super().user_can_authenticate(user)


def _token_error(response: requests.Response) -> SignInError:
    try:
        said = response.json()["error"]
    except (ValueError, KeyError, TypeError):
        said = None
    detail = f"token endpoint: {response.status_code} {said}"
    if response.status_code >= 500 or not said:
        return SignInError(Reason.DOWN, detail)
    reason = Reason.STALE if said in OF_THE_CODE else Reason.MISCONFIGURED
    return SignInError(reason, detail)
