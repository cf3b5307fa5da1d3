"""Who says what: conversations, bursts, and which messages have to be answered."""

import random
import re
from dataclasses import dataclass

from tests.standins.bridge import StandIn

TOKEN = re.compile(r"#(\d+)-(\d+)")
# Of the messages in a group, those that are below the threshold.
CHATTER = 0.35
# Of the conversations, those in which a person steps in once, in one way or the other.
TAKEN_OVER = 0.1


@dataclass(frozen=True)
class Line:
    conversation: int
    number: int  # within the conversation, from 1
    burst: int
    sender: str
    is_wanted: bool

    @property
    def token(self) -> str:
        return f"#{self.conversation}-{self.number}"

    @property
    def text(self) -> str:
        if self.is_wanted:
            return f"Does anybody know {self.token} p=90"
        return f"Never mind {self.token} p=10"


@dataclass(frozen=True)
class Conversation:
    number: int
    chat: str
    group: str  # "" for a direct chat
    bursts: list[list[Line]]
    # After this burst a person of ours writes, "by hand" or "on the phone".
    person_after: int = -1
    person: str = ""

    @property
    def person_text(self) -> str:
        return f"A person {self.person} in !{self.number}"

    @property
    def lines(self) -> list[Line]:
        return [line for burst in self.bursts for line in burst]


def write_plot(
    bridge: StandIn, conversations: int, messages: int, rnd: random.Random
) -> list[Conversation]:
    return [
        _conversation(bridge, number, messages, rnd) for number in range(conversations)
    ]


def _conversation(
    bridge: StandIn, number: int, messages: int, rnd: random.Random
) -> Conversation:
    asker = bridge.person(f"Asker {number}")
    if number % 2 == 0:
        chat, group, other = f"{asker}@s.whatsapp.net", "", ""
    else:
        other = bridge.person(f"Other {number}")
        chat = group = bridge.group(f"Group {number}", [asker, other])
    bursts: list[list[Line]] = []
    count = 0
    while count < messages:
        size = min(rnd.choice((1, 1, 2, 3)), messages - count)
        is_wanted = not other or rnd.random() >= CHATTER
        sender = asker if is_wanted else other
        burst = [
            Line(number, count + n, len(bursts), sender, is_wanted)
            for n in range(1, size + 1)
        ]
        bursts.append(burst)
        count += size
    if rnd.random() >= TAKEN_OVER:
        return Conversation(number, chat, group, bursts)
    after, how = rnd.randrange(len(bursts)), rnd.choice(("by hand", "on the phone"))
    return Conversation(number, chat, group, bursts, after, how)
