"""Who says what: conversations, bursts, and what has to become of each message."""

import random
import re
from dataclasses import dataclass, field

from tests.standins.bridge import StandIn

# A message, and which wording of it where it was edited.
TOKEN = re.compile(r"#(\d+)-(\d+)(?:-v(\d+))?")
# Of the messages in a group, those that are below the threshold.
CHATTER = 0.35
# Of the conversations, those in which a person steps in once, in one way or the other.
TAKEN_OVER = 0.1

# What `--mix` multiplies; at 0 everybody only ever writes texts.
# Of the conversations, those with an operator.
COMMANDED = 0.15
# Of the bursts there, those that are a command.
COMMANDS = 0.3
# Of the bursts, those that are a person's reaction.
REACTIONS = 0.1
# Of the bursts in groups, those that a reaction suffices for.
REACTED_TO = 0.12
# Of the messages.
CARRIED = {"voice": 0.1, "picture": 0.06, "document": 0.04}
EDITED, EDITED_TWICE, DELETED = 0.08, 0.03, 0.05
# Of the bursts, those after which staff edit or delete the agent's last reply.
MENDED = 0.08
# Of the texts, those that look like a command of somebody who may give none.
IMPOSTORS = 0.05

# When the webhook of a change is posted: among those of its burst, once these are
# acknowledged, or one burst later.
MOMENTS = ("among", "at once", "later")
ORDERS = ("/status", "/pause", "/pause 1m", "/resume", "/resume all", "/what")
STOP = "Assistant, be quiet"


@dataclass(frozen=True)
class Change:
    is_deletion: bool
    moment: str


@dataclass(frozen=True)
class Line:
    conversation: int
    number: int  # within the conversation, from 1
    burst: int
    sender: str
    p: int = 90
    # text, voice, picture, document; reaction; command, stop
    kind: str = "text"
    order: str = ""
    is_impostor: bool = False
    changes: tuple[Change, ...] = ()

    @property
    def token(self) -> str:
        return f"#{self.conversation}-{self.number}"

    @property
    def is_judged(self) -> bool:
        return self.kind in ("text", *CARRIED)

    @property
    def is_wanted(self) -> bool:
        return self.is_judged and self.p >= 60

    @property
    def text(self) -> str:
        return self.wording(1)

    def wording(self, version: int) -> str:
        """What it says, anew with each edit."""
        if self.order:
            return self.order
        token = self.token if version == 1 else f"{self.token}-v{version}"
        words = "Does anybody know" if self.is_wanted else "Never mind"
        words = "/pause" if self.is_impostor else words
        return f"{words} {token} p={self.p}"

    @property
    def outcome(self) -> str:
        """What has to become of it, if nobody steps in."""
        if not self.is_judged:
            return {"reaction": "filtered", "stop": "stopped"}.get(self.kind, self.kind)
        return {90: "replied", 50: "reacted"}.get(self.p, "below_threshold")


@dataclass(frozen=True)
class Conversation:
    number: int
    chat: str
    group: str  # "" for a direct chat
    bursts: list[list[Line]]
    # After this burst a person of ours writes, "by hand" or "on the phone".
    person_after: int = -1
    person: str = ""
    operator: str = ""  # who commands here
    # The bursts after which staff change what the agent said: the new text's end, or
    # nothing for a deletion.
    mended_after: dict[int, str] = field(default_factory=dict)

    @property
    def person_text(self) -> str:
        return f"A person {self.person} in !{self.number}"

    @property
    def lines(self) -> list[Line]:
        return [line for burst in self.bursts for line in burst]


def write_plot(
    bridge: StandIn,
    conversations: int,
    messages: int,
    rnd: random.Random,
    mix: float = 1,
) -> list[Conversation]:
    return [
        _Author(bridge, number, rnd, mix).write(messages)
        for number in range(conversations)
    ]


class _Author:
    """Writes one conversation. Every sender says things of one sort only, since what
    one sender says in a row may be judged together."""

    def __init__(
        self, bridge: StandIn, number: int, rnd: random.Random, mix: float
    ) -> None:
        self.number, self.rnd, self.mix = number, rnd, mix
        self.asker = bridge.person(f"Asker {number}")
        self.group = self.other = self.fan = self.operator = ""
        self.chat = f"{self.asker}@s.whatsapp.net"
        is_commanded = self._happens(COMMANDED)
        if number % 2 == 0:
            self.operator = self.asker if is_commanded else ""
            return
        self.other, self.fan = (
            bridge.person(f"{name} {number}") for name in ("Other", "Fan")
        )
        members = [self.asker, self.other, self.fan]
        if is_commanded:
            self.operator = bridge.person(f"Operator {number}")
            members.append(self.operator)
        self.chat = self.group = bridge.group(f"Group {number}", members)

    def write(self, messages: int) -> Conversation:
        bursts: list[list[Line]] = []
        count = 0
        while count < messages:
            burst = self._burst(len(bursts), count, messages - count)
            bursts.append(burst)
            count += len(burst)
        after, how = -1, ""
        if self.rnd.random() < TAKEN_OVER:
            after = self.rnd.randrange(len(bursts))
            how = self.rnd.choice(("by hand", "on the phone"))
        place = self.number, self.chat, self.group
        mended = {
            n: self.rnd.choice((" (mended)", ""))
            for n in range(len(bursts))
            if self._happens(MENDED)
        }
        return Conversation(*place, bursts, after, how, self.operator, mended)

    def _happens(self, share: float) -> bool:
        return self.mix > 0 and self.rnd.random() < share * self.mix

    def _burst(self, burst: int, count: int, most: int) -> list[Line]:
        first = self.number, count + 1, burst
        if self.operator and self._happens(COMMANDS):
            return [self._command(*first)]
        if count and self._happens(REACTIONS):
            sender = self.rnd.choice(list(filter(None, [self.asker, self.other])))
            return [Line(*first, sender, kind="reaction")]
        size = min(self.rnd.choice((1, 1, 2, 3)), most)
        sender, p = self.asker, 90
        if self.group and self._happens(REACTED_TO):
            sender, p = self.fan, 50
        elif self.group and self.rnd.random() < CHATTER:
            sender, p = self.other, 10
        return [
            self._line(self.number, count + n, burst, sender, p)
            for n in range(1, size + 1)
        ]

    def _command(self, *place: int) -> Line:
        if self.group and self.rnd.random() < 0.15:
            return Line(*place, self.operator, kind="stop", order=STOP)
        orders = ORDERS if self.group else (*ORDERS, "/forget")
        order = self.rnd.choice(orders)
        return Line(*place, self.operator, kind="command", order=order)

    def _line(self, *place: int | str) -> Line:
        kinds = [kind for kind, share in CARRIED.items() if self._happens(share)]
        kind = kinds[0] if kinds else "text"
        is_impostor = kind == "text" and self._happens(IMPOSTORS)
        return Line(
            *place,
            kind,
            is_impostor=is_impostor and place[3] != self.operator,
            changes=self._changes(kind),
        )

    def _changes(self, kind: str) -> tuple[Change, ...]:
        edits = 0
        if kind == "text":
            edits = self._happens(EDITED) + 2 * self._happens(EDITED_TWICE)
        changes = [False] * min(edits, 2) + [True] * self._happens(DELETED)
        moments = sorted(self.rnd.choices(MOMENTS, k=len(changes)), key=MOMENTS.index)
        return tuple(map(Change, changes, moments))
