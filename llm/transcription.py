"""What a recording says: sound in, words out, with all that is worth storing about it."""

import time
from dataclasses import dataclass
from decimal import Decimal
from importlib import import_module

from django.conf import settings

from llm.call import Call, storable
from llm.providers import LLMError

PROVIDERS = {
    "scripted": "llm.providers.scripted.hearing",
    "openai": "llm.providers.audio",
}
LONGEST = 50_000  # characters
_SMALLEST = Decimal("0.000001")


@dataclass(frozen=True)
class Model:
    """Which model to ask. The price is per minute of sound."""

    provider: str
    name: str
    language: str
    timeout: float
    price: Decimal


@dataclass(frozen=True)
class Recording:
    """What a provider is handed."""

    data: bytes
    mimetype: str
    model: str = ""
    language: str = ""  # "" has the model find out
    timeout: float = 60.0  # seconds in all, retries included


@dataclass(frozen=True)
class Transcript:
    """What a provider hands back."""

    text: str
    language: str = ""
    model: str = ""
    raw: str = ""
    attempts: int = 1


@dataclass(frozen=True)
class Heard:
    text: str
    language: str
    call: Call


def transcribe(data: bytes, mimetype: str, seconds: int | None, model: Model) -> Heard:
    """The words of a recording and the call, which tells of any failure."""
    recording = Recording(data, mimetype, model.name, model.language, model.timeout)
    started, error = time.monotonic(), None
    try:
        found = _ask(model.provider, recording)
    except LLMError as failure:
        error = failure
        found = Transcript("", raw=failure.raw, attempts=failure.attempts)
    took = time.monotonic() - started
    is_billed = error is None and seconds is not None
    length = "" if seconds is None else f", {seconds} s"
    call = Call(
        provider=model.provider,
        model=storable(found.model or model.name)[:100],
        prompt_version="",
        input=f"{mimetype}{length}, {len(data)} bytes",
        output=storable(found.text or found.raw)[:LONGEST],
        tokens_in=None,
        tokens_cached=None,
        tokens_out=None,
        cost=(Decimal(model.price) * seconds / 60).quantize(_SMALLEST)
        if is_billed
        else None,
        latency_ms=round(took * 1000),
        attempts=found.attempts,
        error=storable(str(error or ""))[:500],
        # Out of time: a model that was busy then may not be so later.
        retryable=bool(error) and (error.retryable or took >= model.timeout - 0.1),
        retry_after=error.retry_after if error else None,
    )
    return Heard(storable(found.text)[:LONGEST], found.language, call)


def missing(provider: str) -> str:
    """What a provider lacks before it can be asked, as a sentence for staff, or ""."""
    return _module(provider).missing(settings.TRANSCRIPTION)


def _ask(provider: str, recording: Recording) -> Transcript:
    if provider not in PROVIDERS:
        raise LLMError(f"There is no provider of transcriptions named {provider!r}.")
    if lacking := missing(provider):
        raise LLMError(lacking, attempts=0)
    return _module(provider).transcribe(settings.TRANSCRIPTION, recording)


def _module(provider: str):
    return import_module(PROVIDERS[provider])
