"""What a button of the checklist asks the world outside, and how it is remembered.

A success stands in the audit log, so that it outlives this process and tells who asked.
"""

from dataclasses import replace

from django.conf import settings
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from django.utils.translation import gettext as _

from conversations import ledger
from conversations.models import AgentSettings
from conversations.whatsapp import BridgeError
from evolution import client, instances
from evolution.models import Instance
from llm.call import ask
from llm.models import Decision
from llm.providers import Request

TIMEOUT = 10.0  # seconds
QUESTION = "Are you there? Answer with the one word Yes."


class CheckFailed(Exception):
    """Says to staff what went wrong."""


def model_fact(agent: AgentSettings, step: Decision.Step) -> str:
    """In the log's own words, never translated: it is looked up again."""
    model = ledger.model(agent, step)
    return f"Asked a model, it answered: {model.provider} {model.name}".strip()


def bridge_fact() -> str:
    return f"Asked the bridge, it answered: {settings.EVOLUTION_URL}"


def is_remembered(fact: str) -> bool:
    kind = ContentType.objects.get_for_model(AgentSettings)
    entries = LogEntry.objects.filter(content_type=kind, object_id="1")
    return entries.filter(change_message=fact).exists()


def ask_models(user: User) -> str:
    asked = False
    for agent, step in all_models():
        ask_model(agent, step)
        _remember(user, agent, model_fact(agent, step))
        asked = True
    return _("The model answered.") if asked else _("Scripted answers need no model.")


def distinct_models(agent: AgentSettings) -> list[Decision.Step]:
    """Steps whose models are to be asked; the same model only once."""
    online = [step for step in Decision.REASONED if not is_offline(agent, step)]
    return list({model_fact(agent, step): step for step in reversed(online)}.values())


def all_models() -> list[tuple[AgentSettings, Decision.Step]]:
    """Of the common settings and of every instance; the same model only once."""
    common = AgentSettings.load()
    laid = [common, *(common.laid_over(name) for name in common.own_values)]
    found = {
        model_fact(agent, step): (agent, step)
        for agent in reversed(laid)
        for step in distinct_models(agent)
    }
    return list(reversed(found.values()))


def is_offline(agent: AgentSettings, step: Decision.Step) -> bool:
    """Whether the step's provider has neither address nor key, and needs none."""
    return settings.LLM_PROVIDERS.get(ledger.model(agent, step).provider) == {}


def ask_bridge(user: User) -> str:
    """Ask for its instances, and write what it says of those that are ours."""
    try:
        there = {row.get("name") for row in client.fetch_instances()}
        names = set(Instance.objects.values_list("name", flat=True))
        for name in there & (names | {settings.EVOLUTION_INSTANCE}):
            instances.refresh(name)
    except BridgeError as error:
        raise CheckFailed(str(error)) from error
    _remember(user, AgentSettings.load(), bridge_fact())
    return _("The bridge answered.")


def register_webhooks(user: User) -> str:
    present = Instance.objects.exclude(state=Instance.State.REMOVED)
    try:
        for name in present.values_list("name", flat=True):
            instances.register_webhook(name)
    except BridgeError as error:
        raise CheckFailed(str(error)) from error
    _remember(
        user, AgentSettings.load(), f"Registered webhooks: {settings.WEBHOOK_URL}"
    )
    return _("Webhooks come to %(url)s.") % {"url": settings.WEBHOOK_URL}


def ask_model(agent: AgentSettings, step: Decision.Step) -> None:
    """Ask the model of a step for a word, or raise CheckFailed."""
    model = replace(ledger.model(agent, step), timeout=TIMEOUT)
    request = Request(
        purpose=step.value,
        system="You answer with one word.",
        prompt=QUESTION,
        model=model.name,
        timeout=TIMEOUT,
    )
    _text, call = ask(model, "check", request)
    if call.error:
        raise CheckFailed(call.error)


def _remember(user: User, agent: AgentSettings, fact: str) -> None:
    LogEntry.objects.log_actions(user.pk, [agent], CHANGE, fact)
