"""Single values out of JSON that may hold anything."""

import math
import re
from datetime import UTC, datetime

UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
LARGEST = 2**63


class UnreadableError(ValueError):
    """A webhook has a shape that we do not know."""


def storable(text: str) -> str:
    """Without NUL and lone surrogates, which not every database takes."""
    return UNSTORABLE.sub("\ufffd", text)


def text(value: object, limit: int | None = None) -> str:
    return storable(value)[:limit] if isinstance(value, str) else ""


def said(value: object) -> str:
    """A text that matters: what is no text must not pass for an empty one."""
    if not isinstance(value, str | None):
        raise UnreadableError("A text is no text")
    return text(value)


def mapping(value: object) -> dict:
    return value if isinstance(value, dict) else {}


def items(value: object) -> list:
    return value if isinstance(value, list) else []


def dig(value: object, path: str) -> object:
    """The value at a dotted path, or None."""
    for key in path.split("."):
        value = mapping(value).get(key)
    return value


def whole(value: object) -> int | None:
    """A whole number, which may also come as digits or as two halves of 32 bits."""
    match value:
        case bool():
            return None
        case {"low": int(low), "high": int(high)}:
            value = (high << 32) + (low & 0xFFFFFFFF)
        case str() if re.fullmatch(r"-?[0-9]{1,20}", value):
            value = int(value)
        case float() if math.isfinite(value):
            value = int(value)
    if not isinstance(value, int):
        return None
    return value if abs(value) < LARGEST else None


def number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value if math.isfinite(value) and abs(value) < LARGEST else None


def moment(value: object) -> datetime | None:
    """A time as ISO 8601 has it, of our days."""
    try:
        found = datetime.fromisoformat(text(value))
    except ValueError:
        return None
    if not 2000 < found.year < 2200:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
