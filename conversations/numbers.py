"""Which numbers are ours: of every instance that is linked."""

import time
from collections.abc import Iterable

from conversations import whatsapp
from conversations.whatsapp import Address

# Seconds that a copy may be old. Every message asks whether it is from one of ours.
FRESH_SECONDS = 5.0
_copy: tuple[float, dict[str, Address]] | None = None


def ours() -> dict[str, Address]:
    global _copy
    if _copy is None or time.monotonic() - _copy[0] > FRESH_SECONDS:
        _copy = time.monotonic(), whatsapp.provider().numbers()
    return _copy[1]


def whose(jids: Iterable[str], apart_from: str) -> str:
    """The name of another instance that has one of these addresses, or ""."""
    asked = set(jids)
    found = (
        name
        for name, address in ours().items()
        if name != apart_from and asked.intersection(address.jids)
    )
    return next(found, "")
