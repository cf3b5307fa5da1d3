"""A chat as JSON lines, one object per message, so that nobody can forge a line."""

import json
import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.utils.timezone import localtime

ASSISTANT = "ASSISTANT"
LONGEST_NAME = 40

# Besides ASCII control characters, which JSON escapes: what ends a line for some
# readers, what has no UTF-8, and what turns the direction of text or hides it.
# The joiners of emoji and of scripts (U+200C, U+200D) stay.
_ESCAPED = re.compile(
    "[\x7f-\x9f\xad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff"
    "\ud800-\udfff\ufff9-\ufffb\U000e0000-\U000e007f]"
)
# Letters that show nothing.
_BLANKS = "\u115f\u1160\u2800\u3164\uffa0"


@dataclass(frozen=True)
class Line:
    """One message, as a model sees it. `n` is its number in this transcript."""

    n: int
    at: datetime
    sender: str
    sender_id: str
    is_agent: bool
    text: str
    kind: str = "text"
    reply_to: int | None = None
    to_us: bool = False
    is_edited: bool = False
    is_deleted: bool = False
    media: dict = field(default_factory=dict)


def render(lines: Iterable[Line], cut: int | None = None) -> str:
    """One JSON object per message; texts longer than `cut` keep their head and tail."""
    return "\n".join(dump(item) for item in _items(lines, cut))


def dump(item: dict | list) -> str:
    """JSON on a single line whatever is in it, which reads back as it was."""
    return _ESCAPED.sub(_escape, json.dumps(item, ensure_ascii=False))


def clean_name(name: str) -> str:
    """A display name without control, direction and invisible characters."""
    seen = "".join(" " if _is_space(char) else char for char in name)
    shown = (c for c in seen if c == " " or not _is_hidden(c))
    return " ".join("".join(shown).split())[:LONGEST_NAME].strip()


def _items(lines: Iterable[Line], cut: int | None) -> Iterator[dict]:
    aliases: dict[str, str] = {}
    before = None
    for line in lines:
        if before and line.at - before > timedelta(hours=1):
            yield {"gap": _duration(line.at - before)}
        before = line.at
        yield _item(line, _author(line, aliases), cut)


def _author(line: Line, aliases: dict[str, str]) -> str:
    if line.is_agent:
        return ASSISTANT
    key = line.sender_id or line.sender
    alias = aliases.setdefault(key, f"P{len(aliases) + 1}")
    return f"{alias} {clean_name(line.sender)}".strip()


def _item(line: Line, author: str, cut: int | None) -> dict:
    item = {"n": line.n, "at": localtime(line.at).strftime("%H:%M"), "from": author}
    if line.to_us:
        item["to_us"] = True
    if line.reply_to is not None:
        item["reply_to"] = line.reply_to
    if line.kind != "text":
        item["kind"] = line.kind
    if line.is_deleted:
        return item | {"deleted": True}
    if line.is_edited:
        item["edited"] = True
    item |= _media(line.media)
    if line.text or line.kind == "text":
        item["text"] = _shorten(line.text, cut)
    return item


def _media(media: dict) -> dict:
    shown = {}
    if isinstance(seconds := media.get("seconds"), int):
        shown["seconds"] = seconds
    if isinstance(name := media.get("file_name"), str) and name:
        shown["file"] = clean_name(name)
    for key in ("bytes", "pages", "picture"):
        if isinstance(number := media.get(key), int):
            shown[key] = number
    if media.get("gif") is True:
        shown["gif"] = True
    if stills := media.get("stills"):
        shown["stills"] = stills
    if isinstance(says := media.get("says"), str) and says:
        shown["says"] = says
    return shown


def _shorten(text: str, cut: int | None) -> str:
    if cut is None or len(text) <= cut:
        return text
    head, tail = cut * 2 // 3, cut - cut * 2 // 3
    return f"{text[:head]} […] {text[-tail:]}"


def _duration(gap: timedelta) -> str:
    hours = round(gap.total_seconds() / 3600)
    return f"{hours} h" if hours < 48 else f"{round(hours / 24)} days"


def _escape(match: re.Match) -> str:
    return json.dumps(match[0])[1:-1]


def _is_space(char: str) -> bool:
    return char.isspace() or char in _BLANKS


def _is_hidden(char: str) -> bool:
    return unicodedata.category(char) in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
