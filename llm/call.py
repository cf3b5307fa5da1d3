"""One call to a model, with all that is worth storing about it."""

import time
from dataclasses import dataclass, replace
from decimal import Decimal

from llm.providers import Completion, LLMError, Request, complete
from llm.transcript import dump

_MILLION = Decimal(1_000_000)
_SMALLEST = Decimal("0.000001")


@dataclass(frozen=True)
class Model:
    """Which model to ask. Prices are per million tokens."""

    provider: str
    name: str
    timeout: float
    price_in: Decimal
    price_out: Decimal


@dataclass(frozen=True)
class Call:
    """What was asked and answered, or why not (`error`)."""

    provider: str
    model: str
    prompt_version: str
    input: str
    output: str
    tokens_in: int | None
    tokens_cached: int | None
    tokens_out: int | None
    cost: Decimal | None
    latency_ms: int
    attempts: int
    error: str = ""
    retryable: bool = False
    retry_after: float | None = None

    def failed(self, error: str) -> "Call":
        return replace(self, error=error)

    def after(self, first: "Call") -> "Call":
        """This call, charged with an earlier one of the same decision."""
        return replace(
            self,
            input=first.input,
            tokens_in=_sum(first.tokens_in, self.tokens_in),
            tokens_cached=_sum(first.tokens_cached, self.tokens_cached),
            tokens_out=_sum(first.tokens_out, self.tokens_out),
            cost=_sum(first.cost, self.cost),
            latency_ms=first.latency_ms + self.latency_ms,
            attempts=first.attempts + self.attempts,
        )


def ask(model: Model, prompt_version: str, request: Request) -> tuple[str, Call]:
    """The text that the model answered and the call, which tells of any failure."""
    started = time.monotonic()
    try:
        completion, error = complete(model.provider, request), None
    except LLMError as failure:
        completion, error = failure.completion, failure
        completion = completion or Completion(
            "", raw=failure.raw, attempts=failure.attempts
        )
    call = Call(
        provider=model.provider,
        model=storable(completion.model or model.name)[:100],
        prompt_version=prompt_version,
        input=storable(_input(request)),
        output=storable(completion.text or completion.raw),
        tokens_in=completion.tokens_in,
        tokens_cached=completion.tokens_cached,
        tokens_out=completion.tokens_out,
        cost=_cost(completion, model),
        latency_ms=round((time.monotonic() - started) * 1000),
        attempts=completion.attempts,
    )
    if error:
        call = replace(
            call,
            error=storable(str(error))[:500],
            retryable=error.retryable,
            retry_after=error.retry_after,
        )
    return storable(completion.text), call


def _input(request: Request) -> str:
    """The prompt as it was sent; of pictures only which they were."""
    gone_along = [{"attachment": one.facts} for one in request.attachments]
    return "\n".join([f"{request.system}\n\n{request.prompt}", *map(dump, gone_along)])


def storable(text: str) -> str:
    """Without what PostgreSQL or UTF-8 cannot hold."""
    return text.replace("\0", "").encode("utf-8", "replace").decode()


def _cost(completion: Completion, model: Model) -> Decimal | None:
    if completion.cost is not None:
        return completion.cost.quantize(_SMALLEST)
    if completion.tokens_in is None or completion.tokens_out is None:
        return None
    cost = (
        completion.tokens_in * model.price_in + completion.tokens_out * model.price_out
    )
    return (cost / _MILLION).quantize(_SMALLEST)


def _sum(first, second):
    """What is known of both."""
    if first is None or second is None:
        return second if first is None else first
    return first + second
