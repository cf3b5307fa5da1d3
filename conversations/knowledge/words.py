"""The words of a text as they are searched: without accents and case, in any language.

A long word also counts as its first letters: "Sundays" and "Sunday" share them, and no
dictionary of any language is needed. Where words are not divided by spaces, each pair of
signs is one. Index and queries are made here alone, so both databases compare the same.
"""

from collections.abc import Iterator

from conversations.search import IDEOGRAPH, TOKEN, fold

STEM = 4
# A longer one is no word: an address, a key, or a stranger's joke.
LONGEST = 40


def words(text: str) -> list[str]:
    """With their first letters. Nothing but letters and digits is in any of them."""
    return [form for word in whole_words(text) for form in (word, stem(word)) if form]


def whole_words(text: str) -> list[str]:
    return [word for token in TOKEN.findall(text) for word in _of(fold(token))]


def stem(word: str) -> str:
    """The word's first letters, "" where it is no longer than that."""
    return word[:STEM] if len(word) > STEM else ""


def _of(token: str) -> Iterator[str]:
    if IDEOGRAPH.search(token):
        yield from (token[at : at + 2] for at in range(max(1, len(token) - 1)))
    elif token:
        yield token[:LONGEST]
