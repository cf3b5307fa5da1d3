"""What to say: from the operator's instructions, from the chat, or from the phrases."""

import hashlib
import operator
import re
from collections.abc import Iterable, Iterator
from decimal import Decimal, DecimalException
from itertools import chain

from django.utils.timezone import localtime

from llm.knowledge import NOTHING, Knowledge
from llm.providers.scripted.language import language, stems, without_names
from llm.providers.scripted.phrases import PHRASES
from llm.stopping import is_stop
from llm.transcript import Line, clean_name
from llm.words import words

_GREETING = re.compile(
    r"^\W*(hi|hello|hey|good (morning|evening|afternoon)|oi|ol[aá]|bom dia|boa (tarde|noite)"
    r"|hola|buen[oa]s|hallo|moin|guten|bonjour|salut)\b",
    re.I,
)
_THANKS = re.compile(
    r"\b(thanks|thank you|thx|obrigad[oa]|valeu|gracias|danke|merci)\b", re.I
)
_WHO = re.compile(
    r"\b(who|what) are you\b|\byour name\b|are you (a |an )?(bot|human|real|robot|ai)\b"
    r"|quem [eé]s? (voc[eê]|tu)\b|qui[eé]n eres|wer bist du|qui es[- ]tu",
    re.I,
)
_HELP = re.compile(r"\bwhat can you do\b|^\W*help\W*$|o que voc[eê] faz", re.I)
_TIME = re.compile(
    r"\bwhat('?s| is)? (the )?time( is it)?( now)?\W*$|que horas s[aã]o|qu[eé] hora es"
    r"|wie sp[aä]t|quelle heure est",
    re.I,
)
_DATE = re.compile(
    r"\bwhat('?s| is)? (the |today'?s )?(date|day)( is it| today)*\W*$|que dia [eé] hoje"
    r"|qu[eé] d[ií]a es hoy|welcher tag ist|quel jour (est|sommes)",
    re.I,
)
_COIN = re.compile(
    r"\b(toss|flip|throw)\b.*\bcoin\b|cara ou coroa|cara o cruz|m[uü]nze", re.I
)
_DIE = re.compile(r"\b(roll|throw)\b.*\b(dice|die|d6)\b|\bdado\b|w[uü]rfel", re.I)
_SUM = re.compile(
    r"(?<![\w.])(-?\d{1,12}(?:\.\d{1,6})?)\s*([-+*/x×÷]|plus|minus|times)\s*(-?\d{1,12}(?:\.\d{1,6})?)(?![\w.])",
    re.I,
)
_OPERATIONS = {
    "+": operator.add,
    "plus": operator.add,
    "-": operator.sub,
    "minus": operator.sub,
    "*": operator.mul,
    "x": operator.mul,
    "×": operator.mul,
    "times": operator.mul,
    "/": operator.truediv,
    "÷": operator.truediv,
}
_QUESTION = re.compile(
    r"[?？]|^\W*(what|who|when|where|why|how|which|can|could|does?|is|are|any(one|body)"
    r"|que|quem|quando|onde|como|qual|algu[eé]m|cu[aá]ndo|d[oó]nde|qui[eé]n|wer|was|wann|wo|wie|gibt"
    r"|qui|quand|quel)\b",
    re.I,
)
# How to behave, rather than what is so: not for members' eyes.
_MANNER = re.compile(
    r"^\W*(you('re| are)\b|your (job|task|role|tone)|answer|reply|respond|be\b|never|always|do not"
    r"|don'?t|write|speak|use|keep|act|if (you|asked|someone|somebody)|voc[eê] [eé]|responda|seja"
    r"|eres|responde|du bist|antworte|tu es|r[eé]ponds)",
    re.I,
)


def write(
    lines: list[Line],
    judged: list[int],
    names: list[str],
    instructions: str,
    is_group: bool,
    knowledge: Knowledge = NOTHING,
) -> str:
    """The reply to the judged messages. The same chat gets the same reply."""
    burst = [line for line in lines if line.n in judged] or lines[-1:]
    if not burst:
        return PHRASES["en"]["greeting"][0].format(name="there")
    text = without_names("\n".join(line.text for line in burst), names)
    before = [line for line in lines if line.n < burst[0].n]
    topic, facts = _topic(text, burst, before, instructions, knowledge)
    name = (clean_name(burst[-1].sender).split() or ["there"])[0]
    facts = {"name": name, "bot": names[0] if names else "the assistant", **facts}
    return _phrase(topic, text, burst[-1].n).format(**facts)


