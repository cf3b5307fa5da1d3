"""Any service that takes a JSON POST: its body is a template, its answer a path.

BrightWrapper publishes neither; `manage.py llm check` helps to find the path.
"""

import json
import re

from llm.providers import Completion, LLMError, Request
from llm.providers.reading import count, dig, string
from llm.providers.transport import Answer, deadline_in, host, post_json

PROJECT = "whatsapp-agent"
LIKELY_PATHS = (
    "response",
    "reply",
    "message",
    "text",
    "content",
    "choices.0.message.content",
    "content.0.text",
    "message.content",
)


def missing(connection: dict) -> str:
    if host(connection["url"]) == "brightwrapper.com" and not connection["api_key"]:
        return "BRIGHTWRAPPER_API_KEY is not set."
    if not connection["response_path"]:
        return (
            "BRIGHTWRAPPER_RESPONSE_PATH is not set: "
            "`manage.py llm check --provider template` finds it."
        )
    return ""


def complete(connection: dict, request: Request) -> Completion:
    return read(connection, exchange(connection, request))


def exchange(connection: dict, request: Request) -> Answer:
    """Send the request; where its text is in the answer may still be unknown."""
    headers = {}
    if connection["header"] and connection["api_key"]:
        prefix = f"{connection['prefix']} " if connection["prefix"] else ""
        headers[connection["header"]] = prefix + connection["api_key"]
    body = _fill(_template(connection["body"]), _values(request))
    return post_json(connection["url"], headers, body, deadline_in(request.timeout))


def read(connection: dict, answer: Answer) -> Completion:
    data, path = answer.data, connection["response_path"]
    raw = json.dumps(data, ensure_ascii=False)[:20_000]
    text = dig(data, path) if path else None
    if not isinstance(text, str):
        raise LLMError(
            f"The answer has no text at BRIGHTWRAPPER_RESPONSE_PATH={path!r}: "
            "`manage.py llm check --provider template` shows what came.",
            attempts=answer.attempts,
            raw=raw,
        )
    return Completion(
        text=text,
        raw=raw,
        model=string(data, connection["model_path"]),
        tokens_in=count(data, connection["tokens_in_path"]),
        tokens_out=count(data, connection["tokens_out_path"]),
        attempts=answer.attempts,
    )


def candidates(data: object) -> list[str]:
    """Paths at which the text may be, the likeliest first."""
    likely = [path for path in LIKELY_PATHS if _has_text(dig(data, path))]
    return list(dict.fromkeys(likely + _leaves(data)))


def _leaves(data: object, path: str = "") -> list[str]:
    if isinstance(data, dict):
        children = data.items()
    elif isinstance(data, list):
        children = enumerate(data)
    else:
        return [path] if path and _has_text(data) else []
    return [
        leaf
        for key, child in children
        if "." not in str(key)
        for leaf in _leaves(child, f"{path}.{key}" if path else str(key))
    ]


def _has_text(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _template(text: str) -> dict:
    try:
        template = json.loads(text)
    except ValueError as error:
        raise LLMError("BRIGHTWRAPPER_BODY is not JSON.", attempts=0) from error
    if not isinstance(template, dict):
        raise LLMError("BRIGHTWRAPPER_BODY is not a JSON object.", attempts=0)
    return template


def _values(request: Request) -> dict[str, object]:
    return {
        "$system": request.system,
        "$prompt": request.prompt,
        "$messages": [{"role": "user", "content": request.prompt}],
        "$project": PROJECT,
        "$temperature": request.temperature,
        "$max_tokens": request.max_tokens,
        "$model": request.model,
    }


def _fill(template: object, values: dict[str, object]) -> object:
    """Put values in the place of whole strings, so that no text can break the JSON."""
    match template:
        case dict():
            return {key: _fill(child, values) for key, child in template.items()}
        case list():
            return [_fill(child, values) for child in template]
        case str() if template in values:
            return values[template]
        case str() if re.fullmatch(r"\$[a-z_]+", template):
            raise LLMError(
                f"BRIGHTWRAPPER_BODY has {template}, which is none of "
                f"{', '.join(values)}.",
                attempts=0,
            )
    return template
