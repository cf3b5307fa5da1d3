"""One POST to a model server, answered with JSON, within a deadline that nothing can stretch.

Neither keys nor prompts get into an error message.
"""

import json
import math
import random
import re
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from http.client import HTTPException
from urllib.parse import urlsplit

import requests
from urllib3.exceptions import HTTPError

from llm.providers import LLMError
from whatsapp_agent import wire
from whatsapp_agent.interpreter import waiting

TRIES = 3
CONNECT_SECONDS = 5
LONGEST_WAIT = 8
LARGEST_ANSWER = 1_000_000
RETRYABLE = {408, 409, 425, 429}

# A 429 that no waiting cures.
_OUT_OF_MONEY = re.compile(
    r"insufficient[_ ](quota|funds|credit|balance)|exceeded your current quota"
    r"|quota (has been |is )?(exhausted|used up)|credit|spend|billing|payment",
    re.I,
)

_thread = threading.local()


@dataclass(frozen=True)
class Answer:
    """What a server answered with a 2xx."""

    data: object
    attempts: int


class ServerError(LLMError):
    """The server answered with something else than a 2xx."""

    def __init__(self, status: int, detail: str, **facts) -> None:
        reason = f": {detail[:200]}" if detail else "."
        super().__init__(f"The model server answered {status}{reason}", **facts)
        self.status = status
        self.detail = detail


def deadline_in(seconds: float) -> float:
    return time.monotonic() + seconds


def host(url: str) -> str:
    return urlsplit(url).hostname or ""


def post_json(
    url: str, headers: Mapping[str, str], body: dict, deadline: float
) -> Answer:
    return _post(url, headers, {"json": body}, deadline)


def post_form(
    url: str, headers: Mapping[str, str], form: dict, deadline: float
) -> Answer:
    """A form with a file in it: `file` is its name, its bytes and its type."""
    fields = {key: value for key, value in form.items() if key != "file"}
    body = {"data": fields, "files": {"file": form["file"]}}
    return _post(url, headers, body, deadline)


def _post(url: str, headers: Mapping[str, str], body: dict, deadline: float) -> Answer:
    """Send `body` until it is answered, at most `TRIES` times before the deadline."""
    attempts = 0
    while True:
        attempts += 1
        try:
            return Answer(_post_once(url, headers, body, deadline), attempts)
        except LLMError as error:
            error.attempts = attempts
            wait = _wait(error, attempts)
            if (
                not error.retryable
                or attempts >= TRIES
                or time.monotonic() + wait >= deadline
            ):
                raise
        with waiting():
            time.sleep(wait)


def _wait(error: LLMError, attempts: int) -> float:
    if error.retry_after:
        return error.retry_after
    return min(LONGEST_WAIT, 0.5 * 2 ** (attempts - 1)) * random.uniform(0.75, 1)


def _post_once(
    url: str, headers: Mapping[str, str], body: dict, deadline: float
) -> object:
    try:
        status, received, raw = _exchange(url, headers, body, deadline)
    except requests.exceptions.ConnectTimeout as error:
        raise LLMError("No connection to the model server.", retryable=True) from error
    except (ValueError, requests.exceptions.InvalidSchema) as error:
        # Also requests' own InvalidURL, InvalidHeader and the like. Their texts hold
        # the header or the address, either of which may hold the key.
        kind = type(error).__name__
        raise LLMError(
            f"The model server's address or key is not usable ({kind})."
        ) from error
    except (OSError, HTTPError, HTTPException) as error:
        raise _network_error(error, deadline) from error
    if len(raw) > LARGEST_ANSWER:
        raise LLMError("The model server's answer is too large.")
    if not 200 <= status < 300:
        raise _server_error(status, received, raw, headers)
    return _read_json(raw)


def _exchange(
    url: str, headers: Mapping[str, str], body: dict, deadline: float
) -> tuple[int, Mapping[str, str], bytes]:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    with (
        wire.until(deadline),
        _session().post(
            url,
            **body,
            headers=headers,
            timeout=(min(CONNECT_SECONDS, left), left),
            # A redirect to another host would take the key along.
            allow_redirects=False,
            stream=True,
            # Without it, requests lets ~/.netrc replace our Authorization header.
            auth=lambda request: request,
        ) as response,
    ):
        raw = response.raw.read(LARGEST_ANSWER + 1, decode_content=True)
        return response.status_code, response.headers, raw


def _network_error(error: Exception, deadline: float) -> LLMError:
    if time.monotonic() >= deadline - 0.02:
        # The request may be answered, and billed, after all: no second one.
        return LLMError("The model server did not answer in time.")
    kind = type(error).__name__
    return LLMError(f"No answer from the model server ({kind}).", retryable=True)


def _server_error(
    status: int, received: Mapping[str, str], raw: bytes, sent: Mapping[str, str]
) -> ServerError:
    if 300 <= status < 400:
        return ServerError(status, "it redirects; set the address that it leads to.")
    detail = _without_keys(_complaint(raw), sent)
    is_retryable = status in RETRYABLE or status >= 500
    if received.get("x-should-retry") == "false":
        is_retryable = False
    if status == 429 and _OUT_OF_MONEY.search(detail):
        is_retryable = False
    return ServerError(
        status,
        detail,
        retryable=is_retryable,
        retry_after=_retry_after(received) if is_retryable else None,
        raw=_without_keys(raw[:2000].decode("utf-8", "replace"), sent),
    )


def _complaint(raw: bytes) -> str:
    """The server's own words. Of JSON only known keys, since the rest may echo the prompt."""
    try:
        data = _read_json(raw)
    except LLMError:
        text = re.sub(r"<[^>]*>", " ", raw[:2000].decode("utf-8", "replace"))
        return " ".join(text.split())[:200]
    if isinstance(data, list) and data:
        data = data[0]
    if isinstance(data, dict):
        data = data.get("error") or data
    if isinstance(data, dict):
        detail = data.get("detail")
        if isinstance(detail, list) and detail and isinstance(detail[0], dict):
            data = {"message": detail[0].get("msg"), "param": str(detail[0].get("loc"))}
        said = [data.get(key) for key in ("message", "detail", "param", "code")]
        data = " ".join(dict.fromkeys(part for part in said if isinstance(part, str)))
    return " ".join(data.split())[:1000] if isinstance(data, str) else ""


def _without_keys(text: str, sent: Mapping[str, str]) -> str:
    for word in " ".join(sent.values()).split():
        if len(word) >= 8:
            text = text.replace(word, "***")
    return text


def _retry_after(received: Mapping[str, str]) -> float | None:
    """Seconds that the server asks us to wait, if it does."""
    for name, unit in (("retry-after-ms", 1000), ("retry-after", 1)):
        try:
            seconds = float(received.get(name, "")) / unit
        except ValueError:
            continue
        return seconds if math.isfinite(seconds) and seconds > 0 else None
    try:
        at = parsedate_to_datetime(received.get("retry-after", ""))
    except ValueError:
        return None
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return max(0.0, at.timestamp() - time.time()) or None


def _read_json(raw: bytes) -> object:
    try:
        return json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise LLMError(
            "The model server did not answer with JSON; is its address right?",
            raw=raw[:2000].decode("utf-8", "replace"),
        ) from error


def _session() -> requests.Session:
    if not hasattr(_thread, "session"):
        _thread.session = wire.session()
    return _thread.session
