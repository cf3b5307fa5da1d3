"""Decisions: made from what the steps return, stored with the burst they are about."""

from datetime import timedelta
from decimal import Decimal

from django.db.models import Count, Sum
from django.utils import timezone

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


def store(burst: list[Message], decisions: tuple[Decision, ...]) -> None:
    new = Decision.objects.bulk_create(one for one in decisions if one.pk is None)
    link = Decision.messages.through
    link.objects.bulk_create(
        link(decision_id=one.pk, message_id=message.pk)
        for one in new
        for message in burst
    )


def spent(agent: AgentSettings, conversation: Conversation) -> Spent:
    """What has been used up; only what a limit asks for is counted."""
    day_ago = timezone.now() - timedelta(days=1)
    hour_ago = timezone.now() - timedelta(hours=1)
    replies = (
        conversation.messages.filter(author="agent", part=1, sent_at__gte=day_ago)
        .exclude(status__in=["draft", "failed", "dropped"])
        .values_list("sent_at", "decision__kind")
    )
    rows = list(
        replies if conversation.is_group else replies.filter(sent_at__gte=hour_ago)
    )
    calls, cost = _today(agent)
    return Spent(
        replies=[at for at, _ in rows if at >= hour_ago],
        unprompted=[at for at, kind in rows if kind == UNPROMPTED],
        calls=calls,
        cost=cost,
    )


def _today(agent: AgentSettings) -> tuple[int, Decimal]:
    if agent.daily_call_limit is None and agent.daily_spend_limit is None:
        return 0, Decimal(0)
    midnight = timezone.localtime().replace(hour=0, minute=0, second=0, microsecond=0)
    today = Decision.objects.filter(source="model", created_at__gte=midnight)
    sums = today.aggregate(calls=Count("pk"), cost=Sum("cost"))
    return sums["calls"], sums["cost"] or Decimal(0)
