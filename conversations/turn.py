"""One burst on its way to an outcome, and what its steps have in common."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils import timezone

from conversations import ledger
from conversations.context import Context
from conversations.ending import Ending
from conversations.mailbox import Lease
from conversations.models import AgentSettings, Conversation, Message
from llm.call import Call
from llm.models import Decision


@dataclass(frozen=True)
class Turn:
    """What the steps work on."""

    lease: Lease
    agent: AgentSettings
    conversation: Conversation
    burst: list[Message]
    context: Context

    @property
    def threshold(self) -> float:
        own = self.conversation.threshold
        return self.agent.threshold if own is None else own

    def failed(self, call: Call, step: str) -> Decision:
        return ledger.decision(
            call,
            conversation=self.conversation,
            step=step,
            outcome=Decision.Outcome.FAILED,
            threshold=self.threshold if step == Decision.Step.RELEVANCE else None,
        )

    def later(self, call: Call) -> datetime | None:
        """When to try again, None where that is hopeless or would be too late."""
        if not call.retryable:
            return None
        failures = self.burst[-1].decisions.filter(outcome=Decision.Outcome.FAILED)
        seconds = max(call.retry_after or 0, min(60, 2.0 ** failures.count()))
        until = timezone.now() + timedelta(seconds=seconds)
        oldest = timedelta(minutes=self.agent.oldest_answered)
        return until if until - self.burst[-1].sent_at < oldest else None

    @property
    def end(self) -> Ending:
        return Ending(self.lease, self.burst)

    def rule(self, outcome: str, reason: str) -> Decision:
        return ledger.rule(self.conversation, outcome, reason, self.threshold)

    @property
    def now(self) -> datetime:
        """Later than any edit that was read, whatever became of the clock since."""
        edits = [one.edited_at for one in self.burst if one.edited_at]
        return max([timezone.now(), *edits])
