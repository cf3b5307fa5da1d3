"""One burst on its way to an outcome: gates, step 1, step 2.

No model is asked while a transaction is open.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone

from conversations import commands, gates, ledger, outbox, reactions, whatsapp
from conversations.context import Context
from conversations.ending import Ending, Overtaken, log
from conversations.knowledge import given as knowledge
from conversations.mailbox import Lease
from conversations.media.fetching import carries_file
from conversations.media.preparing import Prepared, prepare
from conversations.models import AgentSettings, Conversation, Message, Mode
from conversations.splitting import split
from llm import relevance, response
from llm.call import Call
from llm.models import Decision

Outcome = Message.Outcome

# So sure step 1 must be that nobody wants to hear the agent, to keep it quiet.
STOP_CERTAINTY = 0.8


@dataclass(frozen=True)
class Turn:
    """Each step returns when to look again, or None."""

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
            return self._end.anew(overtaken)

    def _take(self) -> datetime | None:
        if all(message.deleted_at for message in self.burst):
            return self._end.settle(Outcome.FILTERED, "Deleted before the answer")
        addressed = self.context.how_addressed(self.burst)
        other_number = self.context.other_number(self.burst)
        spent = ledger.spent(self.agent, self.conversation)
        if any(map(carries_file, self.burst)):
            prepared = self._prepare(addressed, other_number, spent)
            if prepared.until:
                return prepared.until
            if prepared.unheard:
                return self._not_heard(prepared.unheard)
            # A voice note has words only now.
            addressed = self.context.how_addressed(self.burst)
        verdict = gates.check(
            self.agent,
            self.conversation,
            self.burst,
            addressed,
            spent,
            other_number,
            is_shown=self.context.is_shown(self.burst),
        )
        if verdict.is_stop:
            return self._stop(self._rule("silent", verdict.reason))
        if verdict.outcome:
            return self._end.settle(
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

    def _prepare(
        self, addressed: str, other_number: str, spent: gates.Spent
    ) -> Prepared:
        silence = (
            gates.shut(
                self.agent,
                self.conversation,
                self.burst[-1],
                other_number,
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
            self._end.decide(Outcome.NOT_HEARD, reason, unheard)
            outbox.put(
                self.conversation,
                parts,
                author=Message.Author.AGENT,
                status=Message.Status.QUEUED,
                decision=unheard,
                received_at=self._now,
            )
        log("Outcome %s", Outcome.NOT_HEARD, unheard)

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
            return self._end.settle(Outcome.TOO_OLD, older, self._rule("silent", older))
        reason = f"{said.text} from {said.message.sender}"
        is_told = commands.is_answered(self.conversation)
        decision = self._rule("reply" if is_told else "silent", reason)
        decision.kind = "command"
        with transaction.atomic():
            self._end.decide(Outcome.COMMAND, reason, decision)
            answer = commands.obey(said, self.conversation)
            if is_told:
                outbox.put(
                    self.conversation,
                    split(answer),
                    author=Message.Author.COMMAND,
                    status=Message.Status.QUEUED,
                    decision=decision,
                )
        log("Obeyed %s", said.text, decision)

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
        return self._end.settle(Outcome.BELOW_THRESHOLD, comparison, decision)

    def _react(self, comparison: str, decision: Decision) -> None:
        from_ = self.agent.reaction_threshold
        with transaction.atomic():
            reason = f"{comparison}, of a reaction {from_:.2f}"
            self._end.decide(Outcome.REACTED, reason, decision)
            reactions.put(
                self.agent, self.conversation, self.burst[-1], decision, self._now
            )
        log("Outcome %s", Outcome.REACTED, decision)

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
            return self._end.wait(until, failed)
        return self._end.settle(Outcome.GATE_FAILED, call.error, failed)

    # Step 2

    def _reply(self, prompt: str, reason: str, *decisions: Decision) -> datetime | None:
        if self.conversation.mode == Mode.SHADOW:
            return self._end.settle(Outcome.SHADOW, reason, *decisions)
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
            return self._end.wait(until, *decisions, failed)
        return self._end.settle(Outcome.RESPONSE_FAILED, call.error, *decisions, failed)

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

    # The end

    @property
    def _end(self) -> Ending:
        return Ending(self.lease, self.burst)

    def _rule(self, outcome: str, reason: str) -> Decision:
        return ledger.rule(self.conversation, outcome, reason, self._threshold)

    def _stop(self, decision: Decision) -> None:
        """Be quiet in this group for the set time."""
        with transaction.atomic():
            self._end.decide(*gates.told_to_stop(self.agent), decision)
            commands.be_quiet(self.conversation, self.agent.quiet_minutes)
        log("Outcome %s", Outcome.STOPPED, decision)

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
            self._end.decide(outcome, reason, *decisions, written)
            knowledge.record(written, known.uses)
            outbox.put(
                self.conversation,
                split(outbox.addressed(text, self._mentioned)),
                author=Message.Author.AGENT,
                status=Message.Status.DRAFT if is_draft else Message.Status.QUEUED,
                decision=written,
                quoted=self._quoted,
                mentioned=self._mentioned,
                received_at=self._now,
            )
        log("Outcome %s", outcome, *decisions, written)

    @property
    def _now(self) -> datetime:
        """Later than any edit that was read, whatever became of the clock since."""
        edits = [one.edited_at for one in self.burst if one.edited_at]
        return max([timezone.now(), *edits])

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
