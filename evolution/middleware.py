from collections.abc import Callable
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.urls import resolve

PATH = "/api/webhook/"
OURS = urlsplit(settings.SITE_URL).netloc


def take_webhooks(get_response: Callable) -> Callable[[HttpRequest], HttpResponse]:
    """Lead webhooks straight to their view, by whatever name Evolution calls us.

    To refuse a name with 400 would lose the event. And what follows here is for people,
    who have sessions and browsers: it would take twice as long as the view itself.
    """

    def middleware(request: HttpRequest) -> HttpResponse:
        if not request.path_info.startswith(PATH):
            return get_response(request)
        request.META["HTTP_HOST"] = OURS
        view, args, kwargs = resolve(request.path_info)
        response = view(request, *args, **kwargs)
        response["Content-Length"] = len(response.content)  # or it comes in chunks
        return response

    return middleware
