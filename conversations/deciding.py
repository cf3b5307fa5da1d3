"""What becomes of a burst: a command is obeyed, gates are passed, models are asked.

Each step returns when to look again, or None. No model is asked while a transaction is
open.
"""

from datetime import datetime

from django.db import transaction

from conversations import commands, gates, ledger, outbox
from conversations.ending import Overtaken, log
from conversations.judging import judge, stop
from conversations.media.fetching import carries_file
from conversations.media.preparing import Prepared, prepare
from conversations.models import Message, Mode
from conversations.replying import reply
from conversations.splitting import split
from conversations.turn import Turn
from llm.models import Decision

Outcome = Message.Outcome


def take(turn: Turn, said: commands.Said | None = None) -> datetime | None:
    """`said`: the burst is a command."""
    try:
        return _obey(turn, said) if said else _take(turn)
    except Overtaken as overtaken:
        return turn.end.anew(overtaken)


def _take(turn: Turn) -> datetime | None:
    if all(message.deleted_at for message in turn.burst):
        return turn.end.settle(Outcome.FILTERED, "Deleted before the answer")
    addressed = turn.context.how_addressed(turn.burst)
    other_number = turn.context.other_number(turn.burst)
    spent = ledger.spent(turn.agent, turn.conversation)
    if any(map(carries_file, turn.burst)):
        prepared = _prepare(turn, addressed, other_number, spent)
        if prepared.until:
            return prepared.until
        if prepared.unheard:
            return _not_heard(turn, prepared.unheard)
        # A voice note has words only now.
        addressed = turn.context.how_addressed(turn.burst)
    verdict = gates.check(
        turn.agent,
        turn.conversation,
        turn.burst,
        addressed,
        spent,
        other_number,
        is_shown=turn.context.is_shown(turn.burst),
    )
    if verdict.is_stop:
        return stop(turn, turn.rule("silent", verdict.reason))
    if verdict.outcome:
        return turn.end.settle(
            verdict.outcome, verdict.reason, turn.rule("silent", verdict.reason)
        )
    if verdict.prompt:
        return reply(
            turn, verdict.prompt, verdict.reason, turn.rule("reply", verdict.reason)
        )
    return judge(turn)


def _prepare(
    turn: Turn, addressed: str, other_number: str, spent: gates.Spent
) -> Prepared:
    silence = (
        gates.shut(
            turn.agent,
            turn.conversation,
            turn.burst[-1],
            other_number,
            addressed,
        )
        or gates.looping(turn.agent, spent)
        or gates.model_budget(turn.agent, spent)
    )
    return prepare(
        turn.lease,
        turn.agent,
        turn.conversation,
        turn.burst,
        is_silent=bool(silence),
        addressed=addressed,
    )


def _not_heard(turn: Turn, reason: str) -> None:
    """Nothing of it can be understood. Alone with somebody, say so, once."""
    unheard = ledger.unheard(turn.conversation, reason)
    parts = _apology(turn)
    with transaction.atomic():
        turn.end.decide(Outcome.NOT_HEARD, reason, unheard)
        outbox.put(
            turn.conversation,
            parts,
            author=Message.Author.AGENT,
            status=Message.Status.QUEUED,
            decision=unheard,
            received_at=turn.now,
        )
    log("Outcome %s", Outcome.NOT_HEARD, unheard)


def _apology(turn: Turn) -> list[str]:
    if turn.conversation.is_group or turn.conversation.mode != Mode.LIVE:
        return []
    said = Message.objects.filter(
        decision__step=Decision.Step.TRANSCRIPTION,
        decision__messages__in=turn.burst,
    )
    return [] if said.exists() else split(turn.agent.voice_apology)


def _obey(turn: Turn, said: commands.Said) -> None:
    """Obey and answer in one transaction: once, or not at all."""
    if said.message.sent_at < turn.agent.oldest_answered_at:
        older = f"A command older than {turn.agent.oldest_answered} minutes"
        return turn.end.settle(Outcome.TOO_OLD, older, turn.rule("silent", older))
    reason = f"{said.text} from {said.message.sender}"
    is_told = commands.is_answered(turn.conversation)
    decision = turn.rule("reply" if is_told else "silent", reason)
    decision.kind = "command"
    with transaction.atomic():
        turn.end.decide(Outcome.COMMAND, reason, decision)
        answer = commands.obey(said, turn.conversation)
        if is_told:
            outbox.put(
                turn.conversation,
                split(answer),
                author=Message.Author.COMMAND,
                status=Message.Status.QUEUED,
                decision=decision,
            )
    log("Obeyed %s", said.text, decision)
