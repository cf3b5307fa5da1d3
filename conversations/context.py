"""What the model sees: the last messages, numbered, with who addresses whom."""

from dataclasses import dataclass
from functools import cached_property

from conversations import gates, hot, numbers, whatsapp
from conversations.media import looking
from conversations.models import AgentSettings, Conversation, MediaFile, Message
from llm.attachments import Attachment
from llm.models import Decision
from llm.transcript import Line

_LATEST = """
    conversation_id = %s AND status NOT IN ('draft', 'failed', 'dropped')
    ORDER BY sent_at DESC, id DESC LIMIT %s"""


@dataclass(frozen=True)
class Context:
    """Made for some pending messages; what costs a query is asked when it is needed."""

    agent: AgentSettings
    conversation: Conversation
    pending: list[Message]

    @cached_property
    def messages(self) -> list[Message]:
        """The last messages and the pending ones, chronological."""
        latest = hot.messages(
            _LATEST, self.conversation.pk, self.agent.context_messages
        )
        # Of an old one whose text is deleted there is nothing to tell, and what passed
        # between the operator and us is not the chat's.
        whole = [
            message
            for message in latest
            if message.pruned_at is None and not message.is_command
        ]
        seen = {message.pk: message for message in [*whole, *self.pending]}
        return sorted(seen.values(), key=lambda message: (message.sent_at, message.pk))

    @cached_property
    def _own_jids(self) -> set[str]:
        may_need_lid = any(message.mentions for message in self.pending)
        group = self.conversation.group_id if may_need_lid else ""
        return set(
            whatsapp.provider().own_addresses(self.conversation.instance, group).jids
        )

    def other_number(self, burst: list[Message]) -> str:
        """The name of another instance of ours that a burst comes from, or ""."""
        sender = burst[-1].sender
        jids = sender.address.jids if sender else []
        return numbers.whose(jids, apart_from=self.conversation.instance)

    @cached_property
    def _quoted_ours(self) -> set[str]:
        """The WhatsApp ids of the agent's messages that a pending message quotes."""
        quoted = {message.quoted_id for message in self.pending if message.quoted_id}
        if not quoted:
            return set()
        ours = self.conversation.messages.with_whatsapp_ids(quoted).filter(
            author="agent"
        )
        return set(ours.values_list("whatsapp_id", flat=True))

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
                message,
                self._own_jids,
                self.agent.names,
                message.quoted_id in self._quoted_ours,
            )
            for message in burst
        )
        return next(filter(None, ways), "")

    def numbers(self, burst: list[Message]) -> list[int]:
        """The transcript's numbers of these messages."""
        position = {message.pk: n for n, message in enumerate(self.messages, 1)}
        return [position[message.pk] for message in burst]

    @cached_property
    def _files(self) -> dict[int, MediaFile]:
        """What the messages carry that can be read or seen, by message."""
        return looking.files(self.messages)

    def pictures(
        self, step: Decision.Step, burst: list[Message]
    ) -> tuple[Attachment, ...]:
        """The pictures that a step is shown."""
        if not looking.is_wanted(self.agent, step):
            return ()
        position = {one.pk: n for n, one in enumerate(self.messages, 1)}
        return looking.pictures(self.agent, self._files, position, burst)

    def is_shown(self, burst: list[Message]) -> bool:
        """Whether the model that judges sees a picture of the burst."""
        step = Decision.Step.RELEVANCE
        if not looking.is_wanted(self.agent, step):
            return False
        if not any(map(looking.is_legible, burst)):
            return False
        judged = set(self.numbers(burst))
        return any(one.n in judged for one in self.pictures(step, burst))

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
                looking.read(self.agent, message, self._files.get(message.pk)),
            )
            for n, message in enumerate(self.messages, 1)
        ]


def _line(
    n: int, message: Message, reply_to: int | None, to_us: bool, read: dict
) -> Line:
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
        media={**message.media, **read} if read else message.media,
    )
