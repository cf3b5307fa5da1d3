"""Is a reply wanted? A weighted sum of what the chat up to here shows."""

import math
import re

from llm.providers.scripted.language import names as is_named, stems, words
from llm.transcript import Line

_QUESTION = frozenset(
    [
        "what",
        "who",
        "when",
        "where",
        "why",
        "how",
        "which",
        "whose",
        "can",
        "could",
        "does",
        "do",
        "did",
        "is",
        "are",
        "should",
        "would",
        "anyone",
        "anybody",
        "someone",
        "somebody",
        "que",
        "quem",
        "quando",
        "onde",
        "porque",
        "como",
        "qual",
        "quais",
        "alguem",
        "quien",
        "cuando",
        "donde",
        "cual",
        "cuanto",
        "alguien",
        "puedo",
        "puede",
        "hay",
        "was",
        "wer",
        "wann",
        "wo",
        "warum",
        "wie",
        "welche",
        "kann",
        "jemand",
        "gibt",
        "quoi",
        "qui",
        "comment",
        "pourquoi",
        "quel",
        "quelle",
        "quelqu",
        "est",
    ]
)
_TO_ALL = frozenset(
    [
        "anyone",
        "anybody",
        "someone",
        "somebody",
        "everyone",
        "everybody",
        "all",
        "guys",
        "folks",
        "alguem",
        "galera",
        "pessoal",
        "gente",
        "alguien",
        "todos",
        "jemand",
        "alle",
        "quelqu",
        "tous",
    ]
)
_FILLERS = frozenset(
    [
        "and",
        "so",
        "but",
        "hey",
        "hi",
        "well",
        "then",
        "e",
        "y",
        "und",
        "et",
        "mas",
        "oi",
        "ola",
        "hola",
        "hallo",
        "salut",
        "guys",
        "folks",
    ]
)
_ASKING = re.compile(
    r"\b(help|how (do|can|to)|need to|trying to|doesn'?t work|not working|problem with"
    r"|please|any idea|recommend|ajuda|preciso|como (faz|fa[cç]o)|por favor|ayuda|necesito"
    r"|hilfe|brauche|bitte|aide|besoin|s'il)\b",
    re.I,
)
_CLOSING = frozenset(
    [
        "thanks",
        "thank",
        "thx",
        "ty",
        "ok",
        "okay",
        "k",
        "kk",
        "cool",
        "great",
        "nice",
        "good",
        "lol",
        "haha",
        "hahaha",
        "rofl",
        "yes",
        "yeah",
        "yep",
        "no",
        "nope",
        "sure",
        "right",
        "obrigado",
        "obrigada",
        "valeu",
        "beleza",
        "blz",
        "kkk",
        "kkkk",
        "gracias",
        "vale",
        "jaja",
        "danke",
        "gut",
        "alles",
        "klar",
        "merci",
        "d",
        "accord",
        "super",
        "you",
        "so",
        "much",
        "a",
        "lot",
        "then",
        "done",
        "perfect",
        "wow",
        "oh",
        "ah",
        "hm",
        "hmm",
        "np",
        "welcome",
        "bye",
        "brb",
        "gn",
    ]
)
_GREETINGS = frozenset(
    [
        "hi",
        "hello",
        "hey",
        "hiya",
        "morning",
        "evening",
        "afternoon",
        "good",
        "ola",
        "oi",
        "bom",
        "dia",
        "boa",
        "tarde",
        "noite",
        "hola",
        "buenos",
        "buenas",
        "dias",
        "hallo",
        "moin",
        "guten",
        "tag",
        "abend",
        "bonjour",
        "salut",
        "all",
        "everyone",
        "everybody",
        "guys",
        "folks",
        "pessoal",
        "gente",
        "galera",
        "todos",
        "alle",
        "zusammen",
        "tous",
        "there",
    ]
)
_STOP = re.compile(
    r"\b(be quiet|shut up|stop (talking|replying|it)|leave us alone|fica quieto|cala|c[aá]llate"
    r"|sei still|tais[- ]toi)\b",
    re.I,
)
_LINK = re.compile(r"https?://\S+|www\.\S+")
_RECENT = 6

