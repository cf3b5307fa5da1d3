"""Step 2: what to say."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass

from llm import prompts
from llm.attachments import Attachment, marked
from llm.call import Call, Model, ask
from llm.knowledge import NOTHING, Knowledge
from llm.providers import Request, takes
from llm.transcript import ASSISTANT, Line


@dataclass(frozen=True)
class Reply:
    """`text` is empty where `call.error` is set."""

    text: str
    call: Call


def write(
    lines: list[Line],
    judged: list[int],
    *,
    names: list[str],
    instructions: str,
    is_group: bool,
    model: Model,
    max_tokens: int,
    temperature: float,
    group_name: str = "",
    knowledge: Knowledge = NOTHING,
    attachments: Sequence[Attachment] = (),
) -> Reply:
    """Answer the messages numbered `judged`."""
    request = request_for(
        lines,
        judged,
        names=names,
        instructions=instructions,
        is_group=is_group,
        model=model,
        max_tokens=max_tokens,
        temperature=temperature,
        group_name=group_name,
        knowledge=knowledge,
        attachments=attachments,
    )
    answer, call = ask(model, prompts.version("response", request.system), request)
    text = "" if call.error else read(answer)
    if not (text or call.error):
        call = call.failed("The model answered with an empty text.")
    return Reply(text, call)


def request_for(
    lines: list[Line],
    judged: list[int],
    *,
    names: list[str],
    instructions: str,
    is_group: bool,
    model: Model,
    max_tokens: int,
    temperature: float,
    group_name: str = "",
    knowledge: Knowledge = NOTHING,
    attachments: Sequence[Attachment] = (),
) -> Request:
    taken = [one for one in attachments if one.mimetype in takes(model.provider)]
    lines = marked(lines, taken)
    return Request(
        purpose="response",
        system=prompts.response_system(names, instructions, is_group, knowledge),
        prompt=prompts.response_prompt(lines, judged, group_name, knowledge.passages),
        model=model.name,
        max_tokens=max_tokens,
        temperature=temperature,
        timeout=model.timeout,
        attachments=tuple(taken),
        data={
            "lines": lines,
            "judged": judged,
            "names": names,
            "instructions": instructions,
            "is_group": is_group,
            "knowledge": knowledge,
        },
    )


def read(answer: str) -> str:
    """The message in a model's answer, also where it imitates the transcript."""
    text = re.sub(r"<think>.*?</think>", "", answer, flags=re.S).strip()
    if fenced := re.fullmatch(r"```(?:json)?\s*(\{.*?\})\s*```", text, re.S):
        text = fenced[1]
    items = _items(text)
    if items is not None:
        own = [item["text"] for item in items if item.get("from") == ASSISTANT]
        return "\n".join(part for part in own if isinstance(part, str)).strip()
    return text.removeprefix(f"{ASSISTANT}:").strip()


def _items(text: str) -> list[dict] | None:
    """The lines of a transcript, where a text is nothing but that."""
    items = _parsed([text]) or _parsed([ln for ln in text.splitlines() if ln.strip()])
    is_transcript = items and all(
        isinstance(item, dict) and "from" in item and "text" in item for item in items
    )
    return items if is_transcript else None


def _parsed(texts: list[str]) -> list | None:
    try:
        return [json.loads(text) for text in texts]
    except (ValueError, RecursionError):
        return None
