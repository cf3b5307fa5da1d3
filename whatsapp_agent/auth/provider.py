"""Where the provider is: its addresses from the settings, or else as it publishes them."""

import time
from urllib.parse import urlsplit

import requests
from django.conf import settings

from whatsapp_agent.auth.refusals import Reason, SignInError

FRESH_SECONDS = 3600
_known: dict[str, tuple[float, dict]] = {}


def endpoint(name: str) -> str:
    """As the discovery document calls it: token_endpoint, jwks_uri, ..."""
    address = settings.OIDC_ENDPOINTS.get(name) or _metadata().get(name)
    if not isinstance(address, str) or not is_secure(address):
        raise SignInError(Reason.MISCONFIGURED, f"no usable {name}: {address}")
    return address


def is_secure(address: str) -> bool:
    parts = urlsplit(address)
    is_local = parts.hostname in ("localhost", "127.0.0.1")
    return bool(parts.hostname) and (
        parts.scheme == "https" or (parts.scheme == "http" and is_local)
    )


def forget() -> None:
    _known.clear()


def _metadata() -> dict:
    url = settings.OIDC_DISCOVERY_URL
    read_at, values = _known.get(url, (float("-inf"), {}))
    if time.monotonic() - read_at > FRESH_SECONDS:
        try:
            values = _read(url)
        except SignInError:
            if not values:
                raise
        # An old one is better than none, and is not asked for anew at each click.
        _known[url] = (time.monotonic(), values)
    return values


def _read(url: str) -> dict:
    try:
        response = requests.get(
            url, timeout=settings.OIDC_TIMEOUT, allow_redirects=False
        )
        values = response.json() if response.status_code == 200 else None
    except requests.RequestException as error:
        raise SignInError(Reason.DOWN, f"discovery: {error}") from error
    if not isinstance(values, dict):
        raise SignInError(Reason.DOWN, f"discovery answered {response.status_code}")
    if values.get("issuer") != settings.OIDC_ISSUER:
        raise SignInError(
            Reason.MISCONFIGURED, f"discovery names the issuer {values.get('issuer')}"
        )
    return values
