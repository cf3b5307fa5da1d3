"""What the model sees: the last messages, numbered, with who addresses whom."""

from dataclasses import dataclass

from conversations import gates, whatsapp
from conversations.models import AgentSettings, Conversation, Message
from llm.transcript import Line


@dataclass(frozen=True)
class Context:
    agent: AgentSettings
    conversation: Conversation
    messages: list[Message]  # chronological
    own_jids: set[str]

    @classmethod
    def of(
        cls, agent: AgentSettings, conversation: Conversation, pending: list[Message]
    ) -> "Context":
        latest = conversation.messages.exclude(
            status__in=["draft", "failed", "dropped"]
        )
        latest = latest.select_related("sender").order_by("-sent_at", "-id")
        seen = {
            message.pk: message
            for message in [*latest[: agent.context_messages], *pending]
        }
        messages = sorted(
            seen.values(), key=lambda message: (message.sent_at, message.pk)
        )
        own = set()
        if conversation.is_group:
            group = conversation.group_id if any(m.mentions for m in pending) else ""
            own = set(
                whatsapp.provider().own_addresses(conversation.instance, group).jids
            )
        return cls(agent, conversation, messages, own)

    def wait_for(self, message: Message) -> float:
        """Seconds of silence after this message that end its burst."""
        if self.conversation.is_group and not self.how_addressed([message]):
            return self.agent.group_wait
        return min(self.agent.direct_wait, self.agent.group_wait)

    def how_addressed(self, burst: list[Message]) -> str:
        """How one of the messages addresses the agent, "" if none does."""
        if not self.conversation.is_group:
            return ""
        ways = (
            gates.how_addressed(
                message, self.own_jids, self.agent.names, self._replies_to_us(message)
            )
            for message in burst
        )
        return next(filter(None, ways), "")

    def _replies_to_us(self, message: Message) -> bool:
        if not message.quoted_id:
            return False
        return self.conversation.messages.filter(
            whatsapp_id=message.quoted_id, direction="out", author="agent"
        ).exists()

    def numbers(self, burst: list[Message]) -> list[int]:
        """The transcript's numbers of these messages."""
        position = {message.pk: n for n, message in enumerate(self.messages, 1)}
        return [position[message.pk] for message in burst]

    @property
    def lines(self) -> list[Line]:
        position = {
            message.whatsapp_id: n
            for n, message in enumerate(self.messages, 1)
            if message.whatsapp_id
        }
        return [
            _line(
                n,
                message,
                position.get(message.quoted_id),
                bool(self.how_addressed([message])),
            )
            for n, message in enumerate(self.messages, 1)
        ]


def _line(n: int, message: Message, reply_to: int | None, to_us: bool) -> Line:
    return Line(
        n=n,
        at=message.sent_at,
        sender=message.sender.name if message.sender else "",
        sender_id=str(message.sender_id or "?"),
        is_agent=not message.is_inbound,
        text=message.text,
        kind=message.kind,
        reply_to=reply_to,
        to_us=to_us and message.is_inbound,
        is_edited=message.edited_at is not None,
        is_deleted=message.deleted_at is not None,
        media=message.media,
    )
