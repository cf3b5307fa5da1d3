"""Is it our Evolution API that calls?"""

import hmac

import jwt
from django.conf import settings
from django.http import HttpRequest

HEADER = "X-Webhook-Secret"
# Evolution signs once per event, for 10 minutes, and retries for 20.
LATE_SECONDS = 30 * 60
CLAIMS = {"app": "evolution", "action": "webhook"}


def authenticate(request: HttpRequest) -> bool:
    """Whether it knows a secret of ours, by header or as the key of a signed token."""
    given = request.headers.get(HEADER, "")
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    is_token = scheme.lower() == "bearer"
    return any(
        _is_same(given, secret) or (is_token and _is_signed(token, secret))
        for secret in settings.WEBHOOK_SECRETS
    )


def _is_same(given: str, secret: str) -> bool:
    # As bytes: compare_digest raises an error on a str that is not ASCII.
    return hmac.compare_digest(
        given.encode("latin-1", "backslashreplace"), secret.encode()
    )


def _is_signed(token: str, secret: str) -> bool:
    try:
        claims = jwt.decode(
            token.strip(),
            secret,
            algorithms=["HS256"],
            leeway=LATE_SECONDS,
            options={"require": ["exp"]},
        )
    except (jwt.PyJWTError, ValueError):
        return False
    return claims.items() >= CLAIMS.items()
