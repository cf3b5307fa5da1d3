"""What becomes of a message: gates, step 1, step 2, and one transaction that stores it all.

No model is asked and nothing is sent while a transaction is open.
"""

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Model
from django.utils import timezone

from conversations import (
    bursts,
    commands,
    gates,
    hot,
    ledger,
    outbox,
    reactions,
    whatsapp,
)
from conversations.context import Context
from conversations.knowledge import given as knowledge
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
from conversations.media.preparing import Prepared, prepare
from conversations.models import AgentSettings, Conversation, Message, Mode
from conversations.splitting import split
from llm import relevance, response
from llm.call import Call
from llm.models import Decision

logger = logging.getLogger(__name__)

Outcome = Message.Outcome

# A busy conversation goes to the back of the queue after so many bursts.
ROUNDS = 5
# Errors of ours, not of a model: then the message is given up and shown to staff.
GIVE_UP_AFTER = 8
# So sure step 1 must be that nobody wants to hear the agent, to keep it quiet.
STOP_CERTAINTY = 0.8
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
    for _ in range(ROUNDS):
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
            return turn.take(said)
    if conversation.crashes > SUSPECT_AFTER or conversation.errors >= SUSPECT_AFTER:
        pending = pending[:1]  # something here does harm: find out which it is
    burst = bursts.first_over(pending, context.wait_for, agent.longest_wait)
    if burst.over_at > timezone.now():
        return burst.over_at
    with about(message=_ids(burst.messages)):
        return Turn(lease, agent, conversation, burst.messages, context).take()


def _ids(rows: Iterable[Model]) -> str:
    return ",".join(str(row.pk) for row in rows)


_SETTLE = """
    UPDATE conversations_message SET outcome = %s, reason = %s
    WHERE direction = 'in' AND outcome = '' AND id IN"""
CHANGED = "It was edited or deleted meanwhile, and judged anew"


class Overtaken(Exception):
    """What was judged is not what stands there now."""

    def __init__(self, decisions: tuple[Decision, ...]) -> None:
        super().__init__(CHANGED)
        self.decisions = decisions


