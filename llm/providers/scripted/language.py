"""Words: which language, which of them matter, who is named."""

import re

from llm.words import words


def _set(text: str) -> frozenset[str]:
    return frozenset(text.split())


_LANGUAGES = {
    "en": "the and you what who when where how do does is are can i my it for of to with",
    "pt": "os que voce voces quem quando onde como nao uma um para com eu meu tem obrigado oi ola qual por favor alguem sabe hoje amanha sao horas",
    "es": "el la los que usted ustedes quien cuando donde como no una un para con yo mi tiene gracias hola cual por favor alguien sabe hoy manana es",
    "de": "der die das und ist wer wann wo wie nicht ein eine ich mein du ihr habt danke hallo welche bitte jemand weiss heute morgen was kann",
    "fr": "le la les et est qui quand ou comment pas une un pour avec je mon vous tu merci bonjour salut quel quelle quelqu sait aujourd demain que",
}
_LANGUAGES = {code: frozenset(words.split()) for code, words in _LANGUAGES.items()}
_COMMON = frozenset().union(*_LANGUAGES.values()) | _set(
    "will was were be been has have had not this that there here please just "
    "we our your know anyone anybody someone tell me at in on an if so any us "
    "about would could should"
)
_ENDINGS = re.compile(
    r"(ations?|ments?|ingly|ings?|edly|ies|ied|ed|es|ly|os|as|s|e|y|en|n)$"
)


def stems(text: str) -> frozenset[str]:
    """The words that carry meaning, without their endings."""
    return frozenset(
        _ENDINGS.sub("", word) if len(word) > 4 else word
        for word in words(text)
        if word not in _COMMON and len(word) > 1
    )


def language(text: str) -> str:
    said = words(text)
    scores = {
        code: sum(word in known for word in said) for code, known in _LANGUAGES.items()
    }
    best = max(scores, key=scores.get)
    # One word may be anybody's: "die" is English too.
    is_sure = scores[best] > scores["en"] and scores[best] >= min(2, len(said))
    return best if is_sure else "en"


def is_named(text: str, name: str) -> bool:
    """Whether a name stands in a text as words of its own."""
    wanted, said = words(name), words(text)
    if not wanted:
        return False
    size = len(wanted)
    return any(said[i : i + size] == wanted for i in range(len(said) - size + 1))


def is_called(text: str, name: str) -> bool:
    """Whether a text addresses somebody: by full name, @name, or first name first."""
    first = (words(name) or [""])[0]
    if len(first) < 2:
        return False
    return is_named(text, name) or first in words(text)[:2]


def without_names(text: str, names: list[str]) -> str:
    for name in names:
        if is_named(text, name):
            text = re.sub(rf"@?\b{re.escape(name)}\b[,:]?", "", text, flags=re.I)
    return text.strip()
