"""Messages one by one, outside of their conversations."""

from collections.abc import Iterable
from dataclasses import dataclass

from conversations import search
from conversations.admin.bubbles import KINDS
from conversations.admin.rows import who
from conversations.admin.standing import moment
from conversations.models import AgentSettings, Message
from conversations.whatsapp import Kind

Outcome = Message.Outcome
Status = Message.Status
TONES = {
    Outcome.PENDING: "warn",
    Outcome.DRAFTED: "warn",
    Outcome.NOT_HEARD: "bad",
    Outcome.GATE_FAILED: "bad",
    Outcome.RESPONSE_FAILED: "bad",
    Outcome.SEND_FAILED: "bad",
    Status.DRAFT: "warn",
    Status.UNKNOWN: "warn",
    Status.FAILED: "bad",
}


@dataclass(frozen=True)
class Hit:
    message: Message
    author: str
    excerpt: list[tuple[str, bool]]

    @property
    def pk(self) -> str:
        """As it stands in ids and links: templates would put it as people count."""
        return str(self.message.pk)

    @property
    def at(self) -> str:
        return moment(self.message.sent_at)

    @property
    def kind(self) -> str:
        """What it is, if not a text."""
        kind = self.message.kind
        return "" if kind == Kind.TEXT else str(KINDS.get(kind, kind))

    @property
    def fate(self) -> str:
        """In short: some of the names explain themselves after a colon."""
        message = self.message
        if message.is_inbound:
            return message.get_outcome_display().partition(":")[0]
        return message.get_status_display()

    @property
    def tone(self) -> str:
        message = self.message
        return TONES.get(message.outcome if message.is_inbound else message.status, "")


def hits(messages: Iterable[Message], query: str = "") -> list[Hit]:
    return [
        Hit(
            message,
            who(
                message.conversation,
                message,
                AgentSettings.of(message.conversation.instance).bot_name,
            ),
            search.excerpt(message.text or message.gone, query),
        )
        for message in messages
    ]
