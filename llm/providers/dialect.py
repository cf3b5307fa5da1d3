"""Servers that speak the same protocol differ in what they accept: learn it once.

When a server refuses a request and names the part it cannot take, the request is
changed and sent again. What helped is remembered for that address and model.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from llm.providers.transport import Answer, ServerError, post_json

REFUSED = {400, 422}

_learned: dict[tuple[str, str], tuple[int, ...]] = {}


@dataclass(frozen=True)
class Change:
    """What to do about a complaint. `apply` returns the body unchanged where it has no use."""

    complaint: re.Pattern
    apply: Callable[[dict], dict]


def post(
    url: str,
    headers: Mapping[str, str],
    body: dict,
    deadline: float,
    changes: list[Change],
    send: Callable[..., Answer] = post_json,
) -> Answer:
    """Post the body as this server is known to take it, and learn from its refusal."""
    key = (url, body.get("model", ""))
    made = _learned.get(key, ())
    for index in made:
        body = changes[index].apply(body)
    attempts = 0
    while True:
        try:
            answer = send(url, headers, body, deadline)
        except ServerError as error:
            error.attempts = attempts = attempts + error.attempts
            index = _remedy(error, body, changes)
            if index is None:
                raise
            body = changes[index].apply(body)
            made = (*made, index)
        else:
            # Only now is it known that the changes helped.
            if made:
                _learned[key] = made
            return Answer(answer.data, attempts + answer.attempts)


def without(*keys: str) -> Callable[[dict], dict]:
    return lambda body: {key: body[key] for key in body if key not in keys}


def _remedy(error: ServerError, body: dict, changes: list[Change]) -> int | None:
    if error.status not in REFUSED:
        return None
    for index, change in enumerate(changes):
        if change.complaint.search(error.detail) and change.apply(body) != body:
            return index
    return None
