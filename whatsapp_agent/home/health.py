"""Whether the worker lives, and whether the models answer."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from django.utils import timezone
from django.utils.translation import gettext as _

from conversations import mailbox
from conversations.models import AgentSettings, Conversation, Worker
from conversations.numbers import ours
from llm import providers, transcription
from llm.models import Decision
from whatsapp_agent.home.ages import age
from whatsapp_agent.home.bounds import count

# Enough to find the last answer of each step, and never a scan of the table.
LOOK_BACK = 300
TRANSCRIPTION = Decision.Step.TRANSCRIPTION
STEPS = (*Decision.REASONED, TRANSCRIPTION)
# How their settings' names begin.
PARTS = {step: step.value for step in Decision.REASONED} | {
    TRANSCRIPTION: "transcription"
}
NEVER = AgentSettings.Transcribe.NEVER
SCRIPTED = AgentSettings.Provider.SCRIPTED


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
class Asked:
    """The model that settings name for a step."""

    step: Decision.Step
    provider: str
    provider_label: str
    name: str

    @classmethod
    def by(cls, agent: AgentSettings, step: Decision.Step) -> "Asked | None":
        """None where they have none asked."""
        part = PARTS[step]
        if step == TRANSCRIPTION and agent.transcribe == NEVER:
            return None
        provider = getattr(agent, f"{part}_provider")
        label = getattr(agent, f"get_{part}_provider_display")()
        # The scripted provider has but one.
        name = "" if provider == SCRIPTED else getattr(agent, f"{part}_model")
        return cls(step, provider, label, name)

    @property
    def missing(self) -> str:
        module = transcription if self.step == TRANSCRIPTION else providers
        return module.missing(self.provider)


@dataclass(frozen=True)
class StepHealth:
    """A model of one step, by its latest decisions."""

    step: str
    label: str
    provider: str
    provider_label: str
    model: str
    missing: str  # what the provider lacks, as a sentence, or ""
    answered: str  # how long ago it answered last, "" if not lately
    failures: int  # in a row, up to now
    error: str
    numbers: list[str] = field(default_factory=list)  # whose own it is; none: of all

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
    def reasoned(self) -> list[StepHealth]:
        """Those of the two steps that every number has, or follows."""
        common = (one for one in self.steps if not one.numbers)
        return [one for one in common if one.step in Decision.REASONED]

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
    """Of the common settings, and of the numbers that have others of their own."""
    recent = Decision.objects.order_by("-pk").values(
        "source",
        "step",
        "provider",
        "outcome",
        "error",
        "created_at",
        "conversation__instance",
    )
    asked = [one for one in recent[:LOOK_BACK] if one["source"] == "model"]
    laid = {name: agent.laid_over(name) for name in agent.own_values if name in ours()}
    return ModelHealth(
        [one for step in STEPS for one in _of_step(step, agent, laid, asked)]
    )


def _of_step(
    step: Decision.Step,
    agent: AgentSettings,
    laid: dict[str, AgentSettings],
    asked: list[dict],
) -> Iterator[StepHealth]:
    common = Asked.by(agent, step)
    by_number = {name: Asked.by(one, step) for name, one in laid.items()}
    rows: dict[Asked | None, list[dict]] = {}
    for one in asked:  # the newest first
        if one["step"] == step:
            model = by_number.get(one["conversation__instance"], common)
            rows.setdefault(model, []).append(one)
    for model in filter(None, dict.fromkeys([common, *by_number.values()])):
        numbers = [name for name, own in by_number.items() if own == model != common]
        yield _health(step, model, numbers, rows.get(model, []))


def _health(
    step: Decision.Step, model: Asked, numbers: list[str], asked: list[dict]
) -> StepHealth:
    failed: list[dict] = []
    answered = ""
    for one in asked:
        # What another provider did before the settings changed says nothing.
        if one["provider"] != model.provider:
            continue
        if one["outcome"] != Decision.Outcome.FAILED:
            answered = age(one["created_at"])
            break
        failed.append(one)
    return StepHealth(
        step=step.value,
        label=step.label,
        provider=model.provider,
        provider_label=model.provider_label,
        model=model.name,
        missing=model.missing,
        answered=answered,
        failures=len(failed),
        error=failed[0]["error"] if failed else "",
        numbers=sorted(numbers),
    )
