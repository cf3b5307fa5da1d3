"""Who has failed too often, for django-axes."""

from ipaddress import ip_address

from django.http import HttpRequest, HttpResponse

from evolution.refusals import source
from whatsapp_agent.auth.refusals import Reason, refuse


def address(request: HttpRequest) -> str | None:
    found = source(request)
    try:
        return str(ip_address(found))
    except ValueError:
        return None


def username(request: HttpRequest, credentials: dict | None) -> str:
    """Never none: two failures at once would make two rows of it."""
    return (credentials or {}).get("username") or ""


def locked_out(request: HttpRequest, *args: object) -> HttpResponse:
    return refuse(request, Reason.THROTTLED)
