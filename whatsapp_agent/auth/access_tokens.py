"""Access tokens of the provider: of a person, or of a machine (client credentials)."""

from dataclasses import dataclass

import jwt
from django.conf import settings
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction

from whatsapp_agent.auth import accounts, claims as id_claims, keys
from whatsapp_agent.auth.backends import ProviderBackend
from whatsapp_agent.auth.refusals import Reason, SignInError
from whatsapp_agent.models import Identity


@dataclass(frozen=True)
class Access:
    user: User
    roles: frozenset[str]
    is_machine: bool


def read(token: str) -> Access:
    """Whose token it is and what it is good for, or SignInError."""
    if settings.SIGN_IN == "local" or not settings.OIDC_API_CLIENTS:
        raise SignInError(Reason.INVALID, "no access tokens are taken here")
    claims = _verify(token)
    client = _client(claims)
    if client not in settings.OIDC_API_CLIENTS:
        raise SignInError(Reason.INVALID, f"the client {client}")
    roles = _roles(claims)
    if not roles:
        raise SignInError(Reason.NO_ROLE, f"{claims['sub']} of {client}")
    # Cognito's machines are their client; elsewhere they may be known as people are.
    is_machine = claims["sub"] == client
    user = _machine(client) if is_machine else _person(claims)
    if not ProviderBackend().user_can_authenticate(user):
        raise SignInError(Reason.INACTIVE, claims["sub"])
    return Access(user, roles, is_machine)


def _verify(token: str) -> dict:
    try:
        header = jwt.get_unverified_header(token)
        claims = jwt.decode(
            token,
            keys.find(header.get("kid")),
            algorithms=[settings.OIDC_RP_SIGN_ALGO],
            issuer=settings.OIDC_ISSUER,
            audience=settings.OIDC_API_AUDIENCE or None,
            leeway=settings.OIDC_LEEWAY,
            options={
                "require": ["exp", "iat", "iss", "sub"],
                "verify_aud": bool(settings.OIDC_API_AUDIENCE),
            },
        )
    except (jwt.PyJWTError, TypeError, ValueError) as error:
        raise SignInError(Reason.INVALID, f"{type(error).__name__} {error}") from error
    if not 0 < len(claims["sub"]) <= id_claims.MOST_CHARACTERS:
        raise SignInError(Reason.INVALID, "sub is empty or too long")
    if not _is_access(claims, header):
        raise SignInError(Reason.INVALID, "not an access token")
    return claims


def _is_access(claims: dict, header: dict) -> bool:
    """An ID token is signed by the same keys, and is no leave to do anything."""
    if "token_use" in claims or settings.OIDC_REQUIRE_TOKEN_USE:
        return claims.get("token_use") == "access"
    kind = str(header.get("typ")).lower().removeprefix("application/")
    return kind == "at+jwt" or claims.get("typ") == "Bearer"  # RFC 9068; Keycloak


def _client(claims: dict) -> str:
    client = claims.get("client_id") or claims.get("azp")
    return client if isinstance(client, str) else ""


def _roles(claims: dict) -> frozenset[str]:
    """By our scopes where it has any of them, else by its groups."""
    scope = claims.get("scope")
    scopes = set(scope.split()) if isinstance(scope, str) else set()
    groups = id_claims.groups(id_claims.find(claims, settings.OIDC_GROUPS_CLAIM))
    return _mapped(settings.OIDC_SCOPE_ROLES, scopes) or _mapped(
        settings.OIDC_ROLES, groups
    )


def _mapped(
    roles: dict[str, list[str]], theirs: set[str] | frozenset[str]
) -> frozenset:
    return frozenset(role for role, names in roles.items() if theirs & set(names))


def _person(claims: dict) -> User:
    user = accounts.find(claims["iss"], claims["sub"])
    if user is None or not user.is_staff:
        raise SignInError(Reason.NO_ROLE, f"{claims['sub']} is not known as staff")
    return user


def _machine(client: str) -> User:
    """An account without any right, in whose name the machine acts."""
    try:
        return _find_or_make(client)
    except IntegrityError:  # its first call, twice at once
        return _find_or_make(client)


@transaction.atomic
def _find_or_make(client: str) -> User:
    user = accounts.find(settings.OIDC_ISSUER, client)
    if user is None:
        user = User.objects.create_user(f"client:{client}"[:150])
        Identity.objects.create(user=user, issuer=settings.OIDC_ISSUER, sub=client)
    return user
