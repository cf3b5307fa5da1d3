"""What the chat up to a burst shows: who wrote it, to whom, and who talks with whom."""

from dataclasses import dataclass
from functools import cached_property

from llm.providers.scripted.language import is_called, is_named
from llm.transcript import Line


@dataclass(frozen=True)
class Moment:
    lines: list[Line]
    burst: list[Line]
    names: list[str]  # ours

    @cached_property
    def text(self) -> str:
        return "\n".join(line.text for line in self.burst if not line.is_deleted)

    @cached_property
    def before(self) -> list[Line]:
        return [line for line in self.lines if line.n < self.burst[0].n]

    @cached_property
    def after(self) -> list[Line]:
        return [line for line in self.lines if line.n > self.burst[-1].n]

    @property
    def sender(self) -> str:
        return self.burst[0].sender_id

    @cached_property
    def others(self) -> dict[str, str]:
        """The other members by id."""
        return {
            line.sender_id: line.sender
            for line in self.lines
            if not line.is_agent and line.sender_id != self.sender
        }

    @cached_property
    def is_for_another(self) -> bool:
        return not any(map(self.calls_us, self.burst)) and any(
            map(self.calls_another, self.burst)
        )

    @cached_property
    def _by_number(self) -> dict[int, Line]:
        return {line.n: line for line in self.lines}

    def calls_us(self, line: Line) -> bool:
        quoted = self._by_number.get(line.reply_to)
        return line.to_us or bool(quoted and quoted.is_agent) or self.names_us(line)

    def names_us(self, line: Line) -> bool:
        return any(is_named(line.text, name) for name in self.names)

    def calls_sender(self, line: Line) -> bool:
        quoted = self._by_number.get(line.reply_to)
        if quoted:
            return quoted.sender_id == self.sender and not quoted.is_agent
        return is_called(line.text, self.burst[0].sender)

    def calls_another(self, line: Line) -> bool:
        quoted = self._by_number.get(line.reply_to)
        if quoted and not quoted.is_agent and quoted.sender_id != line.sender_id:
            return True
        return any(
            is_called(line.text, name)
            for key, name in self.others.items()
            if key != line.sender_id
        )

    @cached_property
    def to_sender(self) -> int:
        """How many lines ago we last spoke to this member, 0 if we did not.

        By name, by reply, or right after a line of theirs and to nobody else.
        """
        followed = [None, *self.before]
        found = [
            line
            for previous, line in zip(followed, self.before, strict=False)
            if line.is_agent
            and (self.calls_sender(line) or self._follows(line, previous))
        ]
        return self._ago(found)

    @cached_property
    def since_ours(self) -> int:
        """How many lines ago we last spoke to anybody, 0 if we did not."""
        return self._ago([line for line in self.before if line.is_agent])

    @property
    def is_new_voice(self) -> bool:
        return not any(self._is_theirs(line) for line in self.before)

    def _follows(self, line: Line, previous: Line | None) -> bool:
        return (
            previous is not None
            and self._is_theirs(previous)
            and line.reply_to is None
            and not self.calls_another(line)
        )

    def _is_theirs(self, line: Line) -> bool:
        return line.sender_id == self.sender and not line.is_agent

    def _ago(self, found: list[Line]) -> int:
        if not found:
            return 0
        return sum(line.n >= found[-1].n for line in self.before)