@dataclass(frozen=True)
class Turn:
    """One burst on its way to an outcome. Each step returns when to look again, or None."""

    lease: Lease
    agent: AgentSettings
    conversation: Conversation
    burst: list[Message]
    context: Context

    def take(self, said: commands.Said | None = None) -> datetime | None:
        """`said`: the burst is a command."""
        try:
            return self._obey(said) if said else self._take()
        except Overtaken as overtaken:
            return self._anew(overtaken.decisions)

    def _take(self) -> datetime | None:
        if all(message.deleted_at for message in self.burst):
            return self._settle(Outcome.FILTERED, "Deleted before the answer")
        spent = ledger.spent(self.agent, self.conversation)
        prepared = self._prepare(spent)
        if prepared.until:
            return prepared.until
        if prepared.unheard:
            return self._not_heard(prepared.unheard)
        verdict = gates.check(
            self.agent,
            self.conversation,
            self.burst,
            self.context.how_addressed(self.burst),
            spent,
            self.context.other_number(self.burst),
            is_shown=self.context.is_shown(self.burst),
        )
        if verdict.is_stop:
            return self._stop(self._rule("silent", verdict.reason))
        if verdict.outcome:
            return self._settle(
                verdict.outcome, verdict.reason, self._rule("silent", verdict.reason)
            )
        if verdict.prompt:
            return self._reply(
                verdict.prompt, verdict.reason, self._rule("reply", verdict.reason)
            )
        return self._judge()

    @property
    def _threshold(self) -> float:
        own = self.conversation.threshold
        return self.agent.threshold if own is None else own

    # What it carries

    def _prepare(self, spent: gates.Spent) -> Prepared:
        addressed = self.context.how_addressed(self.burst)
        silence = (
            gates.shut(
                self.agent,
                self.conversation,
                self.burst[-1],
                self.context.other_number(self.burst),
                addressed,
            )
            or gates.looping(self.agent, spent)
            or gates.model_budget(self.agent, spent)
        )
        return prepare(
            self.lease,
            self.agent,
            self.conversation,
            self.burst,
            is_silent=bool(silence),
            addressed=addressed,
        )

    def _not_heard(self, reason: str) -> None:
        """Nothing of it can be understood. Alone with somebody, say so, once."""
        unheard = ledger.unheard(self.conversation, reason)
        parts = self._apology
        with transaction.atomic():
            self._decide(Outcome.NOT_HEARD, reason, (unheard,))
            outbox.put(
                self.conversation,
                parts,
                author=Message.Author.AGENT,
                status=Message.Status.QUEUED,
                decision=unheard,
            )
        _log("Outcome %s", Outcome.NOT_HEARD, unheard)

    @property
    def _apology(self) -> list[str]:
        if self.conversation.is_group or self.conversation.mode != Mode.LIVE:
            return []
        said = Message.objects.filter(
            decision__step=Decision.Step.TRANSCRIPTION,
            decision__messages__in=self.burst,
        )
        return [] if said.exists() else split(self.agent.voice_apology)

    # A command

    def _obey(self, said: commands.Said) -> None:
        """Obey and answer in one transaction: once, or not at all."""
        if said.message.sent_at < self.agent.oldest_answered_at:
            older = f"A command older than {self.agent.oldest_answered} minutes"
            return self._settle(Outcome.TOO_OLD, older, self._rule("silent", older))
        reason = f"{said.text} from {said.message.sender}"
        is_told = commands.is_answered(self.conversation)
        decision = self._rule("reply" if is_told else "silent", reason)
        decision.kind = "command"
        with transaction.atomic():
            self._decide(Outcome.COMMAND, reason, (decision,))
            answer = commands.obey(said, self.conversation)
            if is_told:
                outbox.put(
                    self.conversation,
                    split(answer),
                    author=Message.Author.COMMAND,
                    status=Message.Status.QUEUED,
                    decision=decision,
                )
        _log("Obeyed %s", said.text, decision)

    # Step 1

    def _judge(self) -> datetime | None:
        if decided := self._decided_before():
            return self._reply(gates.UNPROMPTED, decided.why)
        judgement = relevance.judge(
            self.context.lines,
            self.context.numbers(self.burst),
            names=self.agent.names,
            policy=self._policy,
            model=ledger.model(self.agent, Decision.Step.RELEVANCE),
            group_name=self.conversation.name,
            topics=self._topics,
            attachments=self.context.pictures(Decision.Step.RELEVANCE, self.burst),
        )
        if judgement.call.error:
            return self._gate_failed(judgement.call)
        wanted = judgement.p >= self._threshold
        decision = ledger.decision(
            judgement.call,
            conversation=self.conversation,
            step=Decision.Step.RELEVANCE,
            outcome=Decision.Outcome.REPLY if wanted else Decision.Outcome.SILENT,
            p=judgement.p,
            threshold=self._threshold,
            kind=judgement.kind,
            why=judgement.why,
        )
        comparison = f"p {judgement.p:.2f}, threshold {self._threshold:.2f}"
        if wanted:
            return self._reply(gates.UNPROMPTED, comparison, decision)
        if self._asks_for_silence(judgement):
            return self._stop(decision)
        if reactions.would_do(
            self.agent, self.conversation, self.burst[-1], judgement.p
        ):
            return self._react(comparison, decision)
        return self._settle(Outcome.BELOW_THRESHOLD, comparison, decision)

    def _react(self, comparison: str, decision: Decision) -> None:
        from_ = self.agent.reaction_threshold
        with transaction.atomic():
            reason = f"{comparison}, of a reaction {from_:.2f}"
            self._decide(Outcome.REACTED, reason, (decision,))
            reactions.put(self.agent, self.conversation, self.burst[-1], decision)
        _log("Outcome %s", Outcome.REACTED, decision)

    def _asks_for_silence(self, judgement: relevance.Judgement) -> bool:
        is_certain = 1 - judgement.p >= STOP_CERTAINTY
        return bool(
            judgement.kind == "stop" and is_certain and self.agent.quiet_minutes
        )

    @property
    def _policy(self) -> str:
        own = self.conversation.instructions
        return "\n\n".join(filter(None, [self.agent.group_instructions, own]))

    @property
    def _topics(self) -> list[str]:
        return (
            knowledge.topics(self.conversation) if self.agent.knowledge_topics else []
        )

    def _decided_before(self) -> Decision | None:
        """Step 1's decision about this very burst, where only step 2 failed."""
        decision = (
            self.burst[-1]
            .decisions.filter(step="relevance", outcome="reply", source="model")
            .order_by("id")
            .last()
        )
        if decision is None or decision.messages.count() != len(self.burst):
            return None
        changes = (message.edited_at or message.sent_at for message in self.burst)
        return decision if decision.created_at > max(changes) else None

    def _gate_failed(self, call: Call) -> datetime | None:
        failed = self._failed(call, Decision.Step.RELEVANCE)
        again = self.agent.on_gate_failure == AgentSettings.OnGateFailure.RETRY
        if again and (until := self._later(call)):
            return self._wait(until, failed)
        return self._settle(Outcome.GATE_FAILED, call.error, failed)

    # Step 2

    def _reply(self, prompt: str, reason: str, *decisions: Decision) -> datetime | None:
        if self.conversation.mode == Mode.SHADOW:
            return self._settle(Outcome.SHADOW, reason, *decisions)
        self._show_life()
        lines, judged = self.context.lines, self.context.numbers(self.burst)
        known = knowledge.given(self.agent, self.conversation, lines, judged)
        reply = response.write(
            lines,
            judged,
            names=self.agent.names,
            instructions=self._instructions,
            is_group=self.conversation.is_group,
            model=ledger.model(self.agent, Decision.Step.RESPONSE),
            max_tokens=self.agent.response_max_tokens,
            temperature=self.agent.temperature,
            group_name=self.conversation.name,
            knowledge=known.knowledge,
            attachments=self.context.pictures(Decision.Step.RESPONSE, self.burst),
        )
        if reply.call.error:
            return self._response_failed(reply.call, *decisions)
        written = ledger.decision(
            reply.call,
            conversation=self.conversation,
            step=Decision.Step.RESPONSE,
            outcome=Decision.Outcome.WRITTEN,
            kind=prompt,
            why=reason,
        )
        return self._put_in_outbox(reply.text, reason, known, written, *decisions)

    @property
    def _instructions(self) -> str:
        return "\n\n".join(
            filter(None, [self.agent.instructions, self.conversation.instructions])
        )

    def _show_life(self) -> None:
        """Tick the question as read and show that somebody is typing."""
        if self.conversation.mode != Mode.LIVE:
            return
        provider, jid = whatsapp.provider(), self.conversation.jid
        if self.agent.mark_read:
            ids = [message.whatsapp_id for message in self.burst if message.whatsapp_id]
            provider.mark_read(self.conversation.instance, jid, ids)
        if self.agent.show_typing:
            provider.show_typing(self.conversation.instance, jid, 5)

    def _response_failed(self, call: Call, *decisions: Decision) -> datetime | None:
        failed = self._failed(call, Decision.Step.RESPONSE)
        if until := self._later(call):
            return self._wait(until, *decisions, failed)
        return self._settle(Outcome.RESPONSE_FAILED, call.error, *decisions, failed)

    def _failed(self, call: Call, step: str) -> Decision:
        return ledger.decision(
            call,
            conversation=self.conversation,
            step=step,
            outcome=Decision.Outcome.FAILED,
            threshold=self._threshold if step == Decision.Step.RELEVANCE else None,
        )

    def _later(self, call: Call) -> datetime | None:
        """When to try again, None where that is hopeless or would be too late."""
        if not call.retryable:
            return None
        failures = self.burst[-1].decisions.filter(outcome=Decision.Outcome.FAILED)
        seconds = max(call.retry_after or 0, min(60, 2.0 ** failures.count()))
        until = timezone.now() + timedelta(seconds=seconds)
        oldest = timedelta(minutes=self.agent.oldest_answered)
        return until if until - self.burst[-1].sent_at < oldest else None

    # The end: one transaction

    def _rule(self, outcome: str, reason: str) -> Decision:
        return ledger.rule(self.conversation, outcome, reason, self._threshold)

    def _wait(self, until: datetime, *decisions: Decision) -> datetime:
        with transaction.atomic():
            fence(self.lease)
            ledger.store(self.burst, decisions)
        _log("Failed; tried again at %s", until, *decisions)
        return until

    def _settle(self, outcome: str, reason: str, *decisions: Decision) -> None:
        with transaction.atomic():
            self._decide(outcome, reason, decisions)
        _log("Outcome %s", outcome, *decisions)

    def _stop(self, decision: Decision) -> None:
        """Be quiet in this group for the set time."""
        with transaction.atomic():
            self._decide(*gates.told_to_stop(self.agent), (decision,))
            commands.be_quiet(self.conversation, self.agent.quiet_minutes)
        _log("Outcome %s", Outcome.STOPPED, decision)

    def _decide(
        self, outcome: str, reason: str, decisions: tuple[Decision, ...]
    ) -> None:
        fence(self.lease, crashes=1, errors=0)
        ids = [message.pk for message in self.burst]
        unchanged, times = self._unchanged
        sql = f"{_SETTLE} ({hot.places(ids)}) {unchanged}"
        if hot.execute(sql, outcome, reason[:300], *ids, *times) != len(ids):
            if Message.objects.filter(pk__in=ids).pending().count() == len(ids):
                raise Overtaken(decisions)
            raise LeaseLost  # staff settled it meanwhile
        ledger.store(self.burst, decisions)

    @property
    def _unchanged(self) -> tuple[str, list[datetime]]:
        """The condition that the burst stands as it was read, and its values."""
        conditions, values = "", []
        for column in ("edited_at", "deleted_at"):
            read = [at for one in self.burst if (at := getattr(one, column))]
            conditions += f" AND ({column} IS NULL"
            conditions += f" OR {column} IN ({hot.places(read)}))" if read else ")"
            values += read
        return conditions, values

    def _anew(self, decisions: tuple[Decision, ...]) -> datetime:
        """Keep what was spent, and look again: at once, but not for ever in a row."""
        spent = [one for one in decisions if one.source == "model" and one.pk is None]
        for one in spent:
            one.outcome, one.p, one.error = Decision.Outcome.FAILED, None, CHANGED
        times = self.burst[-1].decisions.filter(error=CHANGED).count()
        until = timezone.now() + timedelta(seconds=min(60, 2.0**times - 1))
        return self._wait(until, *spent)

    def _put_in_outbox(
        self,
        text: str,
        reason: str,
        known: knowledge.Given,
        written: Decision,
        *decisions: Decision,
    ) -> None:
        is_draft = self.conversation.mode == Mode.DRAFT
        with transaction.atomic():
            outcome = Outcome.DRAFTED if is_draft else Outcome.REPLYING
            self._decide(outcome, reason, (*decisions, written))
            knowledge.record(written, known.uses)
            outbox.put(
                self.conversation,
                split(outbox.addressed(text, self._mentioned)),
                author=Message.Author.AGENT,
                status=Message.Status.DRAFT if is_draft else Message.Status.QUEUED,
                decision=written,
                quoted=self._quoted,
                mentioned=self._mentioned,
            )
        _log("Outcome %s", outcome, *decisions, written)

    @property
    def _mentioned(self) -> str:
        """The phone's JID of whom a group's reply is for; of a LID alone it is not known."""
        sender = self.burst[-1].sender
        is_mentioned = self.conversation.is_group and self.agent.mention_asker
        return (sender.phone_jid or "") if is_mentioned and sender else ""

    @property
    def _quoted(self) -> Message | None:
        is_quoted = self.conversation.is_group and self.agent.quote_in_groups
        return self.burst[-1] if is_quoted else None


def _log(event: str, value: object, *decisions: Decision) -> None:
    with about(decision=_ids(decisions)):
        logger.info(event, value)
