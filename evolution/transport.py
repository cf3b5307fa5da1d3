"""How Evolution API is called. All fails with BridgeError and nothing else."""

import json
import threading
from typing import Any
from urllib.parse import quote

import requests
from django.conf import settings

from conversations.whatsapp import BridgeError
from evolution import errors
from evolution.values import dig
from whatsapp_agent import wire

CONNECT_TIMEOUT = 5
READ_TIMEOUT = 15
# Pages of findMessages carry the thumbnails of pictures.
MAX_BYTES = 10_000_000
NOT_JSON = object()

_local = threading.local()


def call(
    method: str,
    path: str,
    *,
    body: dict | None = None,
    params: dict | None = None,
    timeout: float = READ_TIMEOUT,
    sends: bool = False,
    most: int | None = None,
) -> Any:
    try:
        with session().request(
            method,
            settings.EVOLUTION_URL + path,
            json=body,
            params=params,
            headers={"apikey": settings.EVOLUTION_API_KEY},
            timeout=(CONNECT_TIMEOUT, timeout),
            allow_redirects=False,
            stream=True,
        ) as response:
            answer = _parse(_read(response, most or MAX_BYTES))
    except requests.RequestException as error:
        raise errors.from_exception(error) from error
    status = response.status_code
    if status < 300 and answer is NOT_JSON:
        raise errors.no_answer(status)
    if status >= 300 or dig(answer, "error") is True:
        said = None if answer is NOT_JSON else answer
        raise errors.from_answer(status, said, sends=sends)
    return answer


def session() -> requests.Session:
    if not hasattr(_local, "session"):
        _local.session = wire.session()
        # No proxy and no .netrc from the environment: Evolution is a neighbour.
        _local.session.trust_env = False
    return _local.session


def _read(response: requests.Response, most: int) -> bytearray:
    content = bytearray()
    for chunk in response.iter_content(65_536):
        content += chunk
        if len(content) > most:
            raise errors.TooLarge
    return content


def _parse(content: bytearray) -> Any:
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        return NOT_JSON


def path_part(instance: str) -> str:
    """The name as a part of a path. Dots would be resolved, and lead elsewhere."""
    if not instance.strip(" ."):
        raise BridgeError(f"{instance!r} cannot name an instance.", kind="rejected")
    return quote(instance, safe="")


def expect(answer: Any, kind: type) -> Any:
    if not isinstance(answer, kind):
        raise errors.no_answer(status=200)
    return answer


def dicts(answer: Any) -> list[dict]:
    return [expect(item, dict) for item in expect(answer, list)]
