"""How large the database is, and what pruning makes of it."""

from datetime import timedelta

from django.db import connection
from django.utils import timezone

from conversations import prune
from conversations.models import Message
from whatsapp_agent.retention import KINDS

TEXTS, PROMPTS = (next(k for k in KINDS if k.name == n) for n in ("texts", "prompts"))
NAME = "bytes per 1,000 messages"


def measured() -> dict[str, float]:
    """Each for a thousand messages. Everything is emptied on the way, however young."""
    thousands = Message.objects.count() / 1000
    sizes = {"all": _used()}
    for name, kind in (("prompts", PROMPTS), ("prompts and texts", TEXTS)):
        _empty(kind)
        sizes[f"pruned of {name}"] = _used()
        _vacuum()
        sizes[f"pruned of {name}, VACUUM"] = _used()
    return {f"{NAME}: {name}": size / thousands for name, size in sizes.items()}


def _used() -> int:
    """Without the pages that are free to be filled again."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT (page_count - freelist_count) * page_size"
            " FROM pragma_page_count, pragma_freelist_count, pragma_page_size"
        )
        return cursor.fetchone()[0]


def _empty(kind: prune.Kind) -> None:
    prune.AT_ONCE, prune.REST_SECONDS = 5_000, 0  # nobody else is there
    prune.WINDOW = 5_000
    walk = prune.Walk(kind, timezone.now() + timedelta(days=1))
    for _ in walk.windows():
        pass


def _vacuum() -> None:
    with connection.cursor() as cursor:
        cursor.execute("VACUUM")
