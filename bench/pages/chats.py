"""Half a year of chats: walks through time once, and decides as it goes."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random

from bench.pages.bulk import Row, moment
from bench.pages.words import RARE, Writer

DAYS, DAY = 180, 86_400
BIG_GROUP, BUSY = 1, 5  # its key, and how many chats after it have 2 % each
JUDGED = {
    "below_threshold": 45,
    "replied": 15,
    "shadow": 6,
    "over_budget": 4,
    "answered": 3,
    "gate_failed": 1,
    "response_failed": 1,
    "send_failed": 0.5,
    "discarded": 0.5,
}
OUTCOMES = JUDGED | {"not_addressed": 15, "filtered": 8, "taken_over": 2, "paused": 2}
DIRECT_OUTCOMES = {"replied": 80, "answered": 8, "too_old": 5, "taken_over": 7}
AUTHORS = {"agent": 75, "phone": 15, "staff": 10}
STATUSES = {"read": 60, "delivered": 30, "sent": 9.7, "failed": 0.3}
WRITTEN = {"replied", "shadow", "discarded", "send_failed"}
# Of fifty recent replies.
UNSETTLED = {
    3: "draft",
    5: "failed",
    7: "unknown",
    9: "queued",
    11: "dropped",
    13: "draft",
}
MEDIA = {
    "image": {"mimetype": "image/jpeg", "bytes": 81_234},
    "voice": {"mimetype": "audio/ogg", "seconds": 7},
    "document": {"mimetype": "application/pdf", "file_name": "offer (final).pdf"},
    "sticker": {"mimetype": "image/webp"},
    "location": {"latitude": -23.55, "longitude": -46.63},
}
PROVIDERS = [
    ("openai", "gpt-5-mini"),
    ("anthropic", "claude-haiku"),
    ("scripted", "scripted-1"),
]


@dataclass(frozen=True)
class Size:
    messages: int = 1_000_000
    decisions: int = 100_000

    @property
    def conversations(self) -> int:
        return max(20, self.messages // 200)

    @property
    def contacts(self) -> int:
        return max(40, self.messages * 8 // 1000)

    @property
    def last_day(self) -> int:
        return max(60, self.messages // 100)

    @property
    def pending(self) -> int:
        """So many of the newest messages wait."""
        return max(8, self.messages // 20_000)


@dataclass
class Chat:
    key: int
    is_group: bool
    members: list[int]
    last: tuple[str, str] = ("", "")  # the latest message's id and text
    last_at: float | None = None
    is_due: bool = False
    written: int | None = None  # the decision that the next reply is of


@dataclass
class Chats:
    """Give `messages` out first: the other rows follow from them."""

    size: Size
    random: Random
    writer: Writer
    until: float
    chats: list[Chat] = field(init=False)
    decisions: list[Row] = field(default_factory=list)
    judged: list[Row] = field(default_factory=list)
    recent_replies: int = 0

    def __post_init__(self) -> None:
        self.chats = [self._chat(key) for key in range(1, self.size.conversations + 1)]
        self.prompts = [
            "\n".join(self.writer.text() for _ in range(20)) for _ in range(300)
        ]
        replies = 1.25 * 0.75  # decisions for each message that may be judged
        self.recent_chance = 0.5
        recent = self.size.last_day * replies * self.recent_chance
        self.chance = (self.size.decisions - recent) / (self.size.messages * replies)

    def _chat(self, key: int) -> Chat:
        is_group = key == BIG_GROUP or key % 5 == 0
        contacts = range(1, self.size.contacts + 1)
        if not is_group:
            return Chat(key, False, [key])
        count = 200 if key == BIG_GROUP else 12
        return Chat(key, True, self.random.choices(contacts, k=count))

    def messages(self) -> Iterator[Row]:
        weights = [0.2, *[0.02] * BUSY]
        rest = self.size.conversations - len(weights)
        tail = [self.random.lognormvariate(0, 1.2) for _ in range(rest)]
        weights += [0.7 * weight / sum(tail) for weight in tail]
        chats = self.random.choices(self.chats, weights, k=self.size.messages)
        for key, (chat, at) in enumerate(zip(chats, self._times(), strict=True), 1):
            yield self._message(chat, key, at)

    def _times(self) -> list[float]:
        edge, first = self.until - DAY, self.until - DAYS * DAY
        uniform, recent = self.random.uniform, self.size.last_day
        older = self.size.messages - recent
        return sorted(
            [uniform(first, edge) for _ in range(older)]
            + [uniform(edge, self.until) for _ in range(recent)]
        )

    def _message(self, chat: Chat, key: int, at: float) -> Row:
        text, random, sent_at = self.writer.text(), self.random.random, moment(at)
        if key % (self.size.messages // 7) == 1:
            text += f" {RARE}"
        row: Row = {
            "id": key,
            "conversation_id": chat.key,
            "whatsapp_id": f"3EB0{key:018X}",
            "text": text,
            "sent_at": sent_at,
            "received_at": sent_at,
        }
        if random() < 0.08:
            row["quoted_id"], row["quoted_text"] = chat.last
        if random() < 0.01:
            row["edited_at"] = moment(at + 30)
        if random() < 0.005:
            row["deleted_at"] = moment(at + 60)
        is_inbound = random() < (0.93 if chat.is_group else 0.6)
        (self._inbound if is_inbound else self._outbound)(chat, row, at)
        chat.last, chat.last_at = (row["whatsapp_id"], text[:300]), at
        return row

    def _pick(self, weights: dict[str, float]) -> str:
        return self.random.choices(list(weights), list(weights.values()))[0]

    def _inbound(self, chat: Chat, row: Row, at: float) -> None:
        roll = self.random.random()
        row |= {"direction": "in", "sender_id": self.random.choice(chat.members)}
        if roll < 0.03:
            row |= {"kind": "reaction", "text": self.writer.emoji()}
            row |= {"quoted_id": chat.last[0], "quoted_text": chat.last[1]}
        elif roll < 0.09:
            kind = self.random.choice(list(MEDIA))
            row |= {"kind": kind, "media": json.dumps(MEDIA[kind])}
        if row["id"] > self.size.messages - self.size.pending:
            chat.is_due = True
            return
        outcomes = OUTCOMES if chat.is_group else DIRECT_OUTCOMES
        outcome = self._pick(outcomes)
        if row.get("kind") == "reaction":
            outcome = "filtered"
        row |= {"outcome": outcome, "reason": f"{outcome}: as the rules say"}
        chance = self.recent_chance if at > self.until - DAY else self.chance
        if outcome in JUDGED and self.random.random() < chance:
            self._judge(chat, row, at)

    def _outbound(self, chat: Chat, row: Row, at: float) -> None:
        author, status = self._pick(AUTHORS), self._pick(STATUSES)
        row |= {"direction": "out", "author": author, "status": status}
        if author == "staff":
            row["staff_id"] = 1
        if author != "agent":
            return
        if at > self.until - DAY:
            self.recent_replies += 1
            row["status"] = UNSETTLED.get(self.recent_replies % 50, status)
        if row["status"] in ("draft", "queued"):
            row["whatsapp_id"] = ""
            if chat.written is None:
                self._write(chat, row, at)
        if row["status"] in ("failed", "unknown"):
            row |= {"attempts": 3, "error": "The bridge did not answer in time."}
        row["decision_id"], chat.written = chat.written, None

    def _judge(self, chat: Chat, row: Row, at: float) -> None:
        outcome, random = row["outcome"], self.random.random
        failed = outcome == "gate_failed"
        silent = outcome in ("below_threshold", "gate_failed")
        by_rule = not chat.is_group
        p = random() * 0.6 if silent else 0.6 + random() * 0.4
        decision = self._decision(chat, row, at, is_by_model=not by_rule) | {
            "step": "relevance",
            "source": "rule" if by_rule else "model",
            "outcome": "failed" if failed else "silent" if silent else "reply",
            "p": None if failed or by_rule else p,
            "threshold": 0.6,
            "kind": self.random.choice(["question", "small talk", "request"]),
            "why": str(row["text"])[:120],
            "error": "No probability could be read." if failed else "",
        }
        self.decisions.append(decision)
        if outcome in WRITTEN or outcome == "response_failed":
            self._write(chat, row, at)

    def _write(self, chat: Chat, row: Row, at: float) -> None:
        failed = row.get("outcome") == "response_failed"
        self.decisions.append(
            self._decision(chat, row, at + 1)
            | {
                "step": "response",
                "source": "model",
                "outcome": "failed" if failed else "written",
                "error": "HTTP 529: overloaded" if failed else "",
            }
        )
        if not failed:
            chat.written = len(self.decisions)

    def _decision(
        self, chat: Chat, row: Row, at: float, *, is_by_model: bool = True
    ) -> Row:
        key = len(self.decisions) + 1
        self.judged.append({"decision_id": key, "message_id": row["id"]})
        made: Row = {
            "id": key,
            "conversation_id": chat.key,
            "created_at": moment(at + 2),
        }
        if is_by_model:
            provider, model = self.random.choice(PROVIDERS)
            made |= {
                "provider": provider,
                "model": model,
                "prompt_version": "relevance-3",
                "tokens_in": self.random.randint(300, 3000),
                "tokens_cached": 0,
                "tokens_out": self.random.randint(10, 300),
                "cost": f"{self.random.random() / 100:.6f}",
                "latency_ms": self.random.randint(200, 4000),
                "attempts": 1,
                # The same object for many: a prompt is two thousand letters.
                "input": self.random.choice(self.prompts),
                "output": '{"p": 0.42, "why": "an open question"}',
            }
        return made

    def conversations(self) -> Iterator[Row]:
        for chat in self.chats:
            last = None if chat.last_at is None else moment(chat.last_at)
            yield {
                "id": chat.key,
                "instance": "whatsapp-agent",
                "jid": f"12036300{chat.key:010}@g.us"
                if chat.is_group
                else f"55119{chat.key:08}@s.whatsapp.net",
                "contact_id": None if chat.is_group else chat.key,
                "is_group": chat.is_group,
                "name": f"{self.writer.name()} & friends" if chat.is_group else "",
                "mode": self.random.choice(["live", "live", "live", "shadow", "draft"]),
                "created_at": moment(self.until - DAYS * DAY),
                "last_message_at": last,
                "due_at": moment(self.until) if chat.is_due else None,
                "read_until": last if self.random.random() < 0.7 else None,
                "paused_until": moment(self.until + DAY)
                if chat.key % 90 == 3
                else None,
                "taken_over_until": moment(self.until + 900)
                if chat.key % 120 == 4
                else None,
            }

    def contacts(self) -> Iterator[Row]:
        for key in range(1, self.size.contacts + 1):
            yield {
                "id": key,
                "phone_jid": f"55119{key:08}@s.whatsapp.net",
                "lid": f"2395{key:011}@lid" if key % 3 else None,
                "name": self.writer.name() if key % 20 else "",
                "access": "blocked" if key % 200 == 7 else "",
            }
