"""What this installation is made of, from the configuration in force."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth.models import User
from django.db import connection as database
from django.urls import NoReverseMatch, reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _, ngettext

from conversations.models import AgentSettings
from evolution.models import Instance
from whatsapp_agent.home import connection, health
from whatsapp_agent.home.health import StepHealth, WorkerHealth

MESSAGES = "conversations_message_changelist"
MOST = 2  # phone numbers that are named


@dataclass(frozen=True)
class Part:
    key: str
    title: str | Promise
    name: str
    facts: tuple[str, ...] = ()
    state: str = ""  # open, connecting or close, as of a connection; "" has none
    is_ours: bool = True  # else it belongs to somebody else
    permission: str = ""  # needed to see more than what it is
    view: str = ""  # in the admin
    query: str = ""
    url: str = ""  # where the person may go

    @property
    def label(self) -> str:
        """Its whole text in a line."""
        return ", ".join(filter(None, (f"{self.title}: {self.name}", *self.facts)))


def parts(user: User) -> dict[str, Part]:
    """By their keys, with no more than this person may see."""
    return {part.key: _seen_by(part, user) for part in _parts()}


def _seen_by(part: Part, user: User) -> Part:
    if not user.has_perm(part.permission):
        return replace(part, facts=(), state="")
    try:
        address = reverse(f"admin:{part.view}")
    except NoReverseMatch:  # with Redis, django-q2 has no list of wake-ups
        return part
    return replace(part, url=address + part.query)


def _parts() -> Iterator[Part]:
    agent = AgentSettings.load()
    rows = connection.instances()
    worker = health.worker()
    yield _whatsapp(rows)
    yield _bridge()
    yield _web()
    yield _staff()
    yield _database()
    yield _queue()
    yield _worker(worker)
    yield Part(
        "outbox",
        _("Outbox"),
        _("In the database"),
        (_("intent first, then sent"),),
        permission="conversations.view_message",
        view=MESSAGES,
        query="?status__in=queued,sending,unknown",
    )
    for number, step in enumerate(health.models(agent).reasoned, 1):
        yield _step(number, step)
    yield Part(
        "settings",
        _("Settings"),
        _("The agent is on") if agent.is_on else _("The agent is off"),
        tuple(_settings_facts(agent)),
        state="" if agent.is_on else "connecting",
        permission="conversations.view_agentsettings",
        view="conversations_agentsettings_changelist",
    )


def _settings_facts(agent: AgentSettings) -> Iterator[str]:
    yield _("threshold %(number).2f") % {"number": agent.threshold}
    if own := len(agent.own_values):
        yield ngettext(
            "%(n)d number with values of its own",
            "%(n)d numbers with values of their own",
            own,
        ) % {"n": own}


def _whatsapp(rows: list[Instance]) -> Part:
    phones = [one.phone_number for row in rows if (one := connection.linked(row))]
    numbers = [number for number in phones if number]
    return Part(
        "whatsapp",
        "WhatsApp",
        connection.of(rows).label,
        tuple(numbers[:MOST]) or (_("no phone"),),
        state=connection.of(rows).state,
        is_ours=False,
        permission="evolution.view_instance",
        view="evolution_instance_changelist",
    )


def _bridge() -> Part:
    return Part(
        "bridge",
        _("Bridge"),
        _("Sandbox") if settings.SANDBOX else "Evolution API",
        (_host(settings.EVOLUTION_URL), settings.EVOLUTION_INSTANCE),
        permission="evolution.view_instance",
        view="sandbox_phone" if settings.SANDBOX else "evolution_instance_changelist",
    )


def _web() -> Part:
    is_behind = bool(settings.SECURE_PROXY_SSL_HEADER)
    return Part(
        "web",
        _("Web"),
        _host(settings.SITE_URL),
        (_("behind a proxy") if is_behind else _("without a proxy"),),
        permission="evolution.view_unreadableevent",
        view="evolution_unreadableevent_changelist",
    )


def _staff() -> Part:
    ways = {
        "local": _("By password"),
        "oidc": settings.OIDC_NAME,
        "both": _("%(provider)s or password") % {"provider": settings.OIDC_NAME},
    }
    return Part(
        "staff",
        _("Staff"),
        ways[settings.SIGN_IN],
        is_ours=False,
        permission="auth.view_user",
        view="auth_user_changelist",
    )


def _database() -> Part:
    place = database.settings_dict
    if database.vendor == "sqlite":
        file = Path(str(place["NAME"])).name
        name, fact = "SQLite", _("in memory") if database.is_in_memory_db() else file
    else:
        name, fact = "PostgreSQL", place["HOST"] or _("on this machine")
    return Part(
        "database",
        _("Database: the truth"),
        name,
        (fact,),
        permission="conversations.view_conversation",
        view="conversations_conversation_changelist",
    )


def _queue() -> Part:
    name = "Redis" if settings.REDIS_URL else _("In the database")
    return Part(
        "queue",
        _("Wake-ups"),
        name,
        (_host(settings.REDIS_URL),) if settings.REDIS_URL else ("django-q2",),
        permission="django_q.view_ormq",
        view="django_q_ormq_changelist",
    )


def _worker(worker: WorkerHealth) -> Part:
    waiting = ngettext("%d job waiting", "%d jobs waiting", worker.waiting)
    return Part(
        "worker",
        _("Worker"),
        _("Running") if worker.is_alive else _("Not running"),
        (
            _("%(processes)d × %(threads)d threads")
            % {
                "processes": settings.WORKER_PROCESSES,
                "threads": settings.WORKER_THREADS,
            },
            waiting % worker.waiting if worker.waiting else _("nothing waits"),
        ),
        state="open" if worker.is_alive else "close",
        permission="conversations.view_worker",
        view="conversations_worker_changelist",
    )


def _step(number: int, step: StepHealth) -> Part:
    url = settings.LLM_PROVIDERS[step.provider].get("url", "")
    titles = (_("Step 1: is a reply wanted?"), _("Step 2: the reply"))
    provider = step.provider_label.partition(" (")[0]
    return Part(
        step.step,
        titles[number - 1],
        step.model or provider,
        (
            provider if step.model else "",
            step.missing or (_host(url) if url else _("no network")),
        ),
        state=step.state,
        is_ours=not url,
        permission="llm.view_decision",
        view="llm_decision_changelist",
    )


def _host(url: str) -> str:
    """Without what may stand before it: a name and a password."""
    return urlsplit(url).netloc.rpartition("@")[2]
