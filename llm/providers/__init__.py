"""Model providers: a Request in, a Completion out, LLMError where there is none."""

from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from importlib import import_module

from django.conf import settings

from llm.attachments import Attachment


@dataclass(frozen=True)
class Request:
    """One call to a model.

    `schema` is a JSON schema that the answer must follow, or None for free text.
    `data` are the plain values that the prompt was rendered from, which only the
    scripted provider reads.
    """

    purpose: str  # "relevance" or "response"
    system: str
    prompt: str
    model: str = ""
    schema: dict | None = None
    max_tokens: int = 800
    temperature: float = 0.0
    timeout: float = 45.0  # seconds in all, retries included
    data: dict = field(default_factory=dict)
    attachments: tuple[Attachment, ...] = ()


@dataclass(frozen=True)
class Completion:
    """What a model answered. Counts are None where the provider does not tell."""

    text: str
    raw: str = ""
    model: str = ""
    tokens_in: int | None = None
    tokens_cached: int | None = None
    tokens_out: int | None = None
    cost: Decimal | None = None
    attempts: int = 1


class LLMError(Exception):
    """No usable answer. `retryable`: the same call may succeed after `retry_after` seconds.

    `completion` is what was answered and billed nonetheless, as with a refusal.
    """

    def __init__(
        self,
        message: str,
        *,
        retryable: bool = False,
        retry_after: float | None = None,
        attempts: int = 1,
        raw: str = "",
        completion: Completion | None = None,
    ) -> None:
        super().__init__(message)
        self.retryable = retryable
        self.retry_after = retry_after
        self.attempts = attempts
        self.raw = raw
        self.completion = completion


Provider = Callable[[dict, Request], Completion]


def complete(provider: str, request: Request) -> Completion:
    """Ask the named provider, with its connection from the settings."""
    if provider not in settings.LLM_PROVIDERS:
        raise LLMError(f"There is no model provider named {provider!r}.")
    connection = settings.LLM_PROVIDERS[provider]
    if lacking := missing(provider):
        raise LLMError(lacking, attempts=0)
    return import_module(f"llm.providers.{provider}").complete(connection, request)


def takes(provider: str) -> frozenset[str]:
    """The types of pictures that a provider hands on to its model."""
    if provider not in settings.LLM_PROVIDERS:
        return frozenset()
    module = import_module(f"llm.providers.{provider}")
    return getattr(module, "TAKES", frozenset())


def missing(provider: str) -> str:
    """What a provider lacks before it can be asked, as a sentence for staff, or ""."""
    module = import_module(f"llm.providers.{provider}")
    return module.missing(settings.LLM_PROVIDERS[provider])
