"""Anthropic's messages. A schema is the input of a tool that the model has to call."""

import json
import re

from llm.providers import Completion, LLMError, Request
from llm.providers.dialect import Change, post, without
from llm.providers.reading import count, dig, string
from llm.providers.transport import Answer, deadline_in, host

VERSION = "2023-06-01"
_TOOL = "answer"
TAKES = frozenset({"image/jpeg", "image/png", "image/webp"})


def missing(connection: dict) -> str:
    if host(connection["url"]) == "api.anthropic.com" and not connection["api_key"]:
        return "ANTHROPIC_API_KEY is not set."
    return ""


def complete(connection: dict, request: Request) -> Completion:
    if not request.model:
        raise LLMError("No model is named; Anthropic needs one.", attempts=0)
    url = connection["url"].rstrip("/") + "/messages"
    headers = {"anthropic-version": VERSION}
    if connection["api_key"]:
        headers["x-api-key"] = connection["api_key"]
    deadline = deadline_in(request.timeout)
    return _read(post(url, headers, _body(request), deadline, _CHANGES), request)


def _body(request: Request) -> dict:
    system = {"type": "text", "text": request.system}
    body = {
        "model": request.model,
        "system": [system | {"cache_control": {"type": "ephemeral"}}],
        "messages": [{"role": "user", "content": _content(request)}],
        "max_tokens": request.max_tokens,
        "temperature": min(request.temperature, 1.0),
    }
    if request.schema:
        body["tools"] = [
            {
                "name": _TOOL,
                "description": "Give your answer.",
                "input_schema": request.schema,
            }
        ]
        body["tool_choice"] = {"type": "tool", "name": _TOOL}
    return body


def _content(request: Request) -> str | list[dict]:
    if not request.attachments:
        return request.prompt
    parts = [{"type": "text", "text": request.prompt}]
    for number, one in enumerate(request.attachments, 1):
        source = {"type": "base64", "media_type": one.mimetype, "data": one.base64}
        parts.append({"type": "text", "text": one.label(number)})
        parts.append({"type": "image", "source": source})
    return parts


def _read(answer: Answer, request: Request) -> Completion:
    data = answer.data
    completion = Completion(
        text=_text(dig(data, "content")),
        raw=json.dumps(data, ensure_ascii=False)[:20_000],
        model=string(data, "model", request.model),
        tokens_in=_tokens_in(data),
        tokens_cached=count(data, "usage.cache_read_input_tokens"),
        tokens_out=count(data, "usage.output_tokens"),
        attempts=answer.attempts,
    )
    if problem := _problem(data, completion.text):
        raise LLMError(
            problem,
            attempts=answer.attempts,
            raw=completion.raw,
            completion=completion,
        )
    return completion


def _text(content: object) -> str:
    content = content if isinstance(content, list) else []
    parts = [part for part in content if isinstance(part, dict)]
    for part in parts:
        if part.get("type") == "tool_use" and part.get("name") == _TOOL:
            return json.dumps(part.get("input"), ensure_ascii=False)
    return "".join(string(part, "text") for part in parts)


def _tokens_in(data: object) -> int | None:
    """All input: Anthropic counts what its cache read and wrote beside the rest."""
    rest = count(data, "usage.input_tokens")
    if rest is None:
        return None
    read = count(data, "usage.cache_read_input_tokens") or 0
    written = count(data, "usage.cache_creation_input_tokens") or 0
    return rest + read + written


def _problem(data: object, text: str) -> str:
    if not isinstance(dig(data, "content"), list):
        return "The server's answer is not a message; is its address right?"
    if dig(data, "stop_reason") == "refusal":
        return "The model refused to answer."
    if not text and dig(data, "stop_reason") == "max_tokens":
        return "The model used up its tokens before it answered; allow it more."
    return ""


_CHANGES = [
    # Models that always think cannot be forced to call a tool; the prompt describes
    # the same JSON.
    Change(re.compile("tool"), without("tools", "tool_choice")),
    Change(re.compile("temperature"), without("temperature")),
]
