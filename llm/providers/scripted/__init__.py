"""Rules instead of a model: no network, no key, the same answer to the same chat.

Good enough to see the agent at work; what it says comes from the operator's
instructions, from the chat, or from a short list of phrases.
"""

import json
from decimal import Decimal

from llm.providers import Completion, Request
from llm.providers.scripted.judging import judge
from llm.providers.scripted.writing import write

# It does not look at them, but says that they came.
TAKES = frozenset({"image/jpeg", "image/png", "image/webp"})
_STEPS = {
    "relevance": lambda data: json.dumps(judge(**data), ensure_ascii=False),
    "response": lambda data: write(**data),
}


def missing(connection: dict) -> str:
    return ""


def complete(connection: dict, request: Request) -> Completion:
    return Completion(
        text=_STEPS[request.purpose](request.data),
        model="scripted",
        tokens_in=0,
        tokens_cached=0,
        tokens_out=0,
        cost=Decimal(0),
    )
