"""Whether the worker lives, and whether the models answer."""

from dataclasses import dataclass

from django.utils import timezone
from django.utils.translation import gettext as _

from conversations import mailbox
from conversations.models import AgentSettings, Conversation, Worker
from llm import providers
from llm.models import Decision
from whatsapp_agent.home.ages import age
from whatsapp_agent.home.bounds import count

# Enough to find the last answer of each step, and never a scan of the table.
LOOK_BACK = 300


@dataclass(frozen=True)
class WorkerHealth:
    is_alive: bool
    seen: str  # how long ago, "" if never
    alive: int  # how many
    waiting: int  # conversations that nobody works on, and somebody should

    @property
    def is_behind(self) -> bool:
        return self.waiting > 0 and not self.is_alive


@dataclass(frozen=True)
class StepHealth:
    """The model of one step, by its latest decisions."""

    step: str
    label: str
    provider: str
    provider_label: str
    model: str
    missing: str  # what the provider lacks, as a sentence, or ""
    answered: str  # how long ago it answered last, "" if not lately
    failures: int  # in a row, up to now
    error: str

    @property
    def state(self) -> str:
        if self.missing or self.failures:
            return "close"
        return "open"


@dataclass(frozen=True)
class ModelHealth:
    steps: list[StepHealth]

    @property
    def state(self) -> str:
        is_well = all(step.state == "open" for step in self.steps)
        return "open" if is_well else "close"

    @property
    def label(self) -> str:
        if any(step.missing for step in self.steps):
            return _("Not set up")
        if any(step.failures for step in self.steps):
            return _("Failing")
        if any(step.answered for step in self.steps):
            return _("Answering")
        return _("Ready")


def worker() -> WorkerHealth:
    rows = list(Worker.objects.order_by("-seen_at")[:20])
    due = Conversation.objects.filter(
        mailbox.free_or_expired(timezone.now()), due_at__lte=timezone.now()
    )
    alive = sum(row.is_alive for row in rows)
    return WorkerHealth(
        is_alive=alive > 0,
        seen=age(rows[0].seen_at) if rows else "",
        alive=alive,
        waiting=count(due),
    )


def models(agent: AgentSettings) -> ModelHealth:
    recent = Decision.objects.order_by("-pk").values(
        "source", "step", "provider", "outcome", "error", "created_at"
    )
    asked = [one for one in recent[:LOOK_BACK] if one["source"] == "model"]
    return ModelHealth([_step(agent, step, asked) for step in Decision.REASONED])


def _step(agent: AgentSettings, step: Decision.Step, asked: list[dict]) -> StepHealth:
    provider = getattr(agent, f"{step.value}_provider")
    failed: list[dict] = []
    answered = ""
    for one in asked:  # the newest first
        # What another provider did before the settings changed says nothing.
        if one["step"] != step or one["provider"] != provider:
            continue
        if one["outcome"] != Decision.Outcome.FAILED:
            answered = age(one["created_at"])
            break
        failed.append(one)
    return StepHealth(
        step=step.value,
        label=step.label,
        provider=provider,
        provider_label=getattr(agent, f"get_{step.value}_provider_display")(),
        model=getattr(agent, f"{step.value}_model"),
        missing=providers.missing(provider),
        answered=answered,
        failures=len(failed),
        error=failed[0]["error"] if failed else "",
    )
