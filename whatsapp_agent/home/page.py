"""Home, as one person may see it."""

from dataclasses import dataclass, field

from django.conf import settings
from django.contrib.auth.models import User

from conversations.models import AgentSettings
from whatsapp_agent.home import attention, chats, checklist, connection, day, health
from whatsapp_agent.home.attention import Concern
from whatsapp_agent.home.chats import Decided, Waiting
from whatsapp_agent.home.checklist import Facts, Line
from whatsapp_agent.home.connection import Connection, Linked
from whatsapp_agent.home.drift import of_drift
from whatsapp_agent.home.spark import spark
from whatsapp_agent.home.spending import Spending, today

CHATS = "conversations.view_conversation"


@dataclass(frozen=True)
class Numbers:
    day: day.Day
    outbox: attention.Outbox
    pending: int

    @property
    def bars(self) -> str:
        return spark(self.day.hours)


@dataclass(frozen=True)
class Home:
    """Empty where the person may not look."""

    is_on: bool
    switched_off: list[str] = field(default_factory=list)  # numbers, by themselves
    whatsapp: Connection | None = None
    instances: list[Linked] = field(default_factory=list)
    worker: health.WorkerHealth | None = None
    models: health.ModelHealth | None = None
    numbers: Numbers | None = None
    spending: Spending | None = None
    concerns: list[Concern] = field(default_factory=list)
    waiting: list[Waiting] | None = None
    latest: list[Decided] | None = None
    checklist: list[Line] = field(default_factory=list)
    is_set_up: bool = True
    is_sandbox: bool = False


def home(user: User, with_checklist: bool = False) -> Home:
    may = user.has_perm
    agent = AgentSettings.load()
    worker, models = health.worker(), health.models(agent)
    rows = connection.instances()
    lines = checklist.lines(Facts(agent, worker, models, rows), user)
    is_set_up = all(line.is_done for line in lines)
    numbers = _numbers() if may("conversations.view_message") else None
    may_look = may("evolution.view_instance")
    may_count = may("conversations.view_agentsettings")
    spending = today(agent, [row.name for row in rows]) if may_count else None
    return Home(
        is_on=agent.is_on,
        switched_off=[row.name for row in rows if row.name in agent.switched_off],
        whatsapp=connection.of(rows) if may_look else None,
        instances=[connection.linked(row) for row in rows] if may_look else [],
        worker=worker if may("conversations.view_worker") else None,
        models=models if may_count else None,
        numbers=numbers,
        spending=spending,
        concerns=_concerns(user, numbers, spending),
        waiting=chats.waiting() if may(CHATS) else None,
        latest=chats.latest() if may(CHATS) and may("llm.view_decision") else None,
        checklist=lines if with_checklist or not is_set_up else [],
        is_set_up=is_set_up,
        is_sandbox=settings.SANDBOX and may("evolution.change_instance"),
    )


def _numbers() -> Numbers:
    return Numbers(day.day(), attention.outbox(), chats.count_pending())


def _concerns(
    user: User, numbers: Numbers | None, spending: Spending | None
) -> list[Concern]:
    concerns = [*attention.of_limits(spending)] if spending else []
    if numbers:
        concerns += attention.of_messages(
            numbers.day, numbers.outbox, user.has_perm(CHATS)
        )
    return [
        *concerns,
        *attention.of_bridge(user),
        *of_drift(user),
        *attention.of_pauses(user),
    ]
