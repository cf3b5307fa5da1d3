"""Parts of pages that ask again and again whether they have changed."""

import hashlib

from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string


def live_part(
    request: HttpRequest, template: str, context: dict, version: str | None = None
) -> HttpResponse:
    """The part, or 204 when the page shows it already.

    `version` is what the part depends on, where that is cheaper to tell than the part.

    The page sends back the X-Seen of what it shows as `seen`; static/admin/agent.js does.
    No CSRF token may stand in the part: it differs each time. Its buttons name a form
    outside of it.
    """
    if version is not None and request.GET.get("seen") == _digest(version):
        return HttpResponse(status=204)
    html = render_to_string(template, context, request)
    seen = _digest(html if version is None else version)
    if request.GET.get("seen") == seen:
        return HttpResponse(status=204)
    return HttpResponse(html, headers={"X-Seen": seen})


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
