"""What a model has to beat: deciding by a simple rule whether a reply is wanted."""

from collections.abc import Callable

from llm.lab.group_chats import Example, is_named
from llm.providers.scripted.signs import CLOSING, QUESTION
from llm.words import words

# So many lines ago the member may have spoken to this sender.
_JUST = 8


def always(example: Example) -> bool:
    return True


def asks(text: str) -> bool:
    return "?" in text


def asks_in_words(text: str) -> bool:
    return asks(text) or bool(QUESTION & set(words(text)))


def question_mark(example: Example) -> bool:
    return asks(example.said.text)


def question_word(example: Example) -> bool:
    return asks_in_words(example.said.text)


def mention(example: Example) -> bool:
    return is_named(example.said.text, example.member)


def just_addressed(example: Example) -> bool:
    """The member spoke to this sender by name a moment ago."""
    return any(
        said.sender == example.member and is_named(said.text, example.said.sender)
        for said in example.before[-_JUST:]
    )


def question_to_nobody(example: Example) -> bool:
    said = set(example.said.text.lower().replace(":", " ").replace(",", " ").split())
    return question_mark(example) and not said & example.chat.names


def quotes(example: Example) -> bool:
    """By annotation; on WhatsApp a quoted message would tell."""
    chat = example.chat
    return any(chat.writers.get(n) == example.member for n in example.said.answers)


def thanks(example: Example) -> bool:
    said = words(example.said.text.replace(example.member, " "))
    return bool(said) and set(said) <= CLOSING


RULES: dict[str, Callable[[Example], bool]] = {
    "always": always,
    "question mark": question_mark,
    "question mark or word": question_word,
    "mention": mention,
    "mention or just addressed": lambda e: mention(e) or just_addressed(e),
    "mention or question to nobody": lambda e: mention(e) or question_to_nobody(e),
    "mention or annotated reply-to": lambda e: mention(e) or quotes(e),
    "the same, not thanks": lambda e: (mention(e) or quotes(e)) and not thanks(e),
}
