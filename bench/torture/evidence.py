"""What a run leaves to be judged by: the stand-ins' own logs, and our database."""

from collections import Counter, defaultdict
from dataclasses import dataclass
from functools import cached_property

from bench.torture.faulty import FaultyBridge, FaultyModel
from bench.torture.plot import TOKEN, Conversation, Line
from bench.torture.traffic import Traffic
from conversations.models import Message
from evolution.sandbox.world import Message as Seen


@dataclass(frozen=True)
class Reply:
    """A text of the agent as people saw it."""

    id: str
    text: str
    asked_at: float

    @cached_property
    def answers(self) -> list[tuple[int, int]]:
        """The messages that it names, and which wording of each."""
        found = TOKEN.findall(self.text)
        return [(int(number), int(version or 1)) for _, number, version in found]


@dataclass(frozen=True)
class Evidence:
    bridge: FaultyBridge
    plot: list[Conversation]
    traffic: Traffic
    model: FaultyModel

    @cached_property
    def rows(self) -> dict[str, list[Message]]:
        """The inbound messages that we stored, by their tokens."""
        tokens = {seen.id: token for token, seen in self.traffic.messages.items()}
        rows = defaultdict(list)
        for row in Message.objects.filter(direction="in"):
            rows[tokens[row.whatsapp_id]].append(row)
        return rows

    def row(self, line: Line) -> Message | None:
        return next(iter(self.rows.get(line.token, [])), None)

    def outcome(self, line: Line) -> str:
        row = self.row(line)
        return row.outcome if row else ""

    def seen(self, line: Line) -> Seen:
        """The message as the bridge has it."""
        return self.traffic.messages[line.token]

    def replies(self, conversation: Conversation) -> list[Reply]:
        return [
            Reply(one.id, said["conversation"], self.bridge.asked_at[one.id])
            for one in self.bridge.replies(conversation.chat)
            if "conversation" in (said := one.data["message"])
        ]

    def is_hidden(self, line: Line) -> bool:
        """Whether the model may have had nothing of it to read."""
        return self.seen(line).deleted or self.is_unheard(line)

    def is_unheard(self, line: Line) -> bool:
        return line.token in self.model.spoilt["transcription"]

    def is_misjudged(self, line: Line) -> bool:
        return line.token in self.model.spoilt["relevance"]

    def last_change(self, line: Line, before: float) -> int:
        """The last wording that was acknowledged before then."""
        versions = range(1, self.traffic.versions[line.token] + 2)
        at = {n: self.traffic.acked_at.get(f"{line.token}-v{n}") for n in versions}
        return max((n for n in versions if at[n] and at[n] < before), default=1)

    def was_deleted(self, line: Line, before: float) -> bool:
        at = self.traffic.acked_at.get(f"{line.token} deleted")
        return at is not None and at < before

    @cached_property
    def kinds(self) -> Counter[str]:
        return Counter(line.kind for one in self.plot for line in one.lines)

    @cached_property
    def changes(self) -> Counter[str]:
        deleted = [one.deleted for one in self.traffic.messages.values()]
        return Counter(
            edits=self.traffic.versions.total(),
            deletions=deleted.count(True),
            replies=len(self.traffic.mended),
        )
