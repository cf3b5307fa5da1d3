"""Step 2: the reply is written, and put in the outbox with all that was decided."""

from datetime import datetime

from django.db import transaction

from conversations import ledger, outbox, whatsapp
from conversations.ending import log
from conversations.knowledge import given as knowledge
from conversations.models import Message, Mode
from conversations.splitting import split
from conversations.turn import Turn
from llm import response
from llm.call import Call
from llm.models import Decision

Outcome = Message.Outcome


def reply(
    turn: Turn, prompt: str, reason: str, *decisions: Decision
) -> datetime | None:
    if turn.conversation.mode == Mode.SHADOW:
        return turn.end.settle(Outcome.SHADOW, reason, *decisions)
    _show_life(turn)
    lines, judged = turn.context.lines, turn.context.numbers(turn.burst)
    known = knowledge.given(turn.agent, turn.conversation, lines, judged)
    answer = response.write(
        lines,
        judged,
        names=turn.agent.names,
        instructions=_instructions(turn),
        is_group=turn.conversation.is_group,
        model=ledger.model(turn.agent, Decision.Step.RESPONSE),
        max_tokens=turn.agent.response_max_tokens,
        temperature=turn.agent.temperature,
        group_name=turn.conversation.name,
        knowledge=known.knowledge,
        attachments=turn.context.pictures(Decision.Step.RESPONSE, turn.burst),
    )
    if answer.call.error:
        return _response_failed(turn, answer.call, *decisions)
    written = ledger.decision(
        answer.call,
        conversation=turn.conversation,
        step=Decision.Step.RESPONSE,
        outcome=Decision.Outcome.WRITTEN,
        kind=prompt,
        why=reason,
    )
    return _put_in_outbox(turn, answer.text, reason, known, written, *decisions)


def _instructions(turn: Turn) -> str:
    return "\n\n".join(
        filter(None, [turn.agent.instructions, turn.conversation.instructions])
    )


def _show_life(turn: Turn) -> None:
    """Tick the question as read and show that somebody is typing."""
    if turn.conversation.mode != Mode.LIVE:
        return
    provider, jid = whatsapp.provider(), turn.conversation.jid
    if turn.agent.mark_read:
        ids = [message.whatsapp_id for message in turn.burst if message.whatsapp_id]
        provider.mark_read(turn.conversation.instance, jid, ids)
    if turn.agent.show_typing:
        provider.show_typing(turn.conversation.instance, jid, 5)


def _response_failed(turn: Turn, call: Call, *decisions: Decision) -> datetime | None:
    failed = turn.failed(call, Decision.Step.RESPONSE)
    if until := turn.later(call):
        return turn.end.wait(until, *decisions, failed)
    return turn.end.settle(Outcome.RESPONSE_FAILED, call.error, *decisions, failed)


def _put_in_outbox(
    turn: Turn,
    text: str,
    reason: str,
    known: knowledge.Given,
    written: Decision,
    *decisions: Decision,
) -> None:
    is_draft = turn.conversation.mode == Mode.DRAFT
    with transaction.atomic():
        outcome = Outcome.DRAFTED if is_draft else Outcome.REPLYING
        turn.end.decide(outcome, reason, *decisions, written)
        knowledge.record(written, known.uses)
        outbox.put(
            turn.conversation,
            split(outbox.addressed(text, _mentioned(turn))),
            author=Message.Author.AGENT,
            status=Message.Status.DRAFT if is_draft else Message.Status.QUEUED,
            decision=written,
            quoted=_quoted(turn),
            mentioned=_mentioned(turn),
            received_at=turn.now,
        )
    log("Outcome %s", outcome, *decisions, written)


def _mentioned(turn: Turn) -> str:
    """The phone's JID of whom a group's reply is for; of a LID alone it is not known."""
    sender = turn.burst[-1].sender
    is_mentioned = turn.conversation.is_group and turn.agent.mention_asker
    return (sender.phone_jid or "") if is_mentioned and sender else ""


def _quoted(turn: Turn) -> Message | None:
    is_quoted = turn.conversation.is_group and turn.agent.quote_in_groups
    return turn.burst[-1] if is_quoted else None
