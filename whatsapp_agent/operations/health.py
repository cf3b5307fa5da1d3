"""Whether it lives, and whether it can do its work."""

import time
from collections.abc import Callable
from threading import Lock

from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from conversations import inbox
from conversations.models import Worker
from evolution.models import Instance, Silence
from whatsapp_agent.home import database
from whatsapp_agent.operations.trust import is_trusted

# Anybody may ask: so the database is asked once in this time, however often.
FRESH_SECONDS = 2.0
Parts = dict[str, str]  # what is wrong with each, "" if nothing

_known: tuple[float, Parts] = float("-inf"), {}
_asking = Lock()


@never_cache
@require_safe
def live(request: HttpRequest) -> HttpResponse:
    return JsonResponse({"ok": True})


@never_cache
@require_safe
def ready(request: HttpRequest) -> HttpResponse:
    parts = _parts()
    shows_why = is_trusted(request)
    body = {
        name: {"ok": not why, **({"why": why} if why and shows_why else {})}
        for name, why in parts.items()
    }
    is_ready = not any(parts.values())
    return JsonResponse({"ok": is_ready, **body}, status=200 if is_ready else 503)


def _parts() -> Parts:
    global _known
    with _asking:
        asked_at, parts = _known
        if time.monotonic() - asked_at > FRESH_SECONDS:
            parts = {name: _ask(problem) for name, problem in PARTS.items()}
            _known = time.monotonic(), parts
        return parts


def _ask(problem: Callable[[], str]) -> str:
    try:
        return problem()
    except DatabaseError as error:
        connection.close()
        return f"The database fails: {error}"


def worker_problem() -> str:
    latest = Worker.objects.order_by("-seen_at").first()
    if latest is None:
        return "No worker was ever seen."
    return "" if latest.is_alive else f"Last seen at {latest.seen_at.isoformat()}."


def bridge_problem() -> str:
    """By what the bridge told last: nobody is to wait for it here."""
    present = Instance.objects.exclude(state=Instance.State.REMOVED)
    states = dict(present.values_list("name", "state")[:20])
    if not states:
        return "No number is linked."
    if silence := Silence.objects.filter(ended_at=None).first():
        return f"No webhook since {silence.began_at.isoformat()}."
    closed = [name for name, state in states.items() if state != Instance.State.OPEN]
    return f"Not connected: {', '.join(closed)}." if closed else ""


PARTS: dict[str, Callable[[], str]] = {
    "database": database.problem,
    "inbox": inbox.problem,
    "worker": worker_problem,
    "bridge": bridge_problem,
}
