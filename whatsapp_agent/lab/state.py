"""What a page of the lab is asked to show: all of it stands in its address."""

from dataclasses import dataclass

from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.http import urlencode

from conversations import instance_settings
from conversations.models import AgentSettings, Conversation
from conversations.thresholds import key_of
from llm.lab import evidence
from llm.lab.evidence import Version, Window
from llm.lab.prices import Prices

DAYS = 30
# How many unwanted replies one missed question is as bad as.
RATES = {"1/5": 0.2, "1/3": 1 / 3, "1/2": 0.5, "1": 1.0, "2": 2.0, "3": 3.0, "5": 5.0}
RATE = "1"
# A longer number is no key, and no database takes it for one.
LONGEST_KEY = 18


@dataclass(frozen=True)
class State:
    group: Conversation | None
    days: int
    rate: str
    window: Window
    versions: list[Version]
    version: Version | None
    common: float
    tried: float | None = None
    instance: str = ""  # of all groups only those of this number
    instances: tuple[str, ...] = ()

    @property
    def prices(self) -> Prices:
        return Prices(unwanted=1, missed=RATES[self.rate])

    @property
    def key(self) -> str:
        """Of the threshold that is in question."""
        return str(self.group.pk) if self.group else key_of(self.instance)

    @property
    def is_all(self) -> bool:
        return self.group is None and not self.instance

    @property
    def threshold(self) -> float:
        agent = AgentSettings.current()
        if self.group:
            return in_force(self.group, agent)
        return (
            agent.laid_over(self.instance).threshold if self.instance else self.common
        )

    @property
    def inherits(self) -> str:
        """Whose the threshold is, where it is not one's own: "number", "common" or ""."""
        of = self.group.instance if self.group else self.instance
        has_own = "threshold" in AgentSettings.current().own_values.get(of, {})
        if self.is_all or (self.group and self.group.threshold is not None):
            return ""
        if has_own:
            return "number" if self.group else ""
        return "common"

    @property
    def shown(self) -> float:
        return self.threshold if self.tried is None else self.tried

    @property
    def query(self) -> str:
        values = {"days": self.days, "rate": self.rate}
        if self.version and self.version != self.versions[0]:
            values["version"] = self.version.key
        if self.group:
            values["group"] = self.group.pk
        elif self.instance:
            values["number"] = self.instance
        return urlencode(values)

    @property
    def url(self) -> str:
        return f"{reverse('admin:lab')}?{self.query}"


def read(request: HttpRequest) -> State:
    """What cannot be read is as if it were not there; a group that is not there is 404."""
    asked = request.GET
    days = _whole(asked.get("days", ""))
    days = days if days in evidence.DAYS else DAYS
    window = evidence.window(days)
    versions = evidence.versions(window)
    latest = versions[0] if versions else None
    keys = {one.key: one for one in versions}
    group = asked.get("group", "")
    agent = AgentSettings.current()
    names = tuple(instance_settings.names(agent))
    number = asked.get("number", "")
    return State(
        group=_group(group) if group else None,
        days=days,
        rate=asked.get("rate") if asked.get("rate") in RATES else RATE,
        window=window,
        versions=versions,
        version=keys.get(asked.get("version", ""), latest),
        common=agent.threshold,
        tried=share(asked.get("t", "")),
        instance=number if number in names and not group else "",
        instances=names,
    )


def in_force(group: Conversation, agent: AgentSettings) -> float:
    """Its own threshold, or that of its number's settings."""
    if group.threshold is not None:
        return group.threshold
    return agent.laid_over(group.instance).threshold


def share(text: str) -> float | None:
    """A threshold as somebody typed it."""
    try:
        value = float(text.replace(",", "."))
    except ValueError:
        return None
    return round(value, 4) if 0 <= value <= 1 else None


def _group(text: str) -> Conversation:
    return get_object_or_404(
        Conversation.objects.select_related("contact"), pk=_whole(text) or 0
    )


def _whole(text: str) -> int | None:
    is_key = text.isascii() and text.isdecimal() and len(text) <= LONGEST_KEY
    return int(text) if is_key else None