_WEIGHTS = {
    "base": -3.0,
    "to us": 4.6,
    "named": 3.4,
    "follows our line": 1.1,
    "we just answered this member": 1.4,
    "question mark": 0.8,
    "question word": 0.3,
    "asks for help": 0.5,
    "open question": 2.4,
    "asked of everybody": 0.6,
    "policy": 1.0,
    "for another member": -3.0,
    "in talk with another member": -1.2,
    "closing": -1.6,
    "greeting": -1.0,
    "very short": -0.8,
    "only a link": -1.5,
    "no words": -2.0,
    "answered meanwhile": -1.8,
}
_REASONS = {
    "to us": "speaks to the assistant",
    "named": "names the assistant",
    "follows our line": "follows what the assistant said",
    "we just answered this member": "continues with the assistant",
    "question mark": "asks a question",
    "question word": "asks a question",
    "asks for help": "asks for help",
    "open question": "open question to the group",
    "asked of everybody": "asks everybody",
    "policy": "about what the operator named",
    "for another member": "meant for another member",
    "in talk with another member": "members talk with each other",
    "closing": "thanks or agreement",
    "greeting": "a greeting",
    "very short": "too short to need an answer",
    "only a link": "a link, nothing asked",
    "no words": "no words",
    "answered meanwhile": "somebody answered already",
}


def judge(lines: list[Line], judged: list[int], names: list[str], policy: str) -> dict:
    """The object that the schema of the first step asks for."""
    burst = [line for line in lines if line.n in judged]
    if not burst:
        return {"why": "nothing to judge", "kind": "not_for_us", "p": 0}
    text = "\n".join(line.text for line in burst if not line.is_deleted)
    if _STOP.search(text) and _is_ours(burst, text, names):
        return {"why": "asks the assistant to be quiet", "kind": "stop", "p": 2}
    found = _features(lines, burst, text, names, policy)
    score = sum(_WEIGHTS[feature] for feature in found) + _WEIGHTS["base"]
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
    question_word = _starts_a_question(said)
    wants = asks or (question_word and len(said) > 3) or bool(_ASKING.search(text))
    checks = {
        "to us": to_us,
        "named": named,
        "follows our line": bool(before) and before[-1].is_agent and not for_another,
        "we just answered this member": _answered(before, sender) and not for_another,
        "question mark": asks,
        "question word": question_word,
        "asks for help": bool(_ASKING.search(text)),
        "open question": wants and not for_another and len(said) > 2,
        "asked of everybody": wants and bool(_TO_ALL & set(said)),
        "policy": wants and bool(stems(policy) & stems(text)),
        "for another member": for_another,
        "in talk with another member": _is_in_talk(before, sender) and not named,
        "closing": bool(said) and not asks and set(said) <= _CLOSING,
        "greeting": bool(said) and set(said) <= _GREETINGS,
        "very short": 0 < len(said) < 3,
        "only a link": not said and bool(_LINK.search(text)),
        "no words": not said and not _LINK.search(text) and not asks,
        "answered meanwhile": any(
            ln.is_agent or (ln.sender_id != sender and ln.kind != "reaction")
            for ln in after
        ),
    }
    return [feature for feature, is_there in checks.items() if is_there]


def _starts_a_question(said: list[str]) -> bool:
    first = [word for word in said if word not in _FILLERS][:1]
    return bool(_QUESTION & set(first))


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
    speaking = [f for f in found if _WEIGHTS[f] * sign > 0]
    if not speaking:
        return "nothing asks for a reply" if p < 50 else "several small signs"
    return _REASONS[max(speaking, key=lambda feature: abs(_WEIGHTS[feature]))]


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
