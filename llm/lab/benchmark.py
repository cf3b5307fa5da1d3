"""Step 1 as it is configured, asked about moments in real group chats."""

import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from decimal import Decimal

from llm.call import Call, Model
from llm.lab.group_chats import Example
from llm.lab.measures import Counts, Scored, count, tally
from llm.relevance import judge, request_for

# For the estimate alone: characters of a token, tokens of an answer.
CHARACTERS = 4
TOKENS_OUT = 60
# So many failures and nothing else: the rest would only cost.
HOPELESS = 5


class Hopeless(Exception):
    """The first calls all failed; says why."""


@dataclass(frozen=True)
class Result:
    example: Example
    p: float | None
    call: Call

    @property
    def group(self) -> tuple[str, str]:
        return self.example.chat.name, self.example.member


@dataclass(frozen=True)
class Estimate:
    calls: int
    tokens_in: int
    tokens_out: int
    cost: Decimal


def sample(examples: list[Example], size: int | None, seed: int) -> list[Example]:
    if size is None or size >= len(examples):
        return examples
    return random.Random(seed).sample(examples, size)


def estimate(examples: list[Example], model: Model) -> Estimate:
    """From the length of a few prompts."""
    few = sample(examples, 20, 0)
    lengths = [
        len(request.system) + len(request.prompt)
        for request in (
            request_for(e.lines, e.judged, names=[e.member], policy="", model=model)
            for e in few
        )
    ]
    tokens_in = round(len(examples) * sum(lengths) / len(few) / CHARACTERS)
    tokens_out = len(examples) * TOKENS_OUT
    price = tokens_in * model.price_in + tokens_out * model.price_out
    return Estimate(len(examples), tokens_in, tokens_out, price / 1_000_000)


def run(
    examples: list[Example],
    model: Model,
    *,
    threads: int = 1,
    progress: Callable[[int], None] = lambda done: None,
) -> list[Result]:
    results: list[Result] = []
    with ThreadPoolExecutor(threads) as pool:
        # The first ones alone, so that a wrong key costs five calls and no more.
        for part in (examples[:HOPELESS], examples[HOPELESS:]):
            for result in pool.map(lambda example: _ask(example, model), part):
                results.append(result)
                progress(len(results))
            if all(result.p is None for result in results):
                raise Hopeless(results[0].call.error if results else "No messages.")
    return results


def _ask(example: Example, model: Model) -> Result:
    judgement = judge(
        example.lines, example.judged, names=[example.member], policy="", model=model
    )
    return Result(example, judgement.p, judgement.call)


def scored(results: list[Result]) -> Scored:
    """A failure is silence."""
    return [(0.0 if r.p is None else r.p, r.example.wanted) for r in results]


def counts(results: list[Result], threshold: float) -> list[tuple[tuple, Counts]]:
    """For each message the cell it falls into, with its chat and member."""
    return [(result.group, count(scored([result]), threshold)) for result in results]


def rule_counts(
    examples: list[Example], rule: Callable[[Example], bool]
) -> list[tuple[tuple, Counts]]:
    return [((e.chat.name, e.member), tally([(rule(e), e.wanted)])) for e in examples]
