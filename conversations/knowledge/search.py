"""Which passages fit what is asked.

The database's index finds those that hold one of the rarer words; they are ranked here, by
BM25, since neither database does it well for a few texts: SQLite's gives a word that stands
in half of all passages no weight at all, PostgreSQL's knows nothing of rarity. A passage
must hold a fair share of what the words of the question tell, or it is not given.

Strangers wrote the question. Only letters and digits of it reach the index, each word
quoted, and no more of them than `MOST_WORDS`.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from math import log

from django.db import connection

from conversations.knowledge.words import STEM, stem, words
from conversations.search import IDEOGRAPH

MOST_WORDS = 16
CANDIDATES = 60
# The share of the question's weight that a passage must hold. See docs/knowledge.md.
FLOOR = 0.2
# A question with fewer words is read in the light of what was said before.
SHORT = 4
FEW = 50
BEFORE_WEIGHT, STEM_WEIGHT = 0.4, 0.5
# BM25's own: how soon more of the same tells nothing more, and how much length counts.
_SOON, _LENGTH, _USUAL = 1.2, 0.5, 130

# A text is in force unless one for fewer conversations has the same title.
_HERE = """{0}.is_on AND {0}.instance IN ('', %(instance)s)
    AND ({0}.conversation_id IS NULL OR {0}.conversation_id = %(conversation)s)"""
IN_FORCE = f"""{_HERE.format("t")} AND NOT EXISTS (
    SELECT 1 FROM conversations_knowledgetext n
    WHERE n.title_key = t.title_key AND n.reach > t.reach AND {_HERE.format("n")}
)"""
_COLUMNS = """p.id, p.number, p.heading, p.text, p.words, v.id, v.number, t.title"""
_JOINED = f"""
    JOIN conversations_knowledgeversion v ON v.id = p.version_id
    JOIN conversations_knowledgetext t ON t.id = v.text_id
    WHERE t.use = 'searched' AND {IN_FORCE}"""
_SQLITE = f"""
    SELECT {_COLUMNS} FROM conversations_knowledge_words w
    JOIN conversations_knowledgepassage p ON p.id = w.rowid {_JOINED}
    AND conversations_knowledge_words MATCH %(words)s
    ORDER BY bm25(conversations_knowledge_words), p.id LIMIT {CANDIDATES}"""
_TSVECTOR = "array_to_tsvector(string_to_array(p.words, ' '))"
_POSTGRESQL = f"""
    SELECT {_COLUMNS} FROM conversations_knowledgepassage p {_JOINED}
    AND p.is_current AND {_TSVECTOR} @@ %(words)s::tsquery
    ORDER BY ts_rank({_TSVECTOR}, %(words)s::tsquery) DESC, p.id LIMIT {CANDIDATES}"""
_COUNT = "SELECT count(*) FROM conversations_knowledgepassage WHERE is_current"
_SQLITE_HOLDING = (
    "SELECT term, doc FROM conversations_knowledge_vocabulary WHERE term IN ({})"
)
_POSTGRESQL_HOLDING = f"""
    SELECT word, (
        SELECT count(*) FROM conversations_knowledgepassage p
        WHERE p.is_current AND {_TSVECTOR} @@ ('''' || word || '''')::tsquery
    ) FROM unnest(%s::text[]) AS word"""


@dataclass(frozen=True)
class Found:
    passage_id: int
    number: int
    heading: str
    text: str
    words: str
    version_id: int
    version: int
    title: str
    score: float = 0
    share: float = 0  # of the question's weight

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


def find(question: str, before: Iterable[str], place: Place) -> list[Found]:
    """The passages that fit, the best first. `before`: what was said last."""
    weights = _weights(question, before)
    if not weights:
        return []
    with connection.cursor() as cursor:
        holding, total = _holding(cursor, list(weights))
        telling = {
            word: weight * rarity(holding.get(word, 0), total) * _substance(word)
            for word, weight in weights.items()
        }
        rare = sorted(holding.keys() & weights, key=lambda word: -telling[word])
        asked = rare[:MOST_WORDS]
        if not asked:
            return []
        rows = _candidates(cursor, asked, place)
    found = [_ranked(Found(*row), telling) for row in rows]
    near = [one for one in found if one.share >= FLOOR]
    return sorted(near, key=lambda one: (-one.score, one.passage_id))


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
    return min(1, len(word) / STEM) ** 2


def within(found: Iterable[Found], most: int, characters: int) -> list[Found]:
    """The best of them that there is room for."""
    kept: list[Found] = []
    for one in found:
        if len(kept) < most and len(one.text) <= characters:
            kept.append(one)
            characters -= len(one.text)
    return kept


def _weights(question: str, before: Iterable[str]) -> dict[str, float]:
    asked = words(question)
    weights = dict.fromkeys(asked, 1.0)
    if sum(not _is_stem(asked, n) for n in range(len(asked))) <= SHORT:
        for text in before:
            for word in words(text):
                weights.setdefault(word, BEFORE_WEIGHT)
    stems = {stem(word) for word in weights}
    return {
        word: weight * (STEM_WEIGHT if word in stems else 1)
        for word, weight in weights.items()
    }


def _is_stem(asked: list[str], n: int) -> bool:
    return n > 0 and stem(asked[n - 1]) == asked[n]


def _candidates(cursor, asked: list[str], place: Place) -> list[tuple]:
    is_sqlite = connection.vendor == "sqlite"
    quote, either = ('"', " OR ") if is_sqlite else ("'", " | ")
    query = either.join(f"{quote}{word}{quote}" for word in asked)
    sql = _SQLITE if is_sqlite else _POSTGRESQL
    cursor.execute(sql, place.values | {"words": query})
    return cursor.fetchall()


def _holding(cursor, asked: list[str]) -> tuple[dict[str, int], int]:
    """How many passages hold each word that any of them holds, and how many there are."""
    asked = asked[:400]
    if connection.vendor == "sqlite":
        cursor.execute(_SQLITE_HOLDING.format(", ".join(["%s"] * len(asked))), asked)
    else:
        cursor.execute(_POSTGRESQL_HOLDING, [asked])
    holding = {word: count for word, count in cursor.fetchall() if count}
    cursor.execute(_COUNT)
    return holding, cursor.fetchone()[0]


def _ranked(found: Found, telling: dict[str, float]) -> Found:
    counts = Counter(found.words.split())
    long = 1 - _LENGTH + _LENGTH * counts.total() / _USUAL
    held = telling.keys() & counts
    score = sum(
        telling[word] * counts[word] * (_SOON + 1) / (counts[word] + _SOON * long)
        for word in held
    )
    share = sum(telling[word] for word in held) / sum(telling.values())
    values = {**found.__dict__, "score": score, "share": share}
    return Found(**values)
