"""Step 1: how likely is it that a reply is wanted here?

Fails closed: what is not exactly the JSON asked for is a failure, never a number.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from llm import prompts
from llm.attachments import Attachment, marked
from llm.call import Call, Model, ask
from llm.providers import Request, takes
from llm.transcript import Line

# The answer takes 60 tokens; models that think first need the rest.
MAX_TOKENS = 800
LONGEST_ANSWER = 20_000
LONGEST_WHY = 200
# Less than this is not worth a second question, in seconds.
SHORTEST_TIMEOUT = 1.0


@dataclass(frozen=True)
class Judgement:
    """`p` is the probability that a reply is wanted, or None where `call.error` is set."""

    p: float | None
    why: str
    kind: str
    call: Call


@dataclass(frozen=True)
class Verdict:
    p: float
    why: str
    kind: str


def judge(
    lines: list[Line],
    judged: list[int],
    *,
    names: list[str],
    policy: str,
    model: Model,
    group_name: str = "",
    topics: Sequence[str] = (),
    attachments: Sequence[Attachment] = (),
) -> Judgement:
    """Judge the messages numbered `judged`, in the light of the whole transcript."""
    request = request_for(
        lines,
        judged,
        names=names,
        policy=policy,
        model=model,
        group_name=group_name,
        topics=topics,
        attachments=attachments,
    )
    return answer(request, model)


def answer(request: Request, model: Model) -> Judgement:
    """Ask, a second time if the first answer cannot be read."""
    version = prompts.version("relevance", request.system)
    text, call = ask(model, version, request)
    verdict = None if call.error else read(text)
    left = model.timeout - call.latency_ms / 1000
    if not (verdict or call.error) and left >= SHORTEST_TIMEOUT:
        prompt = f"{request.prompt}\n{prompts.dump(prompts.UNREADABLE)}"
        text, again = ask(model, version, replace(request, prompt=prompt, timeout=left))
        call = again.after(call)
        verdict = None if call.error else read(text)
    if verdict:
        return Judgement(verdict.p, verdict.why, verdict.kind, call)
    if not call.error:
        call = call.failed("The model's answer was not readable as a judgement.")
    return Judgement(None, "", "", call)


def request_for(
    lines: list[Line],
    judged: list[int],
    *,
    names: list[str],
    policy: str,
    model: Model,
    group_name: str = "",
    topics: Sequence[str] = (),
    attachments: Sequence[Attachment] = (),
) -> Request:
    taken = [one for one in attachments if one.mimetype in takes(model.provider)]
    lines = marked(lines, taken)
    return Request(
        purpose="relevance",
        system=prompts.relevance_system(names, policy, topics),
        prompt=prompts.relevance_prompt(lines, judged, group_name),
        model=model.name,
        schema=prompts.RELEVANCE_SCHEMA,
        max_tokens=MAX_TOKENS,
        temperature=0.0,
        timeout=model.timeout,
        attachments=tuple(taken),
        data={"lines": lines, "judged": judged, "names": names, "policy": policy},
    )


def read(text: str) -> Verdict | None:
    """The verdict in a model's answer, or None where there is any doubt."""
    match _object(text):
        case {"why": str(why), "kind": str(kind), "p": int(p)}:
            is_sound = kind in prompts.KINDS and type(p) is int and 0 <= p <= 100
            why = " ".join(why.split())[:LONGEST_WHY]
            return Verdict(p / 100, why, kind) if is_sound else None
    return None


def _object(text: str) -> object:
    """The one JSON object in an answer, bare, fenced or with words around it."""
    text = re.sub(r"<think>.*?</think>", "", text, flags=re.S).strip()
    if len(text) > LONGEST_ANSWER:
        return None
    if fenced := re.fullmatch(r"```(?:json)?\s*(.*?)\s*```", text, re.S):
        text = fenced[1]
    try:
        return _DECODER.decode(text)
    except (ValueError, RecursionError):
        pass
    return _only_object(text)


def _only_object(text: str) -> dict | None:
    start = max(text.find("{"), 0)
    try:
        found, end = _DECODER.raw_decode(text, start)
    except (ValueError, RecursionError):
        return None
    # Two of them: which is the answer, and which was quoted from the chat?
    return None if "{" in text[end:] else found


def _unique(pairs: list[tuple[str, object]]) -> dict:
    if len(dict(pairs)) < len(pairs):
        raise ValueError("a key appears twice")
    return dict(pairs)


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


_DECODER = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_no_constant)
