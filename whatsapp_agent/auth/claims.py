"""What an ID token says, believed only after every check."""

from dataclasses import dataclass
from typing import Any

import jwt
from django.conf import settings

from whatsapp_agent.auth.refusals import Reason, SignInError

MOST_CHARACTERS = 255  # of a sub, as the standard has it


@dataclass(frozen=True)
class Person:
    issuer: str
    sub: str
    email: str
    first_name: str
    last_name: str
    groups: frozenset[str]


def verify(token: str, key: Any) -> dict:
    """The claims of an ID token that was signed with the key, for us, by our provider."""
    claims = jwt.decode(
        token,
        key,
        algorithms=[settings.OIDC_RP_SIGN_ALGO],
        audience=settings.OIDC_RP_CLIENT_ID,
        issuer=settings.OIDC_ISSUER,
        leeway=settings.OIDC_LEEWAY,
        options={"require": ["exp", "iat", "iss", "aud", "sub"]},
    )
    if not 0 < len(claims["sub"]) <= MOST_CHARACTERS:
        raise jwt.InvalidTokenError("sub is empty or too long")
    # A token for several audiences names the one that asked for it.
    is_shared = isinstance(claims["aud"], list) and len(claims["aud"]) > 1
    if claims.get("azp", "" if is_shared else settings.OIDC_RP_CLIENT_ID) != (
        settings.OIDC_RP_CLIENT_ID
    ):
        raise jwt.InvalidAudienceError("azp is another client")
    # Cognito signs access tokens with keys of the same set; only this tells them apart.
    expected = None if settings.OIDC_REQUIRE_TOKEN_USE else "id"
    if claims.get("token_use", expected) != "id":
        raise jwt.InvalidTokenError("token_use is not id")
    return claims


def is_complete(claims: dict) -> bool:
    """Whether it says all that we want to know, so that userinfo need not be asked."""
    wanted = (settings.OIDC_EMAIL_CLAIM, settings.OIDC_GROUPS_CLAIM)
    return all(find(claims, name) is not None for name in wanted)


def read(claims: dict) -> Person:
    email = find(claims, settings.OIDC_EMAIL_CLAIM)
    if not isinstance(email, str) or not email.strip():
        raise SignInError(Reason.UNVERIFIED, f"no e-mail address: {claims['sub']}")
    if settings.OIDC_REQUIRE_VERIFIED_EMAIL and not _is_true(
        claims.get("email_verified")
    ):
        raise SignInError(Reason.UNVERIFIED, f"{claims['sub']} {email}")
    return Person(
        issuer=claims["iss"],
        sub=claims["sub"],
        email=email.strip(),
        first_name=_text(claims.get("given_name") or claims.get("name")),
        last_name=_text(claims.get("family_name")),
        groups=groups(find(claims, settings.OIDC_GROUPS_CLAIM)),
    )


def find(claims: dict, name: str) -> Any:
    """By its whole name, else step by step: realm_access.roles."""
    if name in claims:
        return claims[name]
    value: Any = claims
    for part in name.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value


def _is_true(value: Any) -> bool:
    """Some providers write it as a string."""
    return value is True or value == "true"


def _text(value: Any) -> str:
    return value.strip()[:150] if isinstance(value, str) else ""


def groups(value: Any) -> frozenset[str]:
    if isinstance(value, str):
        value = [value]
    if not isinstance(value, list):
        return frozenset()
    return frozenset(one for one in value if isinstance(one, str))
