"""Real group chats in which people annotated who answered what, as a test of step 1.

One member at a time is taken for the assistant. A reply was wanted after a message
where this member gave one.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Self

from llm.transcript import Line

FOLDER = Path(__file__).parents[2] / "bench" / "group_chat"
WINDOW = 20
MEMBERS = 4  # of each chat: those who write most
FEWEST_LINES = 10
FEWEST_REPLIES = 5
# The answers to the last messages would be outside the chat.
DROPPED = 15
_DAY = datetime(2026, 1, 5, tzinfo=UTC)

# The corpus's own development and test files; the others are of other communities.
PARTS = {
    "dev": [
        "2004-11-15_03",
        "2005-06-27_12",
        "2005-08-08_01",
        "2008-12-11_11",
        "2009-02-23_10",
        "2009-03-03_10",
        "2009-10-01_17",
        "2011-05-29_19",
        "2011-11-13_02",
        "2016-12-19_20",
    ],
    "test": [
        "2005-07-06_14",
        "2007-01-11_12",
        "2007-12-01_03",
        "2008-07-14_18",
        "2010-08-17_18",
        "2013-09-01_02",
        "2014-06-18_13",
        "2015-03-18_05",
        "2016-02-22_17",
        "2016-06-08_07",
    ],
    "rust": ["rust_0", "rust_1", "rust_2"],
    "mediawiki": ["mediawiki_0", "mediawiki_1", "mediawiki_2"],
}
PARTS["unseen"] = PARTS["rust"] + PARTS["mediawiki"]


@dataclass(frozen=True)
class Said:
    n: int
    at: float  # seconds since the first day's midnight
    sender: str
    text: str
    answers: frozenset[int] | None = None  # None before the annotated part


@dataclass(frozen=True)
class Chat:
    name: str
    everything: list[Said]

    @cached_property
    def annotated(self) -> list[Said]:
        return [said for said in self.everything if said.answers is not None]

    @cached_property
    def names(self) -> frozenset[str]:
        return frozenset(said.sender.lower() for said in self.everything)

    @cached_property
    def writers(self) -> dict[int, str]:
        return {said.n: said.sender for said in self.everything}

    @classmethod
    def load(cls, path: Path) -> Self:
        lines = path.read_text().splitlines()
        return cls(path.stem, [_said(line) for line in lines])

    def members(self, most: int | None = MEMBERS) -> list[str]:
        """Who takes part enough to stand for the assistant."""
        lines = Counter(said.sender for said in self.annotated)
        replies = Counter(
            said.sender
            for said in self.annotated
            for n in said.answers
            if self.writers.get(n, said.sender) != said.sender
        )
        active = [
            member
            for member, count in lines.most_common()
            if count >= FEWEST_LINES and replies[member] >= FEWEST_REPLIES
        ]
        return active[:most]

    def examples(self, member: str) -> Iterator["Example"]:
        """Each message of somebody else while the member is around."""
        own = [said for said in self.annotated if said.sender == member]
        answered = frozenset().union(*(said.answers for said in own))
        last = min(own[-1].n, self.annotated[-DROPPED - 1].n)
        for position, said in enumerate(self.everything):
            is_around = own[0].n < said.n <= last and said.answers is not None
            if is_around and said.sender != member:
                yield Example(self, position, member, said.n in answered)


@dataclass(frozen=True)
class Example:
    chat: Chat
    position: int
    member: str
    wanted: bool

    @property
    def said(self) -> Said:
        return self.chat.everything[self.position]

    @property
    def before(self) -> list[Said]:
        """What the window holds besides the message itself."""
        start = max(self.position - WINDOW + 1, 0)
        return self.chat.everything[start : self.position]

    @property
    def lines(self) -> list[Line]:
        """The window as the agent would be shown it: no line tells what it answers."""
        return [
            self._line(n, said) for n, said in enumerate([*self.before, self.said], 1)
        ]

    @property
    def judged(self) -> list[int]:
        return [len(self.before) + 1]

    def _line(self, n: int, said: Said) -> Line:
        is_agent = said.sender == self.member
        return Line(
            n=n,
            at=_DAY + timedelta(seconds=said.at),
            sender=said.sender,
            sender_id=said.sender,
            is_agent=is_agent,
            text=said.text,
            to_us=not is_agent and is_named(said.text, self.member),
        )


def examples(
    folder: Path, names: list[str], most: int | None = MEMBERS
) -> list[Example]:
    """Of the chats with these names, grouped by chat and member."""
    return [
        example
        for name in names
        for chat in [Chat.load(folder / f"{name}.jsonl")]
        for member in chat.members(most)
        for example in chat.examples(member)
    ]


def is_named(text: str, name: str) -> bool:
    return bool(_word(name).search(text))


@lru_cache(maxsize=4096)
def _word(name: str) -> re.Pattern:
    return re.compile(rf"(?<!\w){re.escape(name)}(?!\w)", re.I)


def _said(line: str) -> Said:
    found = json.loads(line)
    answers = found.get("answers")
    return Said(
        found["n"],
        found["at"],
        found["sender"],
        found["text"],
        None if answers is None else frozenset(answers),
    )
