"""Find messages by their words, the newest first, among millions.

The index is made by a migration and kept by the database; a deleted message is not in it.
Strangers and staff alike may write anything: each word goes into a query quoted.
"""

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import regex
from django.db import connection
from django.db.models import QuerySet
from django.db.models.expressions import RawSQL

from conversations.models import Message

# What the index holds of a text; all else divides words.
TOKEN = regex.compile(r"[\p{L}\p{N}\p{M}\p{Co}]+")
_TERM = regex.compile(r'"([^"]*)"|([^\s"]+)')
_MOST_TERMS = 20
# To put together all words that begin with one or two letters takes too long.
_PREFIX_FROM = 3
IDEOGRAPH = regex.compile(r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Hangul}\p{Thai}]")
# What PostgreSQL would take for tags, addresses and compound words.
_DIVIDERS = str.maketrans("<>/.@:-_", " " * 8)
_LAST_KEY = 2**63 - 1
_SQLITE = """
SELECT rowid FROM conversations_message_words
WHERE conversations_message_words MATCH %s AND rowid < %s
ORDER BY rowid DESC LIMIT %s
"""
_POSTGRESQL = """
SELECT id FROM conversations_message
WHERE deleted_at IS NULL
AND to_tsvector('simple', translate(left(text, 65536), '<>/.@:-_', '        ')) @@ to_tsquery('simple', %s) AND id < %s
ORDER BY id DESC LIMIT %s
"""
BEFORE, AFTER = 40, 160  # characters of an excerpt round its first hit


@dataclass(frozen=True)
class Term:
    """A word, or several in quotes that follow one another."""

    text: str
    is_prefix: bool = False

    @property
    def tokens(self) -> list[str]:
        return [fold(token) for token in TOKEN.findall(self.text)]


def terms(query: str) -> list[Term]:
    """All of them must be found; the last word may be the beginning of one."""
    found = [
        Term(phrase or word, is_prefix=bool(word))
        for phrase, word in _TERM.findall(query.replace("\0", " "))
        if TOKEN.search(phrase or word)
    ][:_MOST_TERMS]
    last = len(found) - 1
    return [
        Term(term.text, term.is_prefix and number == last and _is_long(term.text))
        for number, term in enumerate(found)
    ]


def find(
    messages: QuerySet[Message], query: str, most: int, before: int | None = None
) -> QuerySet[Message]:
    """Those of them that are among the newest `most` with these words."""
    asked = terms(query)
    if not asked:
        return messages.none()
    is_sqlite = connection.vendor == "sqlite"
    words = _fts5(asked) if is_sqlite else _tsquery(asked)
    sql = _SQLITE if is_sqlite else _POSTGRESQL
    edge = _LAST_KEY if before is None else before
    return messages.filter(pk__in=RawSQL(sql, [words, edge, most]))


def excerpt(text: str, query: str) -> list[tuple[str, bool]]:
    """The text round the first hit, in pieces: which of them were searched for?"""
    asked = terms(query)
    exact = {token for term in asked for token in term.tokens}
    beginning = asked[-1].tokens[-1] if asked and asked[-1].is_prefix else None
    hits = _hits(text, exact, beginning)
    first = next(hits, None)
    if first is None:
        return [(_line(text[: BEFORE + AFTER]), False)]
    start = 0 if first[0] <= BEFORE else _word_start(text, first[0] - BEFORE)
    end = first[0] + AFTER
    pieces, at = [("…", False)] if start else [], start
    for hit_start, hit_end in _until(first, hits, end):
        pieces += [(_line(text[at:hit_start]), False), (text[hit_start:hit_end], True)]
        at = hit_end
    pieces.append((_line(text[at:end]), False))
    if end < len(text):
        pieces.append(("…", False))
    return [piece for piece in pieces if piece[0]]


def _fts5(asked: list[Term]) -> str:
    def quoted(term: Term) -> str:
        return '"' + term.text.replace('"', "") + '"' + "*" * term.is_prefix

    return " AND ".join(map(quoted, asked))


def _tsquery(asked: list[Term]) -> str:
    def quoted(term: Term) -> str:
        text = term.text.translate(_DIVIDERS).replace("\\", " ").replace("'", "''")
        return f"'{text}'" + ":*" * term.is_prefix

    return " & ".join(map(quoted, asked))


def _is_long(word: str) -> bool:
    # Where words are not divided by spaces, each sign tells much.
    return len(TOKEN.findall(word)[-1]) >= _PREFIX_FROM or bool(IDEOGRAPH.search(word))


def _hits(
    text: str, exact: set[str], beginning: str | None
) -> Iterator[tuple[int, int]]:
    for match in TOKEN.finditer(text):
        token = fold(match[0])
        if token in exact or (beginning and token.startswith(beginning)):
            yield match.span()


def _until(
    first: tuple[int, int], hits: Iterator[tuple[int, int]], end: int
) -> Iterator[tuple[int, int]]:
    yield first
    for hit in hits:
        if hit[1] > end:
            return
        yield hit


def _word_start(text: str, at: int) -> int:
    space = text.find(" ", at, at + BEFORE)
    return space + 1 if space >= 0 else at


def _line(text: str) -> str:
    return regex.sub(r"\s+", " ", text)


@lru_cache(maxsize=4096)
def fold(token: str) -> str:
    """As the index compares: without accents, in one case."""
    if token.isascii():
        return token.lower()
    apart = unicodedata.normalize("NFD", token.casefold())
    return "".join(sign for sign in apart if not unicodedata.combining(sign))
