"""Where Evolution delivers. It tries again only after some answers, so mind the codes.

After 400, 401, 403, 404 and 422 an event is dropped for good; anything else but a 2xx is
repeated for about 20 minutes. Hence no schema here that could answer 422.
"""

import json
import logging
import sqlite3
from typing import Literal

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, JsonResponse
from django.http.request import UnreadablePostError
from ninja import Router, Schema

from conversations import inbox
from conversations.intake import TooEarly
from evolution import refusals, webhook
from evolution.auth import authenticate
from evolution.models import RefusedWebhook

logger = logging.getLogger(__name__)
router = Router(auth=None, tags=["webhook"])


class Received(Schema):
    status: Literal["ok", "kept"]


class Problem(Schema):
    detail: str


@router.post(
    "/webhook/evolution",
    response={200: Received, 401: Problem, 413: Problem, 429: Problem, 503: Problem},
    url_name="webhook",
)
@router.post("/webhook/evolution/", include_in_schema=False)
def receive_webhook(request: HttpRequest) -> JsonResponse:
    """Keep what Evolution reports and answer at once; the worker does the rest."""
    if not authenticate(request):
        refusals.remember(RefusedWebhook.Reason.SECRET, request)
        if refusals.is_flood(request):
            return _try_again("Too many with a wrong secret.", 429, after=60)
        return _problem(401, "Wrong or missing secret.")
    try:
        raw = _read_body(request)
    except RequestDataTooBig:
        refusals.remember(RefusedWebhook.Reason.SIZE, request)
        return _problem(413, f"Larger than {settings.WEBHOOK_MAX_BYTES} bytes.")
    except UnreadablePostError:
        return _try_again("The body broke off.")
    end = _take_in(_decode(raw))
    if isinstance(end, str):
        return JsonResponse({"status": end})
    level = logging.INFO if isinstance(end, TooEarly) else logging.ERROR
    logger.log(level, "Cannot store a webhook now: %s", end)
    return _try_again("It cannot be stored now.")


@router.post(
    "/webhook/evolution/{path:event}",
    url_name="webhook_by_event",
    include_in_schema=False,
)
def receive_webhook_by_event(request: HttpRequest, event: str) -> JsonResponse:
    """The same; Evolution repeats the event in the body."""
    return receive_webhook(request)


def _read_body(request: HttpRequest) -> bytes:
    announced = request.headers.get("Content-Length", "")
    limit = settings.WEBHOOK_MAX_BYTES
    if announced.isdecimal() and int(announced) > limit:
        raise RequestDataTooBig
    if len(request.body) > limit:
        raise RequestDataTooBig
    return request.body


def _decode(raw: bytes) -> str:
    return raw.decode(json.detect_encoding(raw), "backslashreplace")


def _take_in(body: str) -> str | Exception:
    """What became of it, or why it cannot be stored now."""
    if not inbox.is_used():
        return webhook.receive([body])[0]
    try:
        inbox.put(webhook.without_keys(body))
    except (sqlite3.Error, OSError) as error:
        return error
    return "ok"


def _problem(status: int, detail: str) -> JsonResponse:
    return JsonResponse({"detail": detail}, status=status)


def _try_again(detail: str, status: int = 503, after: int = 5) -> JsonResponse:
    response = _problem(status, detail)
    response["Retry-After"] = str(after)
    return response
