"""Step 1, in groups: is a reply wanted here?"""

from datetime import datetime

from django.db import transaction

from conversations import commands, gates, ledger, reactions
from conversations.ending import log
from conversations.knowledge import given as knowledge
from conversations.models import AgentSettings, Message, Mode
from conversations.replying import reply
from conversations.turn import Turn
from llm import relevance
from llm.call import Call
from llm.models import Decision

Outcome = Message.Outcome

# So sure step 1 must be that nobody wants to hear the agent, to keep it quiet.
STOP_CERTAINTY = 0.8


def judge(turn: Turn) -> datetime | None:
    if decided := _decided_before(turn):
        return reply(turn, gates.UNPROMPTED, decided.why)
    judgement = relevance.judge(
        turn.context.lines,
        turn.context.numbers(turn.burst),
        names=turn.agent.names,
        policy=_policy(turn),
        model=ledger.model(turn.agent, Decision.Step.RELEVANCE),
        group_name=turn.conversation.name,
        topics=_topics(turn),
        attachments=turn.context.pictures(Decision.Step.RELEVANCE, turn.burst),
    )
    if judgement.call.error:
        return _gate_failed(turn, judgement.call)
    wanted = judgement.p >= turn.threshold
    decision = ledger.decision(
        judgement.call,
        conversation=turn.conversation,
        step=Decision.Step.RELEVANCE,
        outcome=Decision.Outcome.REPLY if wanted else Decision.Outcome.SILENT,
        p=judgement.p,
        threshold=turn.threshold,
        kind=judgement.kind,
        why=judgement.why,
    )
    comparison = f"p {judgement.p:.2f}, threshold {turn.threshold:.2f}"
    if wanted:
        return reply(turn, gates.UNPROMPTED, comparison, decision)
    if _asks_for_silence(turn, judgement):
        return stop(turn, decision)
    if reactions.would_do(turn.agent, turn.conversation, turn.burst[-1], judgement.p):
        if turn.conversation.mode == Mode.LIVE:
            return _react(turn, comparison, decision)
        mode = turn.conversation.mode
        comparison += f"; {turn.agent.reaction_emoji} withheld in {mode} mode"
    return turn.end.settle(Outcome.BELOW_THRESHOLD, comparison, decision)


def _react(turn: Turn, comparison: str, decision: Decision) -> None:
    from_ = turn.agent.reaction_threshold
    with transaction.atomic():
        reason = f"{comparison}, of a reaction {from_:.2f}"
        turn.end.decide(Outcome.REACTED, reason, decision)
        reactions.put(turn.agent, turn.conversation, turn.burst[-1], decision, turn.now)
    log("Outcome %s", Outcome.REACTED, decision)


def _asks_for_silence(turn: Turn, judgement: relevance.Judgement) -> bool:
    is_certain = 1 - judgement.p >= STOP_CERTAINTY
    return bool(judgement.kind == "stop" and is_certain and turn.agent.quiet_minutes)


def stop(turn: Turn, decision: Decision) -> None:
    """Be quiet in this group for the set time."""
    with transaction.atomic():
        turn.end.decide(*gates.told_to_stop(turn.agent), decision)
        commands.be_quiet(turn.conversation, turn.agent.quiet_minutes)
    log("Outcome %s", Outcome.STOPPED, decision)


def _policy(turn: Turn) -> str:
    own = turn.conversation.instructions
    return "\n\n".join(filter(None, [turn.agent.group_instructions, own]))


def _topics(turn: Turn) -> list[str]:
    return knowledge.topics(turn.conversation) if turn.agent.knowledge_topics else []


def _decided_before(turn: Turn) -> Decision | None:
    """Step 1's decision about this very burst, where only step 2 failed."""
    decision = (
        turn.burst[-1]
        .decisions.filter(step="relevance", outcome="reply", source="model")
        .order_by("id")
        .last()
    )
    if decision is None or decision.messages.count() != len(turn.burst):
        return None
    changes = (message.edited_at or message.sent_at for message in turn.burst)
    return decision if decision.created_at > max(changes) else None


def _gate_failed(turn: Turn, call: Call) -> datetime | None:
    failed = turn.failed(call, Decision.Step.RELEVANCE)
    again = turn.agent.on_gate_failure == AgentSettings.OnGateFailure.RETRY
    if again and (until := turn.later(call)):
        return turn.end.wait(until, failed)
    return turn.end.settle(Outcome.GATE_FAILED, call.error, failed)
