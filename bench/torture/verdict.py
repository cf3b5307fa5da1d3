"""What was found to be wrong, by its kind, with some examples of each."""

from collections import Counter
from dataclasses import dataclass, field

SHOWN = 5  # of each kind


@dataclass
class Verdict:
    violations: Counter[str] = field(default_factory=Counter)
    examples: list[str] = field(default_factory=list)
    outcomes: Counter[str] = field(default_factory=Counter)
    files: Counter[str] = field(default_factory=Counter)

    def add(self, kind: str, example: str) -> None:
        self.violations[kind] += 1
        if self.violations[kind] <= SHOWN:
            self.examples.append(f"{kind}: {example}")

    def __bool__(self) -> bool:
        return not self.violations
