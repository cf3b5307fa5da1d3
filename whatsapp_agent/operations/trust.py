"""Who may look inside: whoever has the token; without one, this machine."""

import hmac
from ipaddress import ip_address

from django.conf import settings
from django.http import HttpRequest

FORWARDED = ("Forwarded", "Via", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-Ip")


def is_trusted(request: HttpRequest) -> bool:
    if settings.METRICS_TOKEN:
        return _has_token(request)
    return _is_from_here(request)


def _has_token(request: HttpRequest) -> bool:
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    is_same = hmac.compare_digest(
        given.strip().encode("latin-1", "backslashreplace"),
        settings.METRICS_TOKEN.encode(),
    )
    return scheme.lower() == "bearer" and is_same


def _is_from_here(request: HttpRequest) -> bool:
    # All that a proxy on this machine hands on comes from here as well.
    if any(name in request.headers for name in FORWARDED):
        return False
    if settings.SECURE and not settings.SECURE_PROXY_SSL_HEADER:
        return False  # there is a proxy, and nobody said what it adds
    try:
        return ip_address(request.META.get("REMOTE_ADDR", "")).is_loopback
    except ValueError:
        return False
