"""The versions of a text, each as its difference to the one before."""

from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher

from conversations.models import KnowledgeText, KnowledgeVersion

SHOWN = 30
# Lines beside a difference that say where it is.
AROUND = 1
# To compare longer texts line by line takes too long.
LONGEST = 4_000


@dataclass(frozen=True)
class Line:
    kind: str  # "old", "new", "same" or "skipped"
    text: str


@dataclass(frozen=True)
class Change:
    version: KnowledgeVersion
    before: KnowledgeVersion | None
    is_last: bool

    @property
    def lines(self) -> Iterator[Line]:
        old = _lines(self.before) if self.before else []
        new = _lines(self.version)
        if max(len(old), len(new)) > LONGEST:
            return
        matcher = SequenceMatcher(None, old, new, autojunk=False)
        for number, group in enumerate(matcher.get_grouped_opcodes(AROUND)):
            if number:
                yield Line("skipped", "⋯")
            for kind, i1, i2, j1, j2 in group:
                if kind == "equal":
                    yield from (Line("same", text) for text in old[i1:i2])
                else:
                    yield from (Line("old", text) for text in old[i1:i2])
                    yield from (Line("new", text) for text in new[j1:j2])


def changes(text: KnowledgeText) -> list[Change]:
    """The latest first."""
    rows = text.versions.select_related("staff", "restores").order_by("-number")
    found = list(rows[: SHOWN + 1])
    befores = [*found[1:], None]
    pairs = list(zip(found, befores, strict=True))[:SHOWN]
    return [Change(one, before, one == found[0]) for one, before in pairs]


def _lines(version: KnowledgeVersion) -> list[str]:
    return [f"# {version.title}", *version.body.splitlines()]
