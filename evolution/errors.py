"""Every way in which Evolution API says no, as one BridgeError."""

import json
import re
from dataclasses import dataclass

import requests
from django.conf import settings
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError

from conversations.whatsapp import BridgeError

# Nobody is there to be asked, or the question could not even be put into words.
NEVER_SENT = (
    requests.exceptions.ConnectTimeout,
    requests.exceptions.InvalidHeader,
    requests.exceptions.InvalidSchema,
    requests.exceptions.InvalidURL,
    requests.exceptions.MissingSchema,
)
# An SSLError may also come in the middle of an answer; these come before the request.
FAILED_HANDSHAKE = re.compile("CERTIFICATE_VERIFY_FAILED|WRONG_VERSION_NUMBER")


class TooLarge(requests.RequestException):
    """More was answered than was to be read."""


@dataclass(frozen=True)
class Rule:
    """What an answer of one of these statuses, whose JSON contains the pattern, means."""

    statuses: range | set[int]
    pattern: str
    kind: str
    sentence: str
    retryable: bool = False
    unknown: bool = False


# The first that fits. {text} is what the answer said.
RULES = [
    Rule(
        {503},
        "LICENSE_REQUIRED",
        "licence_required",
        "This Evolution API wants an activated licence: activate it, or pin "
        "version 2.3.7, the last that works without one.",
    ),
    Rule({401}, "", "unauthorized", "Evolution API refuses our key.", retryable=True),
    Rule({403}, "is already in use", "name_taken", "{text}"),
    Rule(
        # While no number is linked, Evolution trips over what is not there yet. It
        # does so before anything leaves.
        {400, 404, 500},
        r"undefined \(reading '(sendMessage|id|user|onWhatsApp|presenceSubscribe"
        r"|sendPresenceUpdate|readMessages|groupMetadata|logout|ws)'\)"
        "|Connection Closed|is not connected",
        "not_connected",
        "The WhatsApp number is not connected.",
        retryable=True,
    ),
    Rule(
        {404},
        "instance does not exist|Instance .* not found",
        "no_instance",
        "Evolution API has no such instance: {text}",
        retryable=True,
    ),
    Rule(
        {404}, "item-not-found", "not_found", "WhatsApp does not know it, or hides it."
    ),
    Rule(
        {404},
        r"^null$|Cannot (GET|POST|DELETE) /",
        "not_evolution",
        "What answers at {url} is not the Evolution API that we know: {text}",
        retryable=True,
    ),
    Rule(
        {400},
        '"exists": false',
        "not_on_whatsapp",
        "This number is not on WhatsApp.",
    ),
    Rule(
        {400, 413},
        # Lists of lists are errors against the schema of the request.
        r'"message": \[\[|Text is required|JID decoded|in JSON at position'
        "|entity too large|Owned media must be",
        "rejected",
        "Evolution API rejected the request: {text}",
    ),
    Rule(
        {429}, "", "rate_limited", "Evolution API is asked too often.", retryable=True
    ),
    Rule(
        range(300, 400),
        "",
        "not_evolution",
        "{url} redirects elsewhere, where the key must not go.",
        retryable=True,
    ),
    Rule(
        range(500, 600),
        "",
        "failed",
        "Evolution API failed with status {status}: {text}",
        retryable=True,
        unknown=True,
    ),
]


def from_answer(status: int, body: object, *, sends: bool = False) -> BridgeError:
    """Read an answer that is not a success; `body` is None where it is no JSON."""
    said = json.dumps(body, ensure_ascii=False)
    for rule in RULES:
        if status in rule.statuses and re.search(rule.pattern, said):
            return _error(rule, status, body)
    rule = Rule(
        set(), "", "failed", "Evolution API refused with status {status}: {text}",
        unknown=sends,
    )  # fmt: skip
    if status < 300:
        # Connect and restart say 200 when they failed.
        rule = Rule(set(), "", "failed", "Evolution API failed: {text}", retryable=True)
    return _error(rule, status, body)


def from_exception(error: requests.RequestException) -> BridgeError:
    """Tell a request that never left from one whose fate nobody knows."""
    if isinstance(error, TooLarge):
        return no_answer(status=None, kind="too_large")
    if not _never_sent(error):
        return no_answer(status=None)
    return BridgeError(
        f"Evolution API is not reachable at {settings.EVOLUTION_URL}.",
        kind="unreachable",
        retryable=True,
    )


def no_answer(status: int | None, kind: str = "no_answer") -> BridgeError:
    return BridgeError(
        "Evolution API gave no usable answer; it may have done what it was asked.",
        kind=kind,
        retryable=True,
        unknown=True,
        status=status,
    )


def _never_sent(error: requests.RequestException) -> bool:
    if isinstance(error, NEVER_SENT):
        return True
    if isinstance(error, requests.exceptions.SSLError):
        return bool(FAILED_HANDSHAKE.search(str(error)))
    reason = getattr(error.args[0], "reason", None) if error.args else None
    return isinstance(reason, NewConnectionError | ConnectTimeoutError)


def _error(rule: Rule, status: int, body: object) -> BridgeError:
    text = "; ".join(_texts(body)) or "it did not say why."
    sentence = rule.sentence.format(
        text=text[:300], status=status, url=settings.EVOLUTION_URL
    )
    return BridgeError(
        sentence,
        kind=rule.kind,
        retryable=rule.retryable,
        unknown=rule.unknown,
        status=status,
    )


def _texts(body: object) -> list[str]:
    """The messages of an answer, which Evolution nests in five different ways."""
    if isinstance(body, dict):
        response = body.get("response")
        message = response.get("message") if isinstance(response, dict) else None
        return _texts(message or body.get("message") or body.get("error"))
    if isinstance(body, list):
        return [text for item in body for text in _texts(item)]
    # What JavaScript prints for an error that it was not asked to print.
    if isinstance(body, str) and body != "[object Object]":
        return [body]
    return []
