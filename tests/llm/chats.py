"""Makes transcripts."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from llm.call import Model
from llm.transcript import Line

START = datetime(2026, 1, 5, 14, 3, tzinfo=UTC)


def make_line(n: int = 1, text: str = "Hello", sender: str = "Ana", **kwargs) -> Line:
    values = {
        "n": n,
        "at": START + timedelta(minutes=n - 1),
        "sender": sender,
        "sender_id": sender.lower(),
        "is_agent": False,
        "text": text,
    }
    return Line(**values | kwargs)


def ours(n: int, text: str, **kwargs) -> Line:
    return make_line(n, text, "Robin", is_agent=True, **kwargs)


def chat(*texts: str) -> list[Line]:
    """Lines like "Ana: hello"; Robin's are ours."""
    lines = []
    for n, text in enumerate(texts, 1):
        sender, _, said = text.partition(": ")
        lines.append(make_line(n, said, sender, is_agent=sender == "Robin"))
    return lines


def make_model(provider: str = "scripted", **kwargs) -> Model:
    values = {
        "name": "small-1",
        "timeout": 5.0,
        "price_in": Decimal(1),
        "price_out": Decimal(4),
    }
    return Model(provider, **values | kwargs)
