"""How a message came to its outcome, step by step."""

from dataclasses import dataclass
from functools import cached_property

from django.utils.translation import gettext as _

from conversations.models import KnowledgeUse, Message
from llm.models import Decision

Outcome = Message.Outcome

TONES = {
    Outcome.REPLIED: "ok",
    Outcome.COMMAND: "ok",
    Outcome.PENDING: "warn",
    Outcome.REPLYING: "warn",
    Outcome.DRAFTED: "warn",
    Outcome.NOT_HEARD: "bad",
    Outcome.GATE_FAILED: "bad",
    Outcome.RESPONSE_FAILED: "bad",
    Outcome.SEND_FAILED: "bad",
}


# Django's get_…_display() makes such a dictionary at every call.
LABELS = dict(Outcome.choices)
STEPS = dict(Decision.Step.choices)


@dataclass(frozen=True)
class Step:
    decision: Decision

    @property
    def pk(self) -> str:
        return str(self.decision.pk)

    @property
    def title(self) -> str:
        if self.decision.source == Decision.Source.RULE:
            return _("Rule")
        return STEPS.get(self.decision.step, self.decision.step)

    @property
    def is_bad(self) -> bool:
        return self.decision.outcome == Decision.Outcome.FAILED

    @property
    def verdict(self) -> str:
        """What the probability came to."""
        p, threshold = self.decision.p, self.decision.threshold
        if p is None or threshold is None:
            return ""
        if p >= threshold:
            return _("at or above the threshold: a reply was wanted")
        return _("below the threshold: nothing was to be said")

    @cached_property
    def sent(self) -> list[Message]:
        return list(self.decision.replies.all())

    @cached_property
    def known(self) -> list[KnowledgeUse]:
        """What of the operator's texts it was given."""
        return list(self.decision.knowledge.all())

    @property
    def facts(self) -> str:
        """Who was asked, and what it took."""
        one = self.decision
        if one.source == Decision.Source.RULE:
            return ""
        version = one.prompt_version and _("prompt %s") % one.prompt_version
        latency = "" if one.latency_ms is None else f"{one.latency_ms} ms"
        cost = "" if one.cost is None else _("cost %s") % f"{one.cost.normalize():f}"
        length = "" if one.seconds is None else _("%s s of sound") % one.seconds
        attempts = _("%s attempts") % one.attempts if one.attempts > 1 else ""
        parts = [one.provider, one.model, one.kind, version, length, latency, attempts]
        return " · ".join(part for part in [*parts, self._tokens, cost] if part)

    @property
    def _tokens(self) -> str:
        one = self.decision
        if one.tokens_in is None and one.tokens_out is None:
            return ""
        counts = (one.tokens_in, one.tokens_cached, one.tokens_out)
        read, cached, written = ("?" if n is None else n for n in counts)
        return _("%(read)s tokens in (%(cached)s cached), %(written)s out") % {
            "read": read,
            "cached": cached,
            "written": written,
        }


@dataclass(frozen=True)
class Chain:
    message: Message

    @cached_property
    def outcome(self) -> str:
        return str(LABELS.get(self.message.outcome, self.message.outcome))

    @cached_property
    def tone(self) -> str:
        return TONES.get(self.message.outcome, "")

    @cached_property
    def steps(self) -> list[Step]:
        return [Step(decision) for decision in self.message.decisions.all()]

    @cached_property
    def judged(self) -> Decision | None:
        """The decision whose p counts: the last one that has one."""
        scored = (s.decision for s in reversed(self.steps) if s.decision.p is not None)
        return next(scored, None)

    @cached_property
    def burst(self) -> list[Message]:
        """What was judged together with it."""
        together = {
            one.pk: one for step in self.steps for one in step.decision.messages.all()
        }
        return [one for pk, one in together.items() if pk != self.message.pk]
