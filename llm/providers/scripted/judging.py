"""Is a reply wanted? A weighted sum of what the chat up to here shows."""

import math
import re

from llm.providers.scripted.language import names as is_named, stems, words
from llm.providers.scripted.signs import (
    ASKING,
    CLOSING,
    FILLERS,
    GREETINGS,
    QUESTION,
    REASONS,
    STOP,
    TO_ALL,
    WEIGHTS,
)
from llm.transcript import Line

_LINK = re.compile(r"https?://\S+|www\.\S+")
_RECENT = 6


def judge(lines: list[Line], judged: list[int], names: list[str], policy: str) -> dict:
    """The object that the schema of the first step asks for."""
    burst = [line for line in lines if line.n in judged]
    if not burst:
        return {"why": "nothing to judge", "kind": "not_for_us", "p": 0}
    text = "\n".join(line.text for line in burst if not line.is_deleted)
    if STOP.search(text) and _is_ours(burst, text, names):
        return {"why": "asks the assistant to be quiet", "kind": "stop", "p": 2}
    found = _features(lines, burst, text, names, policy)
    score = sum(WEIGHTS[feature] for feature in found) + WEIGHTS["base"]
    p = round(100 / (1 + math.exp(-score)))
    return {"why": _why(found, p), "kind": _kind(found), "p": p}


def _is_ours(burst: list[Line], text: str, names: list[str]) -> bool:
    return any(line.to_us for line in burst) or any(is_named(text, n) for n in names)


def _features(
    lines: list[Line], burst: list[Line], text: str, names: list[str], policy: str
) -> list[str]:
    before = [line for line in lines if line.n < burst[0].n]
    after = [line for line in lines if line.n > burst[-1].n]
    sender = burst[0].sender_id
    others = {ln.sender for ln in lines if ln.sender_id != sender and not ln.is_agent}
    by_number = {line.n: line for line in lines}
    replied = [by_number[ln.reply_to] for ln in burst if ln.reply_to in by_number]
    said = words(_LINK.sub(" ", text))
    asks = "?" in text or "？" in text
    named = any(is_named(text, name) for name in names)
    to_us = any(ln.to_us for ln in burst) or any(ln.is_agent for ln in replied)
    for_another = not (named or to_us) and (
        any(not ln.is_agent and ln.sender_id != sender for ln in replied)
        or any(_calls(text, name) for name in others)
    )
    question_word = _starts_a_question(said, names)
    wants = asks or (question_word and len(said) > 3) or bool(ASKING.search(text))
    checks = {
        "to us": to_us,
        "named": named,
        "follows our line": bool(before) and before[-1].is_agent and not for_another,
        "we just answered this member": _answered(before, sender) and not for_another,
        "question mark": asks,
        "question word": question_word,
        "asks for help": bool(ASKING.search(text)),
        "open question": wants and not for_another and len(said) > 2,
        "asked of everybody": wants and bool(TO_ALL & set(said)),
        "policy": wants and bool(stems(policy) & stems(text)),
        "for another member": for_another,
        "in talk with another member": _is_in_talk(before, sender) and not named,
        "closing": bool(said) and not asks and set(said) <= CLOSING,
        "greeting": bool(said) and set(said) <= GREETINGS,
        "very short": 0 < len(said) < 3,
        "only a link": not said and bool(_LINK.search(text)),
        "no words": not said and not _LINK.search(text) and not asks,
        "answered meanwhile": any(
            ln.is_agent or (ln.sender_id != sender and ln.kind != "reaction")
            for ln in after
        ),
    }
    return [feature for feature, is_there in checks.items() if is_there]


def _starts_a_question(said: list[str], names: list[str]) -> bool:
    skipped = FILLERS.union(*map(words, names))
    first = [word for word in said if word not in skipped][:1]
    return bool(QUESTION & set(first))


def _calls(text: str, name: str) -> bool:
    """Whether a text addresses a member: by full name, @name, or first name first."""
    first = (words(name) or [""])[0]
    if len(first) < 2:
        return False
    return is_named(text, name) or words(text)[:2].count(first) > 0


def _answered(before: list[Line], sender: str) -> bool:
    """Whether the last lines have one of ours for this member."""
    numbers = {line.n for line in before if line.sender_id == sender}
    writers = {line.sender for line in before if line.sender_id == sender}
    for previous, line in zip([None, *before], before, strict=False):
        if not line.is_agent or line not in before[-_RECENT:]:
            continue
        if line.reply_to in numbers or any(_calls(line.text, w) for w in writers):
            return True
        if previous and previous.sender_id == sender and line.reply_to is None:
            return True
    return False


def _is_in_talk(before: list[Line], sender: str) -> bool:
    """Whether this member and one other wrote all of the last lines in turn."""
    recent = before[-4:]
    writers = [line.sender_id for line in recent]
    return (
        len(recent) == 4
        and not any(line.is_agent for line in recent)
        and sender in writers
        and len(set(writers)) == 2
    )


def _why(found: list[str], p: int) -> str:
    sign = 1 if p >= 50 else -1
    speaking = [f for f in found if WEIGHTS[f] * sign > 0]
    if not speaking:
        return "nothing asks for a reply" if p < 50 else "several small signs"
    return REASONS[max(speaking, key=lambda feature: abs(WEIGHTS[feature]))]


def _kind(found: list[str]) -> str:
    if "for another member" in found:
        return "not_for_us"
    if {"follows our line", "we just answered this member"} & set(found):
        return "smalltalk" if "closing" in found else "followup"
    if {"question mark", "question word"} & set(found):
        return "question"
    if "asks for help" in found:
        return "request"
    return "smalltalk"
