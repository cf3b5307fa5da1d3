"""Which passages fit what is asked.

The database's index finds those that hold one of the rarer words; they are ranked here, by
BM25, since neither database does it well for a few texts: SQLite's gives a word that stands
in half of all passages no weight at all, PostgreSQL's knows nothing of rarity. A passage
must hold a fair share of what the words of the question tell, or it is not given.

Strangers wrote the question. Only letters and digits of it reach the index, each word
quoted, and no more of them than `MOST_FORMS`.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import log
from typing import Any

from django.db import connection

from conversations.knowledge.words import stem, whole_words
from conversations.search import IDEOGRAPH

MOST_WORDS = 60
MOST_FORMS = 12
CANDIDATES = 30
# The share of the question's weight that a passage must hold. See docs/knowledge.md.
FLOOR = 0.35
# A question with fewer words is read in the light of what was said before.
SHORT = 4
FEW = 50
FULL = 5  # letters of a word that tells all that its rarity says
BEFORE_WEIGHT, STEM_WEIGHT = 0.4, 0.6
# BM25's own: how soon more of the same tells nothing more, and how much length counts.
_SOON, _LENGTH, _USUAL = 1.2, 0.5, 130

# A text is in force unless one for fewer conversations has the same title.
_HERE = """{0}.is_on AND {0}.instance IN ('', %(instance)s)
    AND ({0}.conversation_id IS NULL OR {0}.conversation_id = %(conversation)s)"""
IN_FORCE = f"""{_HERE.format("t")} AND NOT EXISTS (
    SELECT 1 FROM conversations_knowledgetext n
    WHERE n.title_key = t.title_key AND n.reach > t.reach AND {_HERE.format("n")}
)"""
_WORDS = "conversations_knowledge_words"
_VERSIONS = f"""
    SELECT v.id FROM conversations_knowledgeversion v
    JOIN conversations_knowledgetext t ON t.id = v.text_id
    WHERE t.use = 'searched' AND {IN_FORCE}"""
_SQLITE = f"""
    SELECT p.id, bm25({_WORDS}) AS rank
    FROM {_WORDS} CROSS JOIN conversations_knowledgepassage p ON p.id = {_WORDS}.rowid
    WHERE {_WORDS} MATCH %(words)s AND p.version_id IN ({_VERSIONS})"""
# Materialized, or a planner without statistics goes through all passages of each text.
_POSTGRESQL = f"""
    WITH hits AS MATERIALIZED (
        SELECT p.id, p.version_id, -ts_rank(p.lexemes, %(words)s::tsquery) AS rank
        FROM conversations_knowledgepassage p
        WHERE p.is_current AND p.lexemes @@ %(words)s::tsquery
    )
    SELECT p.id, p.rank FROM hits p WHERE p.version_id IN ({_VERSIONS})"""
_BEST = """
    SELECT p.id, p.number, p.heading, p.text, v.id, v.number, v.title, p.words
    FROM ({} ORDER BY rank, p.id LIMIT {}) best
    JOIN conversations_knowledgepassage p ON p.id = best.id
    JOIN conversations_knowledgeversion v ON v.id = p.version_id"""
_COUNT = "SELECT count(*) FROM conversations_knowledgepassage WHERE is_current"
_SQLITE_HOLDING = (
    "SELECT term, doc FROM conversations_knowledge_vocabulary WHERE term IN ({})"
)
_POSTGRESQL_HOLDING = """
    SELECT word, (
        SELECT count(*) FROM conversations_knowledgepassage p
        WHERE p.is_current AND p.lexemes @@ ('''' || word || '''')::tsquery
    ) FROM unnest(%s::text[]) AS word"""


@dataclass(frozen=True)
class Found:
    passage_id: int
    number: int
    heading: str
    text: str
    version_id: int
    version: int
    title: str
    score: float
    share: float  # of the question's weight

    @property
    def percent(self) -> int:
        return round(100 * self.share)


@dataclass(frozen=True)
class Place:
    """Where it is asked."""

    instance: str
    conversation: int

    @property
    def values(self) -> dict:
        return {"instance": self.instance, "conversation": self.conversation}


@dataclass(frozen=True)
class Term:
    """A word of the question, which a passage may hold in another form."""

    forms: tuple[tuple[str, float], ...]  # those that are held, and what each tells
    most: float  # what it tells to find the word itself

    def in_(self, counts: Mapping[str, int]) -> tuple[float, int]:
        """What it tells that a passage holds it so, and how often it does."""
        for form, value in self.forms:
            if count := counts.get(form):
                return value, count
        return 0, 0


def find(question: str, before: Iterable[str], place: Place) -> list[Found]:
    """The passages that fit, the best first. `before`: what was said last."""
    weights = _weights(question, before)
    if not weights:
        return []
    with connection.cursor() as cursor:
        held = _holding(cursor, {form for word in weights for form in _forms(word)})
        if not held:
            return []
        cursor.execute(_COUNT)
        (total,) = cursor.fetchone()
        asked = [_term(word, weight, held, total) for word, weight in weights.items()]
        asked.sort(key=lambda term: -term.most)
        known = [form for term in asked for form, _value in term.forms]
        # Where there are many, what half of them hold finds no few of them.
        rare = [form for form in known if held[form] <= max(FEW, total / 10)]
        rows = _candidates(cursor, (rare or known)[:MOST_FORMS], place)
    most = sum(term.most for term in asked)
    near = [one for row in rows if (one := _ranked(row, asked, most)).share >= FLOOR]
    return sorted(near, key=lambda one: (-one.score, one.passage_id))


def within(found: Iterable[Found], most: int, characters: int) -> list[Found]:
    """The best of them that there is room for."""
    kept: list[Found] = []
    for one in found:
        if len(kept) < most and len(one.text) <= characters:
            kept.append(one)
            characters -= len(one.text)
    return kept


def rarity(count: int, total: int) -> float:
    """What it tells that a passage holds a word which so many of them hold.

    A few texts are too few to learn it from: then as if there were more of them.
    """
    total, count = max(total, FEW), max(count, 1)
    return log(1 + (total - count + 0.5) / (count + 0.5))


def _substance(word: str) -> float:
    """The words that say nothing are short, in any language that has an alphabet."""
    if word.isdecimal() or IDEOGRAPH.search(word):
        return 1
    return min(1, len(word) / FULL) ** 2


def _weights(question: str, before: Iterable[str]) -> dict[str, float]:
    asked = whole_words(question)
    weights = dict.fromkeys(asked[:MOST_WORDS], 1.0)
    if len(asked) <= SHORT:
        said = [word for text in before for word in whole_words(text)]
        weights = dict.fromkeys(said[-MOST_WORDS:], BEFORE_WEIGHT) | weights
    return weights


def _forms(word: str) -> list[str]:
    return [form for form in (word, stem(word)) if form]


def _term(word: str, weight: float, held: Mapping[str, int], total: int) -> Term:
    weight *= _substance(word)
    shares = zip(_forms(word), (1, STEM_WEIGHT), strict=False)
    return Term(
        forms=tuple(
            (form, weight * share * rarity(held[form], total))
            for form, share in shares
            if form in held
        ),
        most=weight * rarity(held.get(word, 0), total),
    )


def _candidates(cursor: Any, forms: list[str], place: Place) -> list[tuple]:
    is_sqlite = connection.vendor == "sqlite"
    quote, either = ('"', " OR ") if is_sqlite else ("'", " | ")
    query = either.join(f"{quote}{form}{quote}" for form in forms)
    sql = _BEST.format(_SQLITE if is_sqlite else _POSTGRESQL, CANDIDATES)
    cursor.execute(sql, place.values | {"words": query})
    return cursor.fetchall()


def _holding(cursor: Any, forms: set[str]) -> dict[str, int]:
    """How many passages hold each of those that any of them holds."""
    asked = sorted(forms)
    if connection.vendor == "sqlite":
        cursor.execute(_SQLITE_HOLDING.format(", ".join(["%s"] * len(asked))), asked)
    else:
        cursor.execute(_POSTGRESQL_HOLDING, [asked])
    return {form: count for form, count in cursor.fetchall() if count}


def _ranked(row: tuple, asked: list[Term], most: float) -> Found:
    *told, words = row
    counts = Counter(words.split())
    long = 1 - _LENGTH + _LENGTH * counts.total() / _USUAL
    score = held = 0.0
    for term in asked:
        value, often = term.in_(counts)
        score += value * often * (_SOON + 1) / (often + _SOON * long)
        held += value
    return Found(*told, score, held / most)