def _topic(
    text: str,
    burst: list[Line],
    before: list[Line],
    instructions: str,
    knowledge: Knowledge,
) -> tuple[str, dict[str, str]]:
    now = localtime(burst[-1].at)
    if is_stop(text):
        return "sorry", {}
    if _COIN.search(text):
        side = ("heads", "tails")[_pick(2, text, burst[-1].n, "coin")]
        return "coin", {"value": PHRASES["en"][side][0]}
    if _DIE.search(text):
        return "die", {"value": str(_pick(6, text, burst[-1].n, "die") + 1)}
    if (value := _sum(text)) is not None:
        return "sum", {"value": value}
    if _TIME.search(text):
        return "time", {"value": now.strftime("%H:%M")}
    if _DATE.search(text):
        return "date", {"value": now.strftime("%A, %d %B %Y")}
    if _WHO.search(text):
        return "who", {}
    if _HELP.search(text):
        return "help", {}
    if value := _known(text, instructions, knowledge):
        return "fact", {"value": value}
    if shown := [line for line in burst if "picture" in line.media]:
        return "picture", {"value": str(len(shown))}
    if stills := [still for line in burst for still in line.media.get("stills", ())]:
        return "film", {"value": str(len(stills))}
    if _QUESTION.search(text):
        return _from_the_chat(text, burst, before)
    if _THANKS.search(text):
        return "thanks", {}
    if _GREETING.search(text) or not words(text) and burst[-1].kind == "text":
        return "greeting", {}
    return ("statement" if words(text) else "media"), {}


def _known(text: str, instructions: str, knowledge: Knowledge) -> str:
    """The operator's sentence that fits, or how the passage begins that was found."""
    told = [one.text for one in [*knowledge.passages, *knowledge.texts]]
    facts = chain.from_iterable(map(_facts, [*told, instructions]))
    if value := _best(text, facts):
        return value
    if knowledge.passages and _QUESTION.search(text):
        return next(_facts(knowledge.passages[0].text), "")
    return ""


def _from_the_chat(
    text: str, burst: list[Line], before: list[Line]
) -> tuple[str, dict[str, str]]:
    said = {
        line.text: line
        for line in before
        if not (line.is_agent or line.is_deleted or _QUESTION.search(line.text))
        and line.sender_id != burst[0].sender_id
    }
    if value := _best(text, said, 2):
        author = clean_name(said[value].sender) or "Somebody"
        return "said", {"value": value[:300], "name": author}
    if before and before[-1].is_agent and len(words(text)) < 6:
        return "follow-up", {}
    return "unknown", {}


def _best(question: str, sentences: Iterable[str], least: int = 1) -> str:
    """The sentence that shares most words with a question.

    It must share `least` of them, or all where the question has fewer.
    """
    wanted = stems(question)

    def overlap(sentence: str) -> tuple[int, float]:
        words_of_it = stems(sentence)
        shared = len(wanted & words_of_it)
        return shared, shared / (len(words_of_it) or 1)

    best = max(sentences, key=overlap, default="")
    is_near = wanted and overlap(best)[0] >= min(least, len(wanted))
    return best if is_near else ""


def _facts(instructions: str) -> Iterator[str]:
    for sentence in re.split(r"(?<=[.!?])\s+|\n+", instructions):
        sentence = sentence.strip(" \t-*•#")
        if len(sentence) > 3 and not _MANNER.search(sentence):
            yield sentence


def _sum(text: str) -> str | None:
    if not (found := _SUM.search(text)):
        return None
    left, sign, right = found.groups()
    try:
        value = _OPERATIONS[sign.lower()](Decimal(left), Decimal(right))
    except DecimalException:
        return None
    return f"{value.quantize(Decimal('0.0001')).normalize():f}"


def _phrase(topic: str, text: str, n: int) -> str:
    phrases = PHRASES[language(text)].get(topic) or PHRASES["en"][topic]
    return phrases[_pick(len(phrases), text, n, topic)]


def _pick(count: int, text: str, n: int, salt: str) -> int:
    digest = hashlib.sha256(f"{salt}\0{n}\0{text}".encode("utf-8", "replace")).digest()
    return int.from_bytes(digest[:4]) % count
