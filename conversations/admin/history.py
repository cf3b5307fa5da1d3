"""What a conversation's page shows of its messages, in a constant number of queries."""

from dataclasses import dataclass, field

from django.db.models import Prefetch, Q

from conversations.models import Conversation, Message
from llm.models import Decision

PAGE = 50
Outcome = Message.Outcome
Status = Message.Status


@dataclass(frozen=True)
class Step:
    decision: Decision
    # A burst has its decisions in common: their prompts stand on the page once.
    is_told_before: bool


@dataclass(frozen=True)
class Entry:
    message: Message
    steps: list[Step]
    draft: str = ""  # all its parts, where this is the first

    @property
    def author(self) -> str:
        return author(self.message)

    @property
    def approved_by(self) -> str:
        is_agent = self.message.author == Message.Author.AGENT
        return str(self.message.staff) if is_agent and self.message.staff else ""

    @property
    def media(self) -> str:
        """In place of what is not text."""
        if self.message.kind == "text":
            return ""
        facts = ", ".join(f"{key} {value}" for key, value in _media(self.message))
        kind = self.message.kind.replace("_", " ")
        return f"{kind}: {facts}" if facts else kind

    @property
    def can_be_judged_again(self) -> bool:
        answered = [
            Outcome.PENDING,
            Outcome.REPLYING,
            Outcome.REPLIED,
            Outcome.DRAFTED,
        ]
        return self.message.is_inbound and self.message.outcome not in answered

    @property
    def can_be_sent_again(self) -> bool:
        return self.message.status == Status.FAILED

    @property
    def can_be_dropped(self) -> bool:
        return self.message.status in (Status.QUEUED, Status.UNKNOWN)


@dataclass(frozen=True)
class History:
    entries: list[Entry] = field(default_factory=list)  # chronological
    before: int | None = None  # older ones are before this message
    is_latest: bool = True


def history(
    conversation: Conversation, before: str = "", with_prompts: bool = False
) -> History:
    """The last messages, or the last ones before a message."""
    messages, is_latest = conversation.messages.all(), True
    if before.isdecimal() and (edge := messages.filter(pk=before).first()):
        is_latest = False
        messages = messages.filter(
            Q(sent_at__lt=edge.sent_at) | Q(sent_at=edge.sent_at, pk__lt=edge.pk)
        )
    found = list(_with_decisions(messages, with_prompts)[: PAGE + 1])
    shown = found[:PAGE][::-1]
    return History(
        _entries(conversation, shown),
        before=shown[0].pk if len(found) > PAGE else None,
        is_latest=is_latest,
    )


def author(message: Message) -> str:
    if message.is_inbound:
        return str(message.sender or "Unknown")
    if message.author == Message.Author.STAFF:
        return str(message.staff or "Staff")
    return message.get_author_display()


def _with_decisions(messages, with_prompts: bool):
    decisions = Decision.objects.order_by("pk")
    if not with_prompts:
        decisions = decisions.defer("input", "output")
    return (
        messages.select_related("sender", "staff")
        .prefetch_related(
            Prefetch("decisions", decisions),
            Prefetch("decisions__replies", Message.objects.order_by("part", "pk")),
        )
        .order_by("-sent_at", "-pk")
    )


def _entries(conversation: Conversation, messages: list[Message]) -> list[Entry]:
    drafts = _drafts(conversation, messages)
    told: set[int] = set()
    entries = []
    for message in messages:
        steps = [Step(d, d.pk in told) for d in message.decisions.all()]
        told.update(step.decision.pk for step in steps)
        is_first_part = message.status == Status.DRAFT and message.part == 1
        draft = drafts.get(message.decision_id, "") if is_first_part else ""
        entries.append(Entry(message, steps, draft))
    return entries


def _drafts(conversation: Conversation, messages: list[Message]) -> dict[int, str]:
    """The whole text of each draft: a part of it may be on another page."""
    ids = {m.decision_id for m in messages if m.status == Status.DRAFT}
    parts = conversation.messages.filter(decision__in=ids - {None}, status=Status.DRAFT)
    texts: dict[int, list[str]] = {}
    for decision_id, text in parts.order_by("part").values_list("decision_id", "text"):
        texts.setdefault(decision_id, []).append(text)
    return {decision_id: "\n\n".join(of_one) for decision_id, of_one in texts.items()}


def _media(message: Message) -> list[tuple[str, object]]:
    media = message.media if isinstance(message.media, dict) else {}
    return [
        (str(key).replace("_", " "), value)
        for key, value in media.items()
        if value not in (None, "", [], {})
    ]
