"""A text in passages: cut at headings, then between paragraphs, lines and sentences.

They do not overlap: each says under which headings it stands, which a repeated sentence
would not, and no sentence is told twice.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

LENGTH = 800
LONGEST_HEADING = 300
_HEADING = re.compile(r"^(#{1,6})[ \t]+(.+?)[ \t#]*$", re.M)
# Where a text that is too long is cut, the best place first.
_ENDS = (r"\n\s*\n", r"\n", r"(?<=[.!?])\s+|(?<=[。！？])", r"\s+")


@dataclass(frozen=True)
class Passage:
    heading: str
    text: str


def passages(body: str) -> list[Passage]:
    return [
        Passage(heading, part)
        for heading, section in _sections(body)
        for part in _cut(section.strip(), _ENDS)
    ]


def _sections(body: str) -> Iterator[tuple[str, str]]:
    """What stands under each heading, with the headings over it."""
    path: dict[int, str] = {}
    at = 0
    for found in _HEADING.finditer(body):
        yield _joined(path), body[at : found.start()]
        level = len(found[1])
        path = {n: title for n, title in path.items() if n < level} | {level: found[2]}
        at = found.end()
    yield _joined(path), body[at:]


def _joined(path: dict[int, str]) -> str:
    return " › ".join(path.values())[:LONGEST_HEADING]


def _cut(text: str, ends: tuple[str, ...]) -> list[str]:
    """Parts of at most LENGTH characters, as few as these ends allow."""
    if len(text) <= LENGTH:
        return [text] if text else []
    if not ends:
        return [text[at : at + LENGTH] for at in range(0, len(text), LENGTH)]
    found: list[str] = []
    start = end = 0
    for piece_start, piece_end in _pieces(text, ends[0]):
        if piece_end - start > LENGTH:
            found += _cut(text[start:end].strip(), ends[1:])
            start = piece_start
        end = piece_end
    return [*found, *_cut(text[start:end].strip(), ends[1:])]


def _pieces(text: str, end: str) -> Iterator[tuple[int, int]]:
    start = 0
    for divider in re.finditer(end, text):
        if divider.start() > start:
            yield start, divider.start()
            start = divider.end()
    if start < len(text):
        yield start, len(text)
