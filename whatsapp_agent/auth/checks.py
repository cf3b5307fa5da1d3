"""Whether the settings let anybody in, and only those."""

import re

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register

from whatsapp_agent.auth.provider import is_secure

MODES = ("local", "both", "oidc")
ALGORITHM = re.compile(r"(RS|PS|ES)(256|384|512)")
POOL = re.compile(
    r"https://cognito-idp\.([a-z0-9-]+)\.amazonaws\.com(\.cn)?/\1_[A-Za-z0-9]+"
)


@register
def check_sign_in(app_configs, **kwargs) -> list[CheckMessage]:
    if settings.SIGN_IN not in MODES:
        return [
            Error(
                f"SIGN_IN is {settings.SIGN_IN!r}.",
                hint=f"Set it to one of {', '.join(MODES)}.",
                id="whatsapp_agent.E010",
            )
        ]
    if settings.SIGN_IN == "local":
        return _unread()
    return [*_missing(), *_wrong(), *_insecure(), *_without_key()]


def _unread() -> list[CheckMessage]:
    if not settings.OIDC_API_CLIENTS:
        return []
    return [
        Error(
            "OIDC_API_CLIENTS is set, but SIGN_IN is 'local'.",
            hint="No provider's tokens are believed then. Set SIGN_IN, or use `manage.py api_token`.",
            id="whatsapp_agent.E017",
        )
    ]


def _missing() -> list[CheckMessage]:
    wanted = {
        "OIDC_ISSUER": settings.OIDC_ISSUER,
        "OIDC_CLIENT_ID": settings.OIDC_RP_CLIENT_ID,
    }
    if settings.OIDC_TOKEN_USE_BASIC_AUTH:
        wanted["OIDC_CLIENT_SECRET"] = settings.OIDC_RP_CLIENT_SECRET
    return [
        Error(
            f"{name} is not set, but SIGN_IN is {settings.SIGN_IN!r}.",
            hint=f"Set {name}, or SIGN_IN=local. docs/sign-in.md tells how.",
            id="whatsapp_agent.E011",
        )
        for name, value in wanted.items()
        if not value
    ]


def _wrong() -> list[CheckMessage]:
    found = []
    if not ALGORITHM.fullmatch(settings.OIDC_RP_SIGN_ALGO):
        found.append(
            Error(
                f"OIDC_ALGORITHM is {settings.OIDC_RP_SIGN_ALGO!r}.",
                hint="Only signatures by the provider's own key prove anything: RS256, ES256, ...",
                id="whatsapp_agent.E012",
            )
        )
    if settings.OIDC_IS_COGNITO and not POOL.fullmatch(settings.OIDC_ISSUER):
        found.append(
            Error(
                f"OIDC_ISSUER {settings.OIDC_ISSUER} names no Cognito pool.",
                hint="https://cognito-idp.REGION.amazonaws.com/REGION_POOL, without a slash at its end.",
                id="whatsapp_agent.E013",
            )
        )
    if settings.OIDC_LOGOUT not in ("cognito", "standard"):
        found.append(
            Error(
                f"OIDC_LOGOUT is {settings.OIDC_LOGOUT!r}.",
                hint="Set it to cognito or standard.",
                id="whatsapp_agent.E014",
            )
        )
    if "openid" not in settings.OIDC_RP_SCOPES.split():
        found.append(
            Error(
                "OIDC_SCOPES has no openid.",
                hint="Without it no provider gives an ID token.",
                id="whatsapp_agent.E015",
            )
        )
    return found


def _insecure() -> list[CheckMessage]:
    addresses = {
        "OIDC_ISSUER": settings.OIDC_ISSUER,
        "OIDC_DISCOVERY_URL": settings.OIDC_DISCOVERY_URL
        if settings.OIDC_ISSUER
        else "",
        "SITE_URL": settings.SITE_URL,
        **{
            f"OIDC_{name.upper()}": one for name, one in settings.OIDC_ENDPOINTS.items()
        },
    }
    return [
        Error(
            f"{name} {address} is not https.",
            hint="Providers send codes over https only, and to http://localhost.",
            id="whatsapp_agent.E016",
        )
        for name, address in addresses.items()
        if address and not is_secure(address)
    ]


def _without_key() -> list[CheckMessage]:
    if settings.SIGN_IN != "oidc" or settings.BREAK_GLASS_USERNAME:
        return []
    return [
        Warning(
            "BREAK_GLASS_USERNAME is not set, but SIGN_IN is 'oidc'.",
            hint="While the provider is down, or is set up wrongly, nobody can sign in.",
            id="whatsapp_agent.W010",
        )
    ]
