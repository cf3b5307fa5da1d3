"""What every part of the API shares: who may, how often, and how it says no (RFC 9457)."""

import time
from http import HTTPStatus
from typing import Annotated, Any

from django.core.cache import cache
from django.forms import BaseForm
from django.http import HttpRequest, JsonResponse
from ninja import Schema
from ninja.errors import HttpError
from ninja.throttling import BaseThrottle
from pydantic import Field

MEDIA_TYPE = "application/problem+json"
ALWAYS = {400, 401, 403, 422, 503}
# No database has longer keys.
Key = Annotated[int, Field(ge=1, le=2**63 - 1)]


class Wrong(Schema):
    """One value that cannot be taken."""

    where: str
    detail: str


class ProblemDetails(Schema):
    type: str
    title: str
    status: int
    detail: str
    errors: list[Wrong] = []
    kind: str = Field("", description="Of the bridge's errors: a word for code.")


class Invalid(Exception):
    """Values that fit the schema, and still cannot be."""

    def __init__(self, form: BaseForm) -> None:
        super().__init__(str(form.errors))
        self.errors = [
            {"where": f"body.{name}", "detail": " ".join(found)}
            for name, found in form.errors.items()
        ]


def problem(status: int, detail: str, **more: Any) -> JsonResponse:
    body = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        **more,
    }
    headers = {"Cache-Control": "no-store"}
    return JsonResponse(body, status=status, headers=headers, content_type=MEDIA_TYPE)


def answers(*codes: int) -> dict:
    """The ways in which an operation may say no."""
    return {frozenset(ALWAYS | set(codes)): ProblemDetails}


def require(request: HttpRequest, permission: str) -> None:
    if not request.auth.may(permission):
        raise HttpError(403, f"You lack the permission {permission}.")


class PerMinute(BaseThrottle):
    """So many calls of one caller in each minute, counted by each server process."""

    def __init__(self, what: str, most: int) -> None:
        self.what, self.most = what, most

    def allow_request(self, request: HttpRequest) -> bool:
        key = f"api:{self.what}:{request.auth.user.pk}:{int(time.time() // 60)}"
        cache.add(key, 0, 120)
        return cache.incr(key) <= self.most

    def wait(self) -> float:
        return 60 - time.time() % 60
