"""Who waits for an answer, and what was decided last."""

from dataclasses import dataclass

from django.db.models import Count, Max, Min
from django.urls import reverse

from conversations.models import Conversation, Message
from llm.models import Decision
from whatsapp_agent.home.ages import age
from whatsapp_agent.home.bounds import MOST, count

Outcome = Message.Outcome
SHOWN = 8
# A message has up to two decisions, more where a step failed.
LOOK_BACK = 5 * SHOWN
TONES = {
    Outcome.REPLIED: "ok",
    Outcome.COMMAND: "ok",
    Outcome.PENDING: "warn",
    Outcome.REPLYING: "warn",
    Outcome.DRAFTED: "warn",
    Outcome.OVER_BUDGET: "warn",
    Outcome.NOT_HEARD: "bad",
    Outcome.GATE_FAILED: "bad",
    Outcome.RESPONSE_FAILED: "bad",
    Outcome.SEND_FAILED: "bad",
}


@dataclass(frozen=True)
class Waiting:
    conversation: Conversation
    message: Message  # the one that waits longest
    count: int

    @property
    def url(self) -> str:
        return message_url(self.message)

    @property
    def since(self) -> str:
        return age(self.message.sent_at)


@dataclass(frozen=True)
class Decided:
    message: Message
    p: float | None
    threshold: float | None

    @property
    def url(self) -> str:
        return message_url(self.message)

    @property
    def since(self) -> str:
        return age(self.message.sent_at)

    @property
    def outcome(self) -> str:
        """In short: some of the names explain themselves after a colon."""
        return self.message.get_outcome_display().partition(":")[0]

    @property
    def tone(self) -> str:
        return TONES.get(Outcome(self.message.outcome), "")


def message_url(message: Message) -> str:
    """The message in its conversation."""
    page = reverse(
        "admin:conversations_conversation_change", args=[message.conversation_id]
    )
    return f"{page}#message-{message.pk}"


def count_pending() -> int:
    return count(Message.objects.pending())


def waiting() -> list[Waiting]:
    """The conversations with messages without an outcome, the oldest first."""
    pending = Message.objects.pending().values("pk")[:MOST]
    rows = list(
        Message.objects.filter(pk__in=pending)
        .values("conversation")
        .annotate(since=Min("sent_at"), first=Min("pk"), count=Count("pk"))
        .order_by("since")[:SHOWN]
    )
    messages = found(row["first"] for row in rows)
    return [
        Waiting(message.conversation, message, row["count"])
        for row in rows
        if (message := messages.get(row["first"]))
    ]


def latest() -> list[Decided]:
    """The messages that were judged last, whatever number of decisions that took."""
    decisions = Decision.objects.order_by("-pk").values("pk", "p", "threshold")
    recent = {one["pk"]: one for one in decisions[:LOOK_BACK]}
    links = Decision.messages.through.objects.filter(decision__in=list(recent))
    last = dict(
        links.values_list("decision")
        .annotate(last=Max("message"))
        .order_by("-decision")
    )
    scores: dict[int, dict] = {}
    for decision, message in last.items():
        # What gave no probability is the other step, or a rule.
        if message not in scores or scores[message]["p"] is None:
            scores[message] = recent[decision]
    messages = found(list(scores)[:SHOWN])
    return [
        Decided(messages[pk], scores[pk]["p"], scores[pk]["threshold"])
        for pk in scores
        if pk in messages
    ]


def found(keys) -> dict[int, Message]:
    messages = Message.objects.select_related("conversation__contact", "sender")
    return messages.in_bulk(list(keys))
