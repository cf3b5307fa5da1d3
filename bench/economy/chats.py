"""The group chats, and in each of them the member whose part the agent plays.

That is who answered most. A reply was wanted where this member gave one.
"""

from collections import Counter
from collections.abc import Iterator
from functools import cached_property
from itertools import groupby
from pathlib import Path

from llm.lab import group_chats
from llm.lab.group_chats import FOLDER, Said


class Chat(group_chats.Chat):
    @cached_property
    def agent(self) -> str:
        answered = Counter(
            said.sender
            for said in self.everything
            if any(
                self.writers.get(n, said.sender) != said.sender
                for n in said.answers or ()
            )
        )
        return answered.most_common(1)[0][0]

    @property
    def past(self) -> list[Said]:
        return [said for said in self.everything if said.answers is None]

    @property
    def messages(self) -> list[Said]:
        """What reaches the agent: all of the annotated part that it did not say itself."""
        return [said for said in self.annotated if said.sender != self.agent]

    @cached_property
    def replies(self) -> dict[int, list[str]]:
        """What the agent's part said to which message."""
        found: dict[int, list[str]] = {said.n: [] for said in self.messages}
        for said in self.everything:
            if said.sender == self.agent:
                for n in (said.answers or frozenset()) & found.keys():
                    found[n].append(said.text)
        return {n: texts for n, texts in found.items() if texts}

    @property
    def hours(self) -> float:
        return (self.messages[-1].at - self.messages[0].at) / 3600


def load(name: str, folder: Path = FOLDER) -> Chat:
    chat = Chat.load(folder / f"{name}.jsonl")
    return Chat(name, list(_spread(chat.everything)))


def names(folder: Path = FOLDER) -> list[str]:
    return sorted(path.stem for path in folder.glob("*.jsonl"))


def _spread(everything: list[Said]) -> Iterator[Said]:
    """Where only the minute is known, its messages are put evenly into it."""
    if any(said.at % 60 for said in everything):
        yield from everything
        return
    for minute, group in groupby(everything, key=lambda said: said.at):
        together = list(group)
        for n, said in enumerate(together):
            at = minute + 60 * (n + 0.5) / len(together)
            yield Said(said.n, at, said.sender, said.text, said.answers)
