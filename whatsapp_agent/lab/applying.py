"""Applying a threshold: shown first by the messages that would have gone the other way."""

from collections.abc import Iterator
from dataclasses import dataclass

from django.db.models import Q, QuerySet
from django.http import QueryDict
from django.utils.translation import gettext as _

from conversations.models import AgentSettings, Conversation
from conversations.thresholds import COMMON, Thresholds, in_force
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
    """By key: "12:0.7" and "all:0.8" as often as there are any; what is unreadable is left out."""
    found: dict[str, float] = {}
    for one in asked.getlist("to")[:MOST_TARGETS]:
        key, _colon, text = one.partition(":")
        value = share(text)
        is_key = key.isascii() and key.isdecimal() and len(key) <= LONGEST_KEY
        if value is not None and (key == COMMON or is_key):
            found[key] = value
    return found


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
    with_own = _with_own(scored) if COMMON in own else set()
    for key, new in thresholds.items():
        if key not in own or key not in names:
            continue
        old = own[key] if own[key] is not None else _without_own(state, key)
        counts = _counts(scored, key, with_own)
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
            cases.excerpts(_flipped(state, key, below, above)) if between else [],
        )


def _without_own(state: State, key: str) -> float:
    if key == COMMON:
        return state.common
    instance = Conversation.objects.values_list("instance", flat=True).get(pk=key)
    return AgentSettings.of(instance).threshold


def _with_own(scored: evidence.Scored) -> set[int]:
    """Where the common threshold is not in force: the chat or its number has its own."""
    own = AgentSettings.current().own_values
    numbers = [name for name, values in own.items() if "threshold" in values]
    rows = Conversation.objects.filter(pk__in=scored.counts)
    rows = rows.filter(~Q(threshold=None) | Q(instance__in=numbers))
    return set(rows.values_list("pk", flat=True))


def _counts(scored: evidence.Scored, key: str, with_own: set[int]) -> tuple[int, ...]:
    if key != COMMON:
        return scored.counts.get(int(key), (0,) * 101)
    rest = {pk: row for pk, row in scored.counts.items() if pk not in with_own}
    return evidence.Scored(rest).all


def _flipped(state: State, key: str, below: float, above: float) -> QuerySet[Decision]:
    rows = cases.judged(state.of(None)).filter(p__gte=below, p__lt=above)
    if key == COMMON:
        rows = rows.filter(conversation__threshold=None)
    else:
        rows = cases.of_group(rows, int(key))
    newest = rows.order_by("-created_at").values_list("pk", flat=True)[:SHOWN]
    return Decision.objects.filter(pk__in=list(newest)).order_by("-pk")
