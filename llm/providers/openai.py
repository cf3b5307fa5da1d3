"""Any server that speaks OpenAI's chat completions."""

import json
import re

from llm.providers import Completion, LLMError, Request
from llm.providers.dialect import Change, post, without
from llm.providers.reading import count, dig, money, string
from llm.providers.transport import Answer, deadline_in, host

_HOST = "api.openai.com"
TAKES = frozenset({"image/jpeg", "image/png", "image/webp"})


def missing(connection: dict) -> str:
    # Servers on one's own machine need no key.
    if host(connection["url"]) == _HOST and not connection["api_key"]:
        return "OPENAI_API_KEY is not set."
    return ""


def complete(connection: dict, request: Request) -> Completion:
    url = connection["url"].rstrip("/")
    if host(url) == _HOST and not request.model:
        raise LLMError("No model is named; OpenAI needs one.", attempts=0)
    if not url.endswith("/chat/completions"):
        url += "/chat/completions"
    key = connection["api_key"]
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    deadline = deadline_in(request.timeout)
    return _read(post(url, headers, _body(request, url), deadline, _CHANGES), request)


def _body(request: Request, url: str) -> dict:
    limit = "max_completion_tokens" if host(url) == _HOST else "max_tokens"
    body = {
        "messages": [
            {"role": "system", "content": request.system},
            {"role": "user", "content": _content(request)},
        ],
        "temperature": request.temperature,
        limit: request.max_tokens,
    }
    if request.model:
        body["model"] = request.model
    if request.schema:
        body["response_format"] = {
            "type": "json_schema",
            "json_schema": {
                "name": request.purpose,
                "strict": True,
                "schema": request.schema,
            },
        }
    return body


def _content(request: Request) -> str | list[dict]:
    if not request.attachments:
        return request.prompt
    parts = [{"type": "text", "text": request.prompt}]
    for number, one in enumerate(request.attachments, 1):
        url = f"data:{one.mimetype};base64,{one.base64}"
        parts.append({"type": "text", "text": one.label(number)})
        parts.append({"type": "image_url", "image_url": {"url": url}})
    return parts


def _read(answer: Answer, request: Request) -> Completion:
    data = answer.data
    completion = Completion(
        text=_text(dig(data, "choices.0.message.content")),
        raw=json.dumps(data, ensure_ascii=False)[:20_000],
        model=string(data, "model", request.model),
        tokens_in=count(data, "usage.prompt_tokens"),
        tokens_cached=count(data, "usage.prompt_tokens_details.cached_tokens"),
        tokens_out=count(data, "usage.completion_tokens"),
        # OpenRouter and its like tell what they charged.
        cost=money(data, "usage.cost"),
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


def _problem(data: object, text: str) -> str:
    if dig(data, "choices.0.message") is None:
        return "The server's answer is not a chat completion; is its address right?"
    reason = dig(data, "choices.0.finish_reason")
    if dig(data, "choices.0.message.refusal") or reason == "content_filter":
        return "The model refused to answer."
    if not text and reason == "length":
        return "The model used up its tokens before it answered; allow it more."
    return ""


def _text(content: object) -> str:
    if isinstance(content, list):
        return "".join(string(part, "text") for part in content)
    return content if isinstance(content, str) else ""


def _plain_json(body: dict) -> dict:
    if dig(body, "response_format.type") != "json_schema":
        return body
    return body | {"response_format": {"type": "json_object"}}


def _rename_limit(body: dict) -> dict:
    if "max_tokens" not in body:
        return body
    renamed = {**body, "max_completion_tokens": body["max_tokens"]}
    return without("max_tokens")(renamed)


_FORMAT = re.compile(r"response_format|json_schema|json_object|schema|grammar", re.I)
_CHANGES = [
    Change(_FORMAT, _plain_json),
    Change(_FORMAT, without("response_format")),
    Change(re.compile("max_completion_tokens|unsupported.*max_tokens"), _rename_limit),
    Change(re.compile("temperature"), without("temperature")),
]
