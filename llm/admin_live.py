"""Parts of pages that ask again and again whether they have changed."""

import hashlib

from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string


def live_part(request: HttpRequest, template: str, context: dict) -> HttpResponse:
    """The part, or 204 when the page shows it already.

    The page sends back the X-Seen of what it shows as `seen`; static/admin/agent.js does.
    No CSRF token may stand in the part: it differs each time. Its buttons name a form
    outside of it.
    """
    html = render_to_string(template, context, request)
    seen = hashlib.sha256(html.encode()).hexdigest()[:16]
    if request.GET.get("seen") == seen:
        return HttpResponse(status=204)
    return HttpResponse(html, headers={"X-Seen": seen})
