"""Take in what Evolution reports: all of a body, or nothing, but for a long history."""

import hashlib
import json
import logging
import re
from collections.abc import Callable
from functools import partial

from django import db
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from conversations import intake, together
from conversations.logs import about
from conversations.models import Message
from conversations.together import Work
from conversations.whatsapp import Event
from evolution import states
from evolution.events import FOUND, Parsed, parse
from evolution.models import UnreadableEvent
from evolution.values import UnreadableError, storable

logger = logging.getLogger(__name__)

# Evolution sends its keys along. We have no use for them, and they belong in no database.
CREDENTIALS = ("apikey", "api_key")
CREDENTIAL = re.compile(r'("api_?key"\s*:\s*)"(?:[^"\\]|\\.)*"?', re.IGNORECASE)
SURROGATE = re.compile("[\ud800-\udfff]")

# What is read at one place must be written at another, where less of the stack is left.
DEEPEST = 300
# Events stored in one transaction.
BATCH = 50
# While Evolution repeats these, it reports nothing else of the instance.
AWAITED = "messages.edited"
# The same event may well succeed later.
PASSING = (db.OperationalError, db.InterfaceError, db.InternalError, intake.TooEarly)
# PostgreSQL's words for a column or a table that the next migration will make.
NOT_MIGRATED = {"42703", "42P01"}


def receive(bodies: list[str]) -> list[str | Exception]:
    """Store each body for itself, all in one transaction; keep what cannot be read.

    Return for each "ok", "kept", or why it cannot be stored now.
    """
    ends: list[Exception | None] = [None] * len(bodies)
    last: list[tuple[int, Work]] = []
    for n, body in enumerate(bodies):
        try:
            steps = _works(parse(read_json(body)))
            for work in steps[:-1]:
                _store_alone(work)
            last += [(n, work) for work in steps[-1:]]
        except Exception as error:
            ends[n] = error
    errors = together.store([work for _, work in last])
    for (n, _), error in zip(last, errors, strict=True):
        ends[n] = error
    return [_end(*one) for one in zip(bodies, ends, strict=True)]


def _end(body: str, error: Exception | None) -> str | Exception:
    if error is None:
        return "ok"
    if isinstance(error, intake.TooEarly) and read_json(body).get("event") == AWAITED:
        return "ok"
    is_passing = isinstance(error, PASSING)
    if is_passing or getattr(error.__cause__, "sqlstate", "") in NOT_MIGRATED:
        return error
    if isinstance(error, UnreadableError):
        logger.warning("Cannot read a webhook: %s", error)
    else:
        # A mistake of ours: Evolution would only repeat the event, then drop it.
        logger.error("Cannot handle a webhook", exc_info=error)
    try:
        keep_unreadable(body, error)
    except db.Error as now:
        return now
    return "kept"


def read_json(text: str) -> dict:
    try:
        body = json.loads(text)
    except RecursionError as error:
        raise UnreadableError("The JSON is nested too deeply") from error
    except ValueError as error:
        raise UnreadableError(f"This is not JSON: {error}") from error
    if not isinstance(body, dict):
        raise UnreadableError("The body is no JSON object")
    if text.count("[") + text.count("{") > DEEPEST and _is_deeper(body, DEEPEST):
        raise UnreadableError("The JSON is nested too deeply")
    return body


def _is_deeper(body: dict, levels: int) -> bool:
    found: list = [body]
    for _ in range(levels):
        found = [
            child
            for one in found
            for child in (one.values() if isinstance(one, dict) else one)
            if isinstance(child, dict | list)
        ]
    return bool(found)


def keep_unreadable(text: str, error: Exception) -> None:
    """Keep a body for staff to see and to replay, once however often it comes."""
    body = _redacted(text)
    with transaction.atomic():
        kept = UnreadableEvent.objects.filter(digest=_digest(body))
        if not kept.update(count=F("count") + 1):
            _keep_once(body, error)


def take_in(instance: str, record: dict, then: Callable[[list[Message]], None]) -> bool:
    """Store a message of Evolution's record, or keep it where it cannot be read.

    `then` gets what was new, within the same transaction. Return False for what was
    kept just now.
    """
    body = {"event": FOUND, "instance": instance, "data": record}
    try:
        parsed = parse(body)
        with transaction.atomic():
            stored = intake.receive(parsed.about_conversations)
            then(stored)
        _log(stored)
    except PASSING:
        raise
    except Exception as error:
        # One record must not hold up those behind it.
        logger.exception("Cannot take in a record of Evolution's")
        return not _keep_once(_redacted(json.dumps(body)), error)
    return True


def _keep_once(body: str, error: Exception) -> bool:
    defaults = {"body": body, "error": _describe(error)}
    return UnreadableEvent.objects.get_or_create(
        digest=_digest(body), defaults=defaults
    )[1]


def _digest(body: str) -> str:
    return hashlib.sha256(body.encode()).hexdigest()


def replay(event: UnreadableEvent) -> None:
    """Take in a kept event, now that it can be read, or raise what still prevents it."""
    try:
        parsed = parse(read_json(event.body))
        for failure in parsed.failures:
            raise failure.error
        for work in _works(parsed):
            _store_alone(work)
    except Exception as error:
        event.error = _describe(error)
        event.save(update_fields=["error"])
        raise
    event.replayed_at = timezone.now()
    event.save(update_fields=["replayed_at"])


def _store_alone(work: Work) -> None:
    with transaction.atomic():
        work()


def _works(parsed: Parsed) -> list[Work]:
    """What stores it, each in a transaction. There is more than one for a history, which
    holds thousands of messages: nobody else is to wait for all of them.

    Each event is stored once, so a repeated delivery completes an interrupted one.
    """
    about_instances = states.news(parsed.about_instances)
    is_seen = not parsed.instance or states.is_seen(parsed.instance)
    told = parsed.about_conversations
    batches = [told[n : n + BATCH] for n in range(0, len(told), BATCH)] or [[]]

    def finish() -> None:
        _receive(batches[-1])
        for failure in parsed.failures:
            keep_unreadable(json.dumps(failure.body), failure.error)
        # The instance comes last: all its conversations would wait for its row.
        for event in about_instances:
            states.write(event)
        if not is_seen:
            states.mark_seen(parsed.instance)

    if is_seen and not (told or about_instances or parsed.failures):
        return []
    return [*(partial(_receive, batch) for batch in batches[:-1]), finish]


def _receive(events: list[Event]) -> None:
    stored = intake.receive(events)
    transaction.on_commit(partial(_log, stored))


def _log(stored: list[Message]) -> None:
    for message in stored:
        with about(
            conversation=message.conversation_id,
            message=message.pk,
            whatsapp_id=message.whatsapp_id,
        ):
            logger.info("Stored, %s", message.outcome or message.status or "pending")


def _describe(error: Exception) -> str:
    is_expected = isinstance(error, UnreadableError)
    words = str(error) if is_expected else f"{type(error).__name__}: {error}"
    return storable(words)[:500]


def _without_credentials(found: dict) -> dict:
    for name in CREDENTIALS:
        found.pop(name, None)
    return found


def without_keys(text: str) -> str:
    """Whatever it is: their values are gone wherever they stand as such."""
    return CREDENTIAL.sub(r'\1"-"', text)


def _redacted(text: str) -> str:
    try:
        body = json.loads(text, object_hook=_without_credentials)
        text = json.dumps(body, ensure_ascii=False)
    except (ValueError, RecursionError):
        text = without_keys(text)
    # Inside JSON both stand only in strings, where their escapes mean the same.
    text = SURROGATE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
    return text.replace("\0", "\\u0000")
