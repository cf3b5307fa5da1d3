from collections.abc import Callable
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest, HttpResponse

PATH = "/api/webhook/"
OURS = urlsplit(settings.SITE_URL).netloc


def take_webhooks(get_response: Callable) -> Callable[[HttpRequest], HttpResponse]:
    """By whatever name Evolution calls us: to refuse it with 400 would lose the event.

    Nothing there depends on the name.
    """

    def middleware(request: HttpRequest) -> HttpResponse:
        if request.path_info.startswith(PATH):
            request.META["HTTP_HOST"] = OURS
        return get_response(request)

    return middleware
