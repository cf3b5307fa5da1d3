"""What the operator wrote down, as plain values that a prompt is made of."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Text:
    """Given whole, with every reply."""

    title: str
    text: str


@dataclass(frozen=True)
class Passage:
    """Found for these messages."""

    title: str
    heading: str
    text: str


@dataclass(frozen=True)
class Knowledge:
    texts: tuple[Text, ...] = ()
    passages: tuple[Passage, ...] = ()
    # Whether there is anything to find: then the prompt tells how to take it, also where
    # nothing was found, so that it stays the same from one reply to the next.
    is_searched: bool = False

    def __bool__(self) -> bool:
        return bool(self.texts) or self.is_searched


NOTHING = Knowledge()
