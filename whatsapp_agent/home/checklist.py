"""What a new installation needs, line by line, from what is stored: nothing is asked."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from django.contrib.auth.models import User
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _, gettext_lazy

from conversations.models import AgentSettings, Conversation, Mode
from evolution import provider
from evolution.models import Instance, RefusedWebhook
from llm.models import Decision
from whatsapp_agent.home import checks, connection, database, health
from whatsapp_agent.home.health import ModelHealth, WorkerHealth

State = Instance.State
SPEAKING = [Mode.DRAFT, Mode.LIVE]
GROUPS_SHOWN = 3


@dataclass(frozen=True)
class Step:
    """How to get a line done: a page to open, or a button to press."""

    label: str | Promise
    url: str
    permission: str
    is_button: bool = False


@dataclass(frozen=True)
class Line:
    title: str | Promise
    permission: str  # needed to see it
    trouble: str = ""  # what is wrong and what comes next; "" when it is done
    steps: list[Step] = field(default_factory=list)

    @property
    def is_done(self) -> bool:
        return not self.trouble


@dataclass(frozen=True)
class Facts:
    """What the rest of Home has looked up already."""

    agent: AgentSettings
    worker: WorkerHealth
    models: ModelHealth
    instances: list[Instance]


def everything() -> list[Line]:
    """The whole list, as it is without regard to a person."""
    agent = AgentSettings.load()
    return list(
        _lines(
            Facts(agent, health.worker(), health.models(agent), connection.instances())
        )
    )


def lines(facts: Facts, user: User) -> list[Line]:
    """Those that this person may see, each with the steps that they may take."""
    return [
        Line(line.title, line.permission, line.trouble, _allowed(line.steps, user))
        for line in _lines(facts)
        if user.has_perm(line.permission)
    ]


def _allowed(steps: list[Step], user: User) -> list[Step]:
    return [step for step in steps if user.has_perm(step.permission)]


def _lines(facts: Facts) -> Iterator[Line]:
    yield Line(
        gettext_lazy("The database works"),
        "conversations.view_worker",
        database.problem(),
    )
    yield Line(
        gettext_lazy("The worker runs"),
        "conversations.view_worker",
        _worker_trouble(facts.worker),
    )
    yield Line(
        gettext_lazy("The bridge answers"),
        "evolution.view_instance",
        _bridge_trouble(facts.instances),
        [_button(gettext_lazy("Ask the bridge"), "setup_bridge")],
    )
    yield Line(
        gettext_lazy("Webhooks arrive"),
        "evolution.view_instance",
        _webhook_trouble(facts.instances),
        _webhook_steps(facts.instances),
    )
    yield Line(
        gettext_lazy("A phone is linked"),
        "evolution.view_instance",
        _phone_trouble(facts.instances),
        [_link_whatsapp()],
    )
    yield Line(
        gettext_lazy("The model answers"),
        "conversations.view_agentsettings",
        _model_trouble(facts),
        _model_steps(facts.models),
    )
    yield _groups(facts.agent)


def _worker_trouble(worker: WorkerHealth) -> str:
    if worker.is_alive:
        return ""
    if worker.seen:
        last = _("Its last sign of life was %(age)s ago.") % {"age": worker.seen}
        return f"{last} {_('Start it: manage.py worker')}"
    return _("It was never seen. Start it: manage.py worker")


def _bridge_trouble(instances: list[Instance]) -> str:
    if not provider.is_configured():
        return _("Set EVOLUTION_URL and EVOLUTION_API_KEY in the environment.")
    if any(one.state not in (State.UNKNOWN, State.REMOVED) for one in instances):
        return ""
    if checks.is_remembered(checks.bridge_fact()):
        return ""
    return _("Evolution API has not told us anything yet.")


def _webhook_trouble(instances: list[Instance]) -> str:
    if any(one.webhook_at for one in instances):
        return ""
    if RefusedWebhook.objects.filter(reason=RefusedWebhook.Reason.SECRET).exists():
        return _("They arrive with a wrong secret. Register the webhook anew.")
    if not instances:
        return _("There is no instance yet that could send any.")
    return _("None has come yet. Can Evolution API reach this address?")


def _webhook_steps(instances: list[Instance]) -> list[Step]:
    if not instances:
        return [_link_whatsapp()]
    return [_button(gettext_lazy("Register the webhook"), "setup_webhook")]


def _phone_trouble(instances: list[Instance]) -> str:
    linked = any(
        one.state == State.OPEN or (one.state == State.CONNECTING and one.phone_jid)
        for one in instances
    )
    return "" if linked else _("Scan the QR code with the phone that shall answer.")


def _model_trouble(facts: Facts) -> str:
    for step in facts.models.steps:
        if step.missing:
            return step.missing
        if step.failures:
            return _("It failed: %(error)s") % {"error": step.error}
    unproven = [
        step
        for step in facts.models.reasoned
        if not step.answered and not _is_proven(facts.agent, Decision.Step(step.step))
    ]
    return _("It has not been asked yet.") if unproven else ""


def _model_steps(models: ModelHealth) -> list[Step]:
    """First what comes first: there is nobody to ask without a key."""
    if any(step.missing for step in models.steps):
        return [_settings()]
    return [_ask_the_model(), _settings()]


def _is_proven(agent: AgentSettings, step: Decision.Step) -> bool:
    return checks.is_offline(agent, step) or checks.is_remembered(
        checks.model_fact(agent, step)
    )


def _groups(agent: AgentSettings) -> Line:
    title = gettext_lazy("The agent may speak in a group")
    permission = "conversations.view_conversation"
    groups = Conversation.objects.filter(is_group=True)
    # Who chose that new groups are off, or on, need not be told about them.
    if agent.new_group_mode != Mode.SHADOW:
        return Line(title, permission)
    if groups.filter(mode__in=SPEAKING).exists():
        return Line(title, permission)
    first = list(groups.order_by("-last_message_at", "-pk")[:GROUPS_SHOWN])
    if not first:
        trouble = _("Add the phone to a group: it appears here with its first message.")
        return Line(title, permission, trouble, [_settings()])
    trouble = _("In a new group it only watches. Open one and choose its mode.")
    return Line(title, permission, trouble, [_open(group) for group in first])


def _button(label: Promise, view: str) -> Step:
    return Step(
        label, reverse(f"admin:{view}"), "evolution.change_instance", is_button=True
    )


def _ask_the_model() -> Step:
    return Step(
        gettext_lazy("Ask the model"),
        reverse("admin:setup_model"),
        "conversations.change_agentsettings",
        is_button=True,
    )


def _settings() -> Step:
    return Step(
        gettext_lazy("Settings"),
        reverse("admin:conversations_agentsettings_changelist"),
        "conversations.view_agentsettings",
    )


def _link_whatsapp() -> Step:
    return Step(
        gettext_lazy("Link WhatsApp"),
        reverse("admin:evolution_instance_changelist"),
        "evolution.view_instance",
    )


def _open(group: Conversation) -> Step:
    return Step(
        str(group),
        reverse("admin:conversations_conversation_change", args=[group.pk]),
        "conversations.change_conversation",
    )
