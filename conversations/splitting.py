"""Split a reply into parts that WhatsApp takes."""

import regex

# What WhatsApp takes in one message, in UTF-16 code units, as it counts them.
LIMIT = 4096

# Not before what belongs to the character in front of it.
_NO_CUT = r"(?![\p{GCB=Extend}\p{GCB=ZWJ}\p{GCB=SpacingMark}])"
# Where to cut, best first: after a paragraph, a line, a sentence, a word, a grapheme.
_BREAKS = [
    regex.compile(pattern)
    for pattern in (
        r"\n\s*\n",
        r"\n",
        rf"(?:(?<=[.!?…])\s+|(?<=[。！？]\p{{GCB=Extend}}*)){_NO_CUT}",
        rf"\s+{_NO_CUT}",
    )
]
_GRAPHEME = regex.compile(r"\X")


def units(text: str) -> int:
    """The length in UTF-16 code units."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def split(text: str, limit: int = LIMIT) -> list[str]:
    """Parts within the limit, none of them blank; never cut inside a grapheme."""
    parts = []
    rest = text.strip()
    while units(rest) > limit:
        head = _head(rest, limit)
        cut = _cut(rest, head)
        parts.append(rest[:cut].rstrip())
        rest = rest[cut:].lstrip()
    return [part for part in [*parts, rest] if part]


def _head(text: str, limit: int) -> int:
    """How many characters of whole graphemes fit; at least one grapheme's first ones."""
    size = 0
    for grapheme in _GRAPHEME.finditer(text):
        size += units(grapheme[0])
        if size > limit:
            return grapheme.start() or _characters(grapheme[0], limit)
    return len(text)


def _characters(grapheme: str, limit: int) -> int:
    """A single grapheme over the limit (thousands of accents) is cut by characters."""
    size = 0
    for index, character in enumerate(grapheme):
        size += units(character)
        if size > limit:
            return index or 1
    return len(grapheme)


def _cut(text: str, head: int) -> int:
    """The last good break in the head, unless it would leave a part nearly empty."""
    for pattern in _BREAKS:
        ends = [
            match.end()
            for match in pattern.finditer(text, 0, head + 1)
            if match.end() <= head
        ]
        if ends and ends[-1] >= head // 4:
            return ends[-1]
    return head
