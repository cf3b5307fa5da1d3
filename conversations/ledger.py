"""Decisions: made from what the steps return, stored with the burst they are about."""

from datetime import timedelta
from decimal import Decimal

from django.db.models import Count, Q, QuerySet, Sum
from django.utils import timezone

from conversations import hot
from conversations.gates import UNPROMPTED, Spent
from conversations.models import AgentSettings, Conversation, Message
from llm.call import Call, Model
from llm.models import Decision


def model(agent: AgentSettings, step: Decision.Step) -> Model:
    """The model that the settings name for a step."""
    parts = ("provider", "model", "timeout", "price_in", "price_out")
    return Model(*(getattr(agent, f"{step.value}_{part}") for part in parts))


def decision(call: Call, **fields) -> Decision:
    """An unsaved decision of a model."""
    return Decision(
        source=Decision.Source.MODEL,
        provider=call.provider,
        model=call.model[:100],
        prompt_version=call.prompt_version,
        input=call.input,
        output=call.output,
        tokens_in=call.tokens_in,
        tokens_cached=call.tokens_cached,
        tokens_out=call.tokens_out,
        cost=call.cost,
        latency_ms=call.latency_ms,
        attempts=call.attempts,
        error=call.error[:500],
        **fields,
    )


def rule(
    conversation: Conversation, outcome: str, why: str, threshold: float
) -> Decision:
    """An unsaved decision that needed no model."""
    return Decision(
        conversation=conversation,
        step=Decision.Step.RELEVANCE,
        source=Decision.Source.RULE,
        outcome=outcome,
        why=why[:500],
        threshold=threshold,
    )


def unheard(conversation: Conversation, why: str) -> Decision:
    """An unsaved note that a burst could not be understood."""
    return Decision(
        conversation=conversation,
        step=Decision.Step.TRANSCRIPTION,
        source=Decision.Source.RULE,
        outcome=Decision.Outcome.FAILED,
        why=why[:500],
    )


def store(burst: list[Message], decisions: tuple[Decision, ...]) -> None:
    for decision in decisions:
        if decision.pk is None:
            decision.created_at = timezone.now()
            hot.insert(decision)
            for message in burst:
                hot.execute(_ABOUT, decision.pk, message.pk)


_ABOUT = "INSERT INTO llm_decision_messages (decision_id, message_id) VALUES (%s, %s)"
_REPLIES = """
    SELECT m.id, m.sent_at, d.kind AS prompt FROM conversations_message m
    LEFT JOIN llm_decision d ON d.id = m.decision_id
    WHERE m.conversation_id = %s AND m.sent_at >= %s AND m.author = 'agent'
    AND m.kind <> 'reaction' AND m.part = 1 AND m.status NOT IN ('draft', 'failed', 'dropped')"""


def spent(agent: AgentSettings, conversation: Conversation) -> Spent:
    """What has been used up; only what a limit asks for is counted."""
    day_ago = timezone.now() - timedelta(days=1)
    hour_ago = timezone.now() - timedelta(hours=1)
    since = day_ago if conversation.is_group else hour_ago
    replies = hot.select(Message, _REPLIES, conversation.pk, since)
    return Spent(
        [one.sent_at for one in replies if one.sent_at >= hour_ago],
        [one.sent_at for one in replies if one.prompt == UNPROMPTED],
        *_today(agent, conversation.instance),
    )


def called_today() -> QuerySet[Decision]:
    """What models were asked since midnight."""
    midnight = timezone.localtime().replace(hour=0, minute=0, second=0, microsecond=0)
    return Decision.objects.filter(source="model", created_at__gte=midnight)


def _today(agent: AgentSettings, instance: str) -> list[int | Decimal]:
    """Calls and cost, of all numbers and, where it has limits of its own, of this one."""
    common, own = agent.whole.daily_limits, agent.daily_limits
    if {*common, *own} == {None}:
        return [0, Decimal(0)]
    sums = {"calls": Count("pk"), "costs": Sum("cost")}
    if own != common:
        here = Q(conversation__instance=instance)
        sums["own_calls"] = Count("pk", filter=here)
        sums["own_costs"] = Sum("cost", filter=here)
    found = called_today().aggregate(**sums)
    return [found[name] or Decimal(0) for name in sums]
