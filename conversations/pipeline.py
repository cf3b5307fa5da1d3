"""Works through a conversation under its lease: burst by burst, and what goes wrong."""

import logging
from datetime import datetime

from django.db import transaction
from django.utils import timezone

from conversations import bursts, commands, deciding, hot, outbox
from conversations.context import Context
from conversations.ending import ids
from conversations.logs import about
from conversations.mailbox import (
    GUILTY_AFTER,
    SUSPECT_AFTER,
    Lease,
    LeaseLost,
    backoff,
    claim,
    fence,
    holding,
    now,
    park,
    release,
)
from conversations.models import AgentSettings, Conversation, Message
from conversations.turn import Turn

logger = logging.getLogger(__name__)

Outcome = Message.Outcome

# A busy conversation goes to the back of the queue after so many bursts.
ROUNDS = 5
# Errors of ours, not of a model: then the message is given up and shown to staff.
GIVE_UP_AFTER = 8
# Messages that are judged together at the most.
LONGEST_BURST = 200


def work(conversation_id: int, owner: str) -> None:
    """Do all that is due in a conversation, if nobody else does."""
    lease = claim(conversation_id, owner)
    if lease is None:
        return
    with about(conversation=conversation_id), holding(lease):
        try:
            _work(lease)
        except LeaseLost:
            logger.warning("Lost the lease on conversation %s", conversation_id)
        except Exception as error:
            # A fault of ours. It is counted, tried again, and in the end shown beside
            # the message: nothing may stay without an outcome.
            logger.exception("Conversation %s", conversation_id)
            _stumble(lease, error)


def _work(lease: Lease) -> None:
    # Who comes through in quarantine is no suspect any more: others wait to get in.
    for _ in range(1 if lease.is_quarantined else ROUNDS):
        # What was left is sent first, and what is written now at once.
        steps = (outbox.flush, _judge_next, outbox.flush)
        if until := next(filter(None, (step(lease) for step in steps)), None):
            return park(lease, until)
        if release(lease):
            return None
    return park(lease, now())


def _stumble(lease: Lease, error: Exception) -> None:
    errors = Conversation.objects.values_list("errors", flat=True).get(
        pk=lease.conversation_id
    )
    if errors + 1 >= GIVE_UP_AFTER:
        _give_up(lease, f"Internal error: {error!r}")
    park(lease, now() + backoff(errors), errors=errors + 1)


def _give_up(lease: Lease, reason: str) -> None:
    """Settle the message that cannot be worked on, so that its neighbours can be."""
    with transaction.atomic():
        fence(lease, crashes=1, errors=0)
        first = (
            Message.objects.filter(conversation_id=lease.conversation_id)
            .pending()
            .chronological()
            .first()
        )
        if first:
            first.outcome, first.reason = Outcome.RESPONSE_FAILED, reason[:300]
            first.save(update_fields=["outcome", "reason"])


# In two steps: for the order SQLite would walk through the whole conversation.
_PENDING = """
    id IN (
        SELECT id FROM conversations_message
        WHERE conversation_id = %s AND direction = 'in' AND outcome = ''
    ) ORDER BY sent_at, id LIMIT %s"""


def _judge_next(lease: Lease) -> datetime | None:
    """Settle the next burst that is over. Return when to look again, None if now."""
    conversation = hot.conversation(lease.conversation_id)
    if conversation.crashes > GUILTY_AFTER:
        return _give_up(lease, "It crashed the worker again and again")
    pending = hot.messages(_PENDING, conversation.pk, LONGEST_BURST)
    if not pending:
        return None
    agent = AgentSettings.of(conversation.instance)
    context = Context(agent, conversation, pending)
    if said := commands.first(agent, conversation, pending):
        with about(message=said.message.pk):
            turn = Turn(lease, agent, conversation, [said.message], context)
            return deciding.take(turn, said)
    if conversation.crashes > SUSPECT_AFTER or conversation.errors >= SUSPECT_AFTER:
        pending = pending[:1]  # something here does harm: find out which it is
    burst = bursts.first_over(pending, context.wait_for, agent.longest_wait)
    if burst.over_at > timezone.now():
        return burst.over_at
    with about(message=ids(burst.messages)):
        turn = Turn(lease, agent, conversation, burst.messages, context)
        return deciding.take(turn)
