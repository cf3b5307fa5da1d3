"""Remember deliveries that were turned away, cheaply: anybody can send a flood of them."""

import logging
import time
from collections import Counter
from threading import Lock

from django import db
from django.conf import settings
from django.db.models import F
from django.http import HttpRequest
from django.utils import timezone

from evolution.models import RefusedWebhook

logger = logging.getLogger(__name__)

WRITE_SECONDS = 1
MOST_SOURCES = 20
MANY = "many others"
# Addresses that are remembered; further ones are counted together.
MOST_ROWS = 1_000
# Wrong secrets of one address; who sends more is told to come later.
MOST_A_MINUTE = 60

_waiting: Counter[tuple[str, str]] = Counter()
_written_at = float("-inf")
_wrong: Counter[str] = Counter()
_minute = 0
_guard = Lock()


def is_flood(request: HttpRequest) -> bool:
    """Count a wrong secret, and say whether its sender has sent too many."""
    global _minute
    address, minute = source(request), int(time.monotonic() // 60)
    with _guard:
        if minute != _minute or len(_wrong) > MOST_ROWS:
            _minute = minute
            _wrong.clear()
        _wrong[address] += 1
        return _wrong[address] > MOST_A_MINUTE


def remember(reason: RefusedWebhook.Reason, request: HttpRequest) -> None:
    """Count a refusal. What comes within a second is written with the next."""
    due = _count(reason, source(request))
    for number, ((why, address), count) in enumerate(due.items()):
        logger.warning("Refused %d webhooks from %s: %s", count, address, why.label)
        try:
            _write(why, address, count)
        except db.Error as error:
            logger.error("Cannot remember refused webhooks: %s", error)
            _put_back(dict(list(due.items())[number:]))
            return


def source(request: HttpRequest) -> str:
    forwarded = ""
    if (
        settings.SECURE_PROXY_SSL_HEADER
    ):  # behind our own proxy, which adds the last hop
        forwarded = request.headers.get("X-Forwarded-For", "").rpartition(",")[2]
    return (forwarded.strip() or request.META.get("REMOTE_ADDR") or "unknown")[:64]


def _count(reason: RefusedWebhook.Reason, address: str) -> dict:
    """Return what is to be written now."""
    global _written_at
    with _guard:
        is_new = (reason, address) not in _waiting
        if is_new and len(_waiting) >= MOST_SOURCES:
            address = MANY
        _waiting[reason, address] += 1
        if time.monotonic() - _written_at < WRITE_SECONDS:
            return {}
        _written_at = time.monotonic()
        due = dict(_waiting)
        _waiting.clear()
    return due


def _put_back(due: dict) -> None:
    with _guard:
        _waiting.update(due)


def _write(reason: RefusedWebhook.Reason, address: str, count: int) -> None:
    now = timezone.now()
    is_known = RefusedWebhook.objects.filter(reason=reason, source=address).exists()
    if not is_known and RefusedWebhook.objects.count() >= MOST_ROWS:
        address = MANY
    row, created = RefusedWebhook.objects.get_or_create(
        reason=reason, source=address, defaults={"count": count}
    )
    if not created:
        RefusedWebhook.objects.filter(pk=row.pk).update(
            count=F("count") + count, last_at=now
        )
