"""Is a reply wanted? A weighted sum of what the chat up to here shows."""

import math
import re

from llm.providers.scripted.language import stems, without_names
from llm.providers.scripted.moment import Moment
from llm.providers.scripted.signs import (
    ASKING,
    CLOSING,
    FILLERS,
    GREETINGS,
    QUESTION,
    REASONS,
    TO_ALL,
)
from llm.providers.scripted.weights import WEIGHTS
from llm.stopping import is_stop
from llm.transcript import Line
from llm.words import words

_LINK = re.compile(r"https?://\S+|www\.\S+")
_CROWD = 4  # other members
_LONG = 10  # lines without one of ours


def judge(lines: list[Line], judged: list[int], names: list[str], policy: str) -> dict:
    """The object that the schema of the first step asks for."""
    burst = [line for line in lines if line.n in judged]
    if not burst:
        return {"why": "nothing to judge", "kind": "not_for_us", "p": 0}
    moment = Moment(lines, burst, names)
    found = features(moment, policy)
    is_wish = is_stop(without_names(moment.text, moment.names))
    if is_wish and {"to us", "named"} & set(found):
        return {"why": "asks the assistant to be quiet", "kind": "stop", "p": 2}
    score = sum(WEIGHTS[feature] for feature in found) + WEIGHTS["base"]
    p = round(100 / (1 + math.exp(-score)))
    return {"why": _why(found, p), "kind": _kind(found), "p": p}


def features(moment: Moment, policy: str) -> list[str]:
    """What is to be seen at this moment, by the names that have a weight."""
    checks = _address(moment) | _talk(moment) | _text(moment, policy)
    return [feature for feature, is_there in checks.items() if is_there]


def _address(moment: Moment) -> dict[str, bool]:
    is_named = any(map(moment.names_us, moment.burst))
    is_ours = any(map(moment.calls_us, moment.burst))
    ours = {said[0] for name in moment.names if (said := words(name))}
    return {
        "to us": is_ours and not is_named,
        "named": is_named,
        "named first": is_named and words(moment.text)[0] in ours,
        "for another member": moment.is_for_another,
    }


def _talk(moment: Moment) -> dict[str, bool]:
    ago = 0 if moment.is_for_another else moment.to_sender
    return {
        "we just answered this member": 1 <= ago <= 3,
        "we answered this member lately": 4 <= ago <= 8,
        "we answered this member before": ago > 8,
        "we spoke lately": 1 <= moment.since_ours <= 5,
        "we are silent": moment.since_ours == 0 and len(moment.before) >= _LONG,
        "new voice": moment.is_new_voice,
        "crowd": _is_crowd(moment),
        "answered meanwhile": any(
            line.is_agent
            or (line.sender_id != moment.sender and line.kind != "reaction")
            for line in moment.after
        ),
    }


def _text(moment: Moment, policy: str) -> dict[str, bool]:
    said = words(_LINK.sub(" ", moment.text))
    asks = "?" in moment.text or "？" in moment.text
    is_question = asks or (_starts_a_question(said, moment.names) and len(said) > 3)
    wants = is_question or bool(ASKING.search(moment.text))
    is_open = wants and not moment.is_for_another and len(said) > 2
    has_link = bool(_LINK.search(moment.text))
    return {
        "question": is_question,
        "asks for help": wants and not is_question,
        "open question": is_open,
        "open question in a crowd": is_open and _is_crowd(moment),
        "asked of everybody": wants and bool(TO_ALL & set(said)),
        "policy": wants and bool(stems(policy) & stems(moment.text)),
        "closing": bool(said) and not asks and set(said) <= CLOSING,
        "greeting": bool(said) and set(said) <= GREETINGS,
        "very short": 0 < len(said) < 3,
        "short": 3 <= len(said) < 5,
        "only a link": not said and has_link,
        "no words": not (said or has_link or asks),
    }


def _is_crowd(moment: Moment) -> bool:
    """Where many take part, most questions find somebody else who answers."""
    return len(moment.others) >= _CROWD


def _starts_a_question(said: list[str], names: list[str]) -> bool:
    skipped = FILLERS.union(*map(words, names))
    first = [word for word in said if word not in skipped][:1]
    return bool(QUESTION & set(first))


def _why(found: list[str], p: int) -> str:
    sign = 1 if p >= 50 else -1
    speaking = [f for f in found if WEIGHTS[f] * sign > 0]
    if not speaking:
        return "nothing asks for a reply" if p < 50 else "several small signs"
    return REASONS[max(speaking, key=lambda feature: abs(WEIGHTS[feature]))]


def _kind(found: list[str]) -> str:
    if "for another member" in found:
        return "not_for_us"
    if "we just answered this member" in found:
        return "smalltalk" if "closing" in found else "followup"
    if "question" in found:
        return "question"
    return "request" if "asks for help" in found else "smalltalk"
