"""The provider's signing keys, kept for an hour."""

import time

import jwt
import requests
from django.conf import settings

from whatsapp_agent.auth.provider import endpoint
from whatsapp_agent.auth.refusals import Reason, SignInError

FRESH_SECONDS = 3600
# A key that is not known is asked for, but not by each of a thousand forged tokens.
COOLDOWN_SECONDS = 30
_known: dict[str, tuple[float, dict[str, jwt.PyJWK]]] = {}


def find(kid: str | None) -> jwt.PyJWK:
    url = endpoint("jwks_uri")
    read_at, found = _known.get(url, (float("-inf"), {}))
    age = time.monotonic() - read_at
    if age > FRESH_SECONDS or (kid not in found and age > COOLDOWN_SECONDS):
        found = _read(url)
        _known[url] = time.monotonic(), found
    if kid not in found:
        raise SignInError(Reason.INVALID, "no such key")
    return found[kid]


def forget() -> None:
    _known.clear()


def _read(url: str) -> dict[str, jwt.PyJWK]:
    try:
        response = requests.get(
            url, timeout=settings.OIDC_TIMEOUT, allow_redirects=False
        )
        response.raise_for_status()
        published = jwt.PyJWKSet.from_dict(response.json()).keys
    except (requests.RequestException, jwt.PyJWTError, AttributeError) as error:
        raise SignInError(Reason.DOWN, f"keys: {error}") from error
    return {key.key_id: key for key in published if key.key_id}
