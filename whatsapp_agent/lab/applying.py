"""Applying a threshold: shown first by the messages that would have gone the other way."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from django.db.models import QuerySet
from django.http import QueryDict
from django.utils.translation import gettext as _

from conversations import instance_settings
from conversations.models import AgentSettings, Conversation
from conversations.thresholds import (
    COMMON,
    Thresholds,
    in_force,
    instance_of,
    is_of_settings,
)
from llm.admin_decisions import Row
from llm.lab import evidence
from llm.lab.evidence import counted
from llm.models import Decision
from whatsapp_agent.lab import cases, page, words
from whatsapp_agent.lab.state import LONGEST_KEY, State, share

MOST_TARGETS = 50
SHOWN = 10
LONGEST_WHY = 500


@dataclass(frozen=True)
class Flip:
    """What one threshold changes, counted in the window, and some of it."""

    key: str
    name: str
    old: float  # in force
    new: float
    own: float | None
    more: int  # silences that become replies
    fewer: int
    rows: list[Row]

    @property
    def told(self) -> str:
        if self.new == self.old:
            return _("It is so already.")
        return _("%(more)d more replies, %(fewer)d fewer") % {
            "more": self.more,
            "fewer": self.fewer,
        }

    @property
    def values(self) -> tuple[str, str]:
        return words.threshold(self.old), words.threshold(self.new)

    @property
    def seen(self) -> str:
        return "" if self.own is None else repr(self.own)


def targets(asked: QueryDict) -> dict[str, float]:
    """By key: "12:0.7", "@sales:0.6" and "all:0.8" as often as there are any; what is
    unreadable is left out."""
    found: dict[str, float] = {}
    for one in asked.getlist("to")[:MOST_TARGETS]:
        key, _colon, text = one.rpartition(":")
        value = share(text)
        is_key = key.isascii() and key.isdecimal() and len(key) <= LONGEST_KEY
        if value is not None and (is_key or _is_of_settings(key)):
            found[key] = value
    return found


def _is_of_settings(key: str) -> bool:
    names = instance_settings.names(AgentSettings.current())
    return key == COMMON or instance_of(key) in names


def seen(asked: QueryDict, keys: dict[str, float]) -> Thresholds:
    """The thresholds that the sender's page showed."""
    return {key: _float(asked.get(f"seen-{key}", "")) for key in keys}


def _float(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def preview(state: State, thresholds: dict[str, float]) -> Iterator[Flip]:
    """Of those that exist."""
    own = in_force(thresholds)
    names = page.named(set(own))
    scored = page.scored(state) if state.version else evidence.Scored()
    rows = _reach(scored) if any(map(is_of_settings, own)) else []
    for key, new in thresholds.items():
        if key not in own or key not in names:
            continue
        old = own[key] if own[key] is not None else _without_own(state, key)
        reached = _reached(key, rows)
        counts = scored.only(reached).all
        below, above = sorted((old, new))
        between = counted(counts, below) - counted(counts, above)
        yield Flip(
            key,
            names[key],
            old,
            new,
            own[key],
            between if new < old else 0,
            between if new > old else 0,
            cases.excerpts(_flipped(state, reached, below, above)) if between else [],
        )


def _without_own(state: State, key: str) -> float:
    if is_of_settings(key):
        return state.common
    instance = Conversation.objects.values_list("instance", flat=True).get(pk=key)
    return AgentSettings.of(instance).threshold


def _reach(scored: evidence.Scored) -> list[tuple[int, str]]:
    """The groups with scores that have no threshold of their own, each with its number."""
    rows = Conversation.objects.filter(pk__in=scored.counts, threshold=None)
    return list(rows.values_list("pk", "instance"))


def _reached(key: str, rows: Iterable[tuple[int, str]]) -> set[int]:
    """Where a threshold is in force."""
    if not is_of_settings(key):
        return {int(key)}
    if instance := instance_of(key):
        return {pk for pk, of in rows if of == instance}
    own = AgentSettings.current().own_values
    return {pk for pk, of in rows if "threshold" not in own.get(of, {})}


def _flipped(
    state: State, reached: set[int], below: float, above: float
) -> QuerySet[Decision]:
    rows = cases.judged(state).filter(p__gte=below, p__lt=above)
    rows = cases.of_groups(rows, reached).order_by("-created_at")
    newest = rows.values_list("pk", flat=True)[:SHOWN]
    return Decision.objects.filter(pk__in=list(newest)).order_by("-pk")
