"""The page of the lab: evidence read, weighed and told."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from zlib import crc32

from django.contrib.auth.models import User
from django.core.cache import cache
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.translation import get_language, gettext as _

from conversations.models import AgentSettings, Conversation, Mode, ThresholdChange
from conversations.thresholds import (
    COMMON,
    conversations,
    instance_of,
    is_of_settings,
)
from llm.lab import evidence, findings, groups, plots
from llm.lab.curves import Rule
from llm.lab.evidence import Labels, Scored
from llm.lab.findings import Badge, Finding
from llm.lab.groups import GroupFinding
from llm.lab.posterior import Estimate
from whatsapp_agent.lab import words
from whatsapp_agent.lab.cases import cases, newest
from whatsapp_agent.lab.charts import figures
from whatsapp_agent.lab.drifting import alarms, strip
from whatsapp_agent.lab.rules import rules
from whatsapp_agent.lab.state import RATES, State, in_force

# What was counted and weighed is kept for so long; a new label is seen at once.
KEPT_SECONDS = 300
CHANGES = 5


@dataclass(frozen=True)
class Weighed:
    labels: Labels
    finding: Finding
    groups: list[GroupFinding]
    newest: list[tuple[float, int]]  # scores and keys
    rules: list[Rule]


@dataclass(frozen=True)
class GroupRow:
    found: GroupFinding
    name: str
    url: str
    drift: list[str]

    @property
    def target(self) -> str:
        return f"{self.found.conversation}:{applied(self.found.recommended):.2f}"

    @property
    def recommended(self) -> str:
        found = self.found
        if found.recommended is None:
            return ""
        low, high = map(words.threshold, found.interval)
        return f"{words.threshold(found.recommended)} [{low}–{high}]"

    @property
    def in_force(self) -> str:
        return words.threshold(self.found.threshold)

    @property
    def saving(self) -> str:
        return words.daily(self.found.saving)


def context(state: State, user: User) -> dict:
    told = {
        "title": _("Threshold lab"),
        "state": state,
        "windows": evidence.DAYS,
        "rates": RATES,
        "changes": changes(user),
        "may_apply": may(user, [state.key]),
        "may_groups": user.has_perm("conversations.change_conversation"),
    }
    if state.version is None:
        return told
    weighed = weigh(state)
    found = weighed.finding
    told |= {"found": found, "labels": weighed.labels, "shown": state.shown}
    if not found.total:
        return told
    return told | {
        "headline": words.headline(found),
        "badge": words.badge(found),
        "recommended": _recommended(found),
        "wanted": words.shares(found.posterior.wanted_rate),
        "one_class": words.one_class(found) if found.is_one_class else "",
        "target": _target(state, found),
        "mode": suggested_mode(state.group, found),
        "at": words.tried(found.at(state.shown)),
        **drawn(state, weighed),
        "drift": strip(state.group),
        "groups": list(_groups(weighed.groups)) if state.group is None else [],
        "cases": cases(state, weighed.labels, weighed.newest),
    }


def drawn(state: State, weighed: Weighed) -> dict:
    """What does not change with the evidence is kept as it is sent."""
    if state.tried is not None:
        return _drawn(state, weighed)
    key = f"{_key(state)}.{get_language()}"
    return cache.get_or_set(key, lambda: _drawn(state, weighed), KEPT_SECONDS)


def _drawn(state: State, weighed: Weighed) -> dict:
    found = weighed.finding
    told = {"figures": figures(found, state.shown, weighed.rules)}
    html = render_to_string("admin/lab/_figures.html", told) if found.has_curves else ""
    return {"figures": html, "rows": rows(found)}


def weigh(state: State) -> Weighed:
    return cache.get_or_set(_key(state), lambda: _weigh(state), KEPT_SECONDS)


def _key(state: State) -> str:
    parts = (
        crc32(state.key.encode()),
        state.version.key,
        state.days,
        state.rate,
        state.common,
        state.threshold,
        evidence.latest_label(),
        state.window.first_key,
    )
    return f"lab.{'.'.join(map(str, parts))}"


def _weigh(state: State) -> Weighed:
    counts = scored(state)
    days = evidence.span(state.window, state.version)
    labels = evidence.labels(state.window, state.version)
    if state.instance:
        members = members_of(state.instance, counts)
        counts, labels = counts.only(members), labels.only(members)
    asked = {state.group.pk} if state.group else set(counts.busiest(groups.MOST))
    bands = findings.bands_of(counts, labels, asked)
    found = findings.find(
        counts,
        labels,
        state.group.pk if state.group else None,
        days=days,
        prices=state.prices,
        threshold=state.threshold,
        groups=bands,
    )
    compared = [] if state.group else _compare(bands, state, days)
    found = found.worked_out()
    return Weighed(labels, found, compared, newest(state, counts.counts), rules(found))


def scored(state: State) -> Scored:
    key = f"lab.scored.{state.version.key}.{state.days}.{state.window.first_key}"
    return cache.get_or_set(
        key, lambda: evidence.scored(state.window, state.version), KEPT_SECONDS
    )


def members_of(instance: str, counts: Scored) -> set[int]:
    """Of the groups with scores those of a number."""
    of = Conversation.objects.filter(instance=instance, pk__in=counts.counts)
    return set(of.values_list("pk", flat=True))


def _compare(bands: dict, state: State, days: float) -> list[GroupFinding]:
    of = Conversation.objects.filter(pk__in=bands).only("instance", "threshold")
    agent = AgentSettings.current()
    thresholds = {group.pk: in_force(group, agent) for group in of}
    return groups.compare(bands, thresholds, state.common, state.prices, days)


def _groups(found: list[GroupFinding]) -> Iterator[GroupRow]:
    of = Conversation.objects.select_related("contact").in_bulk(
        [one.conversation for one in found]
    )
    drifted = alarms()
    for one in found:
        if conversation := of.get(one.conversation):
            name, key = str(conversation), conversation.pk
            yield GroupRow(one, name, str(key), drifted.get(key, []))


def rows(found: Finding) -> dict:
    """What the slider needs to tell of any threshold."""
    at = [found.at(n / 100) for n in range(101)]
    return {
        "plot": {
            "left": plots.START,
            "top": plots.TOP,
            "width": plots.INNER_WIDTH,
            "height": plots.INNER_HEIGHT,
        },
        "replies": [round(one.replies, 3) for one in at],
        **{
            name: [_rounded(getattr(one, name)) for one in at]
            for name in ("unwanted", "missed", "precision", "recall")
        },
        "none": _("n/a"),
    }


def _rounded(one: Estimate | None) -> list[float] | None:
    return one and [round(value, 4) for value in one]


def applied(recommended: float | None) -> float:
    """As a setting: no score but 1.00 reaches it where no reply is worth its price."""
    return min(recommended if recommended is not None else 0.0, 1.0)


def _recommended(found: Finding) -> str:
    if found.recommended is None:
        return ""
    low, high = map(words.threshold, found.interval)
    return f"{words.threshold(found.recommended)} [{low}–{high}]"


def _target(state: State, found: Finding) -> str:
    """What a click on "Apply" would set, as the address of the preview has it."""
    if found.recommended is None:
        return ""
    value = applied(found.recommended)
    if abs(value - state.threshold) < 0.005:
        return ""
    return f"{state.key}:{value:.2f}"


def suggested_mode(group: Conversation | None, found: Finding) -> dict | None:
    """The next of shadow, draft and live, where the evidence bears it. Never by itself."""
    if group is None:
        return None
    bears = found.badge in (Badge.LIKELY, Badge.CERTIFIED)
    if group.mode == Mode.SHADOW and bears:
        to = Mode.DRAFT
    elif group.mode == Mode.DRAFT and found.badge == Badge.CERTIFIED:
        to = Mode.LIVE
    else:
        return None
    url = reverse("admin:conversations_conversation_change", args=[group.pk])
    return {"to": to.label, "url": f"{url}#chat-settings"}


def may(user: User, keys: Iterable[str]) -> bool:
    """Whether this person may set all these thresholds."""
    needed = {
        "agentsettings" if is_of_settings(key) else "conversation" for key in keys
    }
    return all(user.has_perm(f"conversations.change_{one}") for one in needed)


@dataclass(frozen=True)
class Told:
    change: ThresholdChange
    lines: list[tuple[str, str, str]]  # whose, from, to
    may_undo: bool


def changes(user: User) -> list[Told]:
    found = ThresholdChange.objects.select_related("staff", "undoes")
    latest = list(found.order_by("-pk")[:CHANGES])
    names = named({key for one in latest for key in one.after})
    return [
        Told(
            one,
            [
                (names.get(key, key), value_of(one.before[key]), value_of(after))
                for key, after in one.after.items()
            ],
            may(user, one.after),
        )
        for one in latest
    ]


def value_of(threshold: float | None) -> str:
    return _("the common one") if threshold is None else words.threshold(threshold)


def named(keys: set[str]) -> dict[str, str]:
    """By key: the names of conversations, and what the settings' thresholds are called."""
    of = Conversation.objects.select_related("contact").in_bulk(conversations(keys))
    whole = _("All of %(number)s without a threshold of their own")
    return (
        {str(pk): str(one) for pk, one in of.items()}
        | {key: whole % {"number": name} for key in keys if (name := instance_of(key))}
        | {COMMON: _("All without a threshold of their own")}
    )
