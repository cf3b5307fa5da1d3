"""The search in the operator's texts: does it find, and what does it take? `make bench-knowledge`.

Quality: this project's documents as texts, and questions about them. Time: a search among
more and more passages, beside reading all of them with LIKE for the same words. On SQLite,
or on the PostgreSQL that DATABASE_URL names, in a database that is gone afterwards.
"""

import argparse
import json
import os
import random
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import django

from bench.knowledge_questions import CHATTER, DEV, TEST

ROOT = Path(__file__).parents[1]
SIZES = (10, 1_000, 10_000)
SEARCHES = 40
LIKE = "SELECT id, text FROM conversations_knowledgepassage WHERE "


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m bench.knowledge", description=__doc__
    )
    parser.add_argument("--sizes", type=int, nargs="*", default=SIZES)
    sizes = parser.parse_args().sizes
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    django.setup()
    from django.db import connection

    connection.creation.create_test_db(verbosity=0, serialize=False)
    print(f"Database: {connection.vendor}")
    try:
        store_documents()
        for name, questions in (("dev", DEV), ("test", TEST)):
            print(f"{name}: {quality(questions)}")
        print(f"chatter: {sum(map(bool, map(answers, CHATTER)))} of {len(CHATTER)}")
        for size in sizes:
            print(_speed(size))
    finally:
        connection.creation.destroy_test_db(str(connection.settings_dict["NAME"]), 0)


def store_documents() -> None:
    for path in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]:
        if path.name != "knowledge.md":  # it tells these figures
            body = path.read_text()
            _store(body.splitlines()[0].strip("# "), body)


def answers(question: str) -> list[str]:
    from conversations.knowledge.search import Place, find

    found = find(question, (), Place("whatsapp-agent", 0))
    return [one.text for one in found]


def quality(questions: list[tuple[str, str]]) -> str:
    places = ranks(questions)
    first = sum(place == 0 for place in places)
    third = sum(place is not None and place < 3 for place in places)
    return (
        f"found first {first}, among the first three {third}, of {len(places)}; "
        f"missed: {[q for (q, _), p in zip(questions, places, strict=True) if p is None or p > 2]}"
    )


def ranks(questions: list[tuple[str, str]]) -> list[int | None]:
    return [_rank(question, words) for question, words in questions]


def _rank(question: str, words: str) -> int | None:
    told = (n for n, text in enumerate(answers(question)) if words in text)
    return next(told, None)


def _store(title: str, body: str) -> None:
    from conversations.knowledge import texts
    from conversations.models import KnowledgeText

    texts.save(KnowledgeText(title=title), body, None)


def _speed(size: int) -> str:
    from django.db import connection

    from conversations.models import KnowledgePassage, KnowledgeText

    KnowledgeText.objects.all().delete()
    rng = random.Random(1)
    said = _said()
    for number in range(max(1, size // 50)):
        parts = ["\n".join(rng.choices(said, k=9)) for _ in range(min(size, 50))]
        body = "\n\n".join(
            f"# Part {n}\n\n{part[:790]}" for n, part in enumerate(parts)
        )
        _store(f"Text {number}", body)
    count = KnowledgePassage.objects.count()
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")  # as autovacuum does
    asked = [line for line in rng.sample(said, SEARCHES * 3) if len(line) > 40]
    asked = asked[:SEARCHES]
    ours, scan = _median(answers, asked), _median(_scan, asked)
    return (
        f"{count} passages: {1000 * ours:.2f} ms a search, {1000 * scan:.2f} ms with"
        f" LIKE: {scan / ours:.1f} times as long"
    )


def _said() -> list[str]:
    """What people wrote in real group chats."""
    return list(_lines())


def _lines() -> Iterator[str]:
    for path in sorted((ROOT / "bench" / "group_chat").glob("*.jsonl")):
        for line in path.read_text().splitlines():
            if text := json.loads(line).get("text"):
                yield text


def _median(search: Callable, asked: list[str]) -> float:
    return statistics.median(_seconds(search, question) for question in asked)


def _seconds(search: Callable, question: str) -> float:
    started = time.perf_counter()
    search(question)
    return time.perf_counter() - started


def _scan(question: str) -> list:
    """What one would otherwise write: every passage that holds one of the words."""
    from django.db import connection

    words = [f"%{word}%" for word in question.split() if len(word) > 3][:16] or ["%a%"]
    with connection.cursor() as cursor:
        cursor.execute(LIKE + " OR ".join(["text LIKE %s"] * len(words)), words)
        rows = cursor.fetchall()
    parts = [word.strip("%").lower() for word in words]
    return sorted(rows, key=lambda row: -sum(part in row[1].lower() for part in parts))


if __name__ == "__main__":
    main()
