"""What a replay came to, counted."""

from collections import Counter
from dataclasses import dataclass, field


@dataclass
class Tally:
    """Of one chat, or of several added up."""

    messages: int = 0
    hours: float = 0.0
    judged: int = 0  # calls of step 1
    written: int = 0  # calls of step 2
    sent: int = 0
    uncalled_for: int = 0  # of those sent: the agent's part said nothing there
    wanted: int = 0  # messages that the agent's part answered
    answered: int = 0  # of those
    unjudged: Counter[str] = field(default_factory=Counter)  # messages, by what saved
    missed: Counter[str] = field(default_factory=Counter)  # wanted ones, by reason

    @property
    def calls(self) -> int:
        return self.judged + self.written

    @property
    def calls_of_each(self) -> int:
        """Judging every message, and answering those that want it."""
        return self.messages + self.wanted

    @property
    def saved(self) -> float:
        return 1 - self.calls / self.calls_of_each

    def per_hundred(self, calls: int) -> float:
        return 100 * calls / self.messages

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(
            **{name: mine + getattr(other, name) for name, mine in vars(self).items()}
        )
