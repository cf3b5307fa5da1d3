"""The input of step 1 as it was stored, read back so that it can be asked again."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from llm import prompts
from llm.attachments import Attachment
from llm.call import Model
from llm.providers import Request, takes
from llm.relevance import MAX_TOKENS
from llm.transcript import ASSISTANT, Line, dump

_ATTACHMENT = '{"attachment": '
_NAMES = "The assistant's names: "
# The transcript tells the hour alone.
_DAY = datetime(2026, 1, 5, tzinfo=UTC)


@dataclass(frozen=True)
class Stored:
    names: list[str]
    prompt: str
    lines: list[Line]
    judged: list[int]
    topics: list[str]
    # The facts of the pictures that went along then, and the prompt that names them.
    shown: tuple[dict, ...] = ()
    illustrated: str = ""

    def request(
        self, policy: str, model: Model, pictures: Sequence[Attachment] = ()
    ) -> Request:
        """As it would be asked today, about the chat as it was; with all of its pictures,
        or with none."""
        kept = {one.mimetype for one in pictures} <= takes(model.provider)
        taken = tuple(pictures) if kept and len(pictures) == len(self.shown) else ()
        return Request(
            purpose="relevance",
            system=prompts.relevance_system(self.names, policy, self.topics),
            prompt=self.illustrated if taken else self.prompt,
            attachments=taken,
            model=model.name,
            schema=prompts.RELEVANCE_SCHEMA,
            max_tokens=MAX_TOKENS,
            temperature=0.0,
            timeout=model.timeout,
            data={
                "lines": self.lines,
                "judged": self.judged,
                "names": self.names,
                "policy": policy,
            },
        )


def read(text: str) -> Stored | None:
    """What `Decision.input` holds; None where it is not what this version writes."""
    # The prompt is JSON lines, and none of them is empty.
    system, _, prompt = text.rpartition("\n\n")
    names = [line for line in system.splitlines() if line.startswith(_NAMES)]
    *_policy, end = system.rpartition(prompts.TOPICS)
    try:
        shown, illustrated, prompt = _without_pictures(prompt)
        _head, *items, last = map(json.loads, prompt.split("\n"))
        lines = [_line(item) for item in items if "n" in item]
        told = json.loads(names[0].removeprefix(_NAMES))
        topics = json.loads(end) if prompts.TOPICS in system else []
        judged = list(last["judge"])
        return Stored(told, prompt, lines, judged, topics, shown, illustrated)
    except (ValueError, KeyError, IndexError, TypeError, AttributeError):
        return None


def _without_pictures(prompt: str) -> tuple[tuple[dict, ...], str, str]:
    """What is told of its pictures, the prompt that names them, and it without them."""
    items = prompt.split("\n")
    kept = [item for item in items if not item.startswith(_ATTACHMENT)]
    told = [json.loads(item) for item in items if item.startswith(_ATTACHMENT)]
    illustrated = "\n".join(kept)
    if not told:
        return (), prompt, prompt
    plain = [json.loads(item) for item in kept]
    for item in plain:
        item.pop("picture", None)
        item.pop("stills", None)
    shown = tuple(item["attachment"] for item in told)
    return shown, illustrated, "\n".join(map(dump, plain))


def _line(item: dict) -> Line:
    alias, _, name = item["from"].partition(" ")
    hour, minute = map(int, item["at"].split(":"))
    return Line(
        n=item["n"],
        at=_DAY.replace(hour=hour, minute=minute),
        sender=name or alias,
        sender_id=alias,
        is_agent=alias == ASSISTANT,
        text=item.get("text", ""),
        kind=item.get("kind", "text"),
        reply_to=item.get("reply_to"),
        to_us=item.get("to_us", False),
        is_edited=item.get("edited", False),
        is_deleted=item.get("deleted", False),
    )
