"""Reads what servers answer, trusting neither its shape nor its numbers."""

from decimal import Decimal


def dig(data: object, path: str) -> object:
    """The value at a dotted path like `choices.0.message.content`, or None."""
    for part in path.split("."):
        if isinstance(data, dict):
            data = data.get(part)
        elif isinstance(data, list) and part.isdecimal() and int(part) < len(data):
            data = data[int(part)]
        else:
            return None
    return data


def count(data: object, path: str) -> int | None:
    """A number of tokens."""
    value = dig(data, path) if path else None
    is_count = type(value) is int and 0 <= value < 2**31
    return value if is_count else None


def money(data: object, path: str) -> Decimal | None:
    value = dig(data, path)
    is_amount = type(value) in (int, float) and 0 <= value < 1_000_000
    return Decimal(str(value)) if is_amount else None


def string(data: object, path: str, default: str = "") -> str:
    value = dig(data, path) if path else None
    return value if isinstance(value, str) else default
