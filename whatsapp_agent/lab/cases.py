"""Decisions worth a look: where labels and threshold disagree, or nobody has said yet."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import reduce
from heapq import nsmallest
from operator import or_

from django.db.models import F, Q, QuerySet
from django.db.models.functions import Left
from django.utils.translation import gettext as _

from conversations.models import Message
from llm.admin_decisions import START, Row, listed
from llm.lab.evidence import Labels
from llm.models import Decision, Label
from whatsapp_agent.lab.state import State

SHOWN = 5
# Nobody looks for cases further back, and rows are long.
NEWEST = 2_000
BEFORE, MOST_BEFORE = timedelta(minutes=30), 300
EXCERPT = 3
DOUBTFUL = 0.3  # from the threshold: further off nobody doubts


@dataclass
class Case:
    row: Row
    verdict: str = ""
    before: tuple[Message, ...] = ()


@dataclass(frozen=True)
class Cases:
    title: str
    empty: str
    cases: list[Case]


def cases(
    state: State, labels: Labels, newest: Sequence[tuple[float, int]]
) -> list[Cases]:
    threshold = state.shown
    above = [row for row in newest if row[0] >= threshold]
    below = [row for row in newest if row[0] < threshold]
    of = labels.of(state.group.pk if state.group else None)
    unwanted = [one for one in of if not one.wanted and one.p >= threshold]
    missed = [one for one in of if one.wanted and one.p < threshold]
    unwanted.sort(key=lambda one: -one.p)
    missed.sort(key=lambda one: one.p)
    verdicts = {wanted: _verdict(wanted) for wanted in (True, False)}
    said = {one.decision: verdicts[one.wanted] for one in of}
    corrected = _corrections(state)
    said |= dict(corrected)
    keys = [
        _filled([one.decision for one in unwanted], _close(above, threshold), said),
        _filled([one.decision for one in missed], _close(below, threshold), said),
        [key for key, _verdict in corrected],
    ]
    found = _read({key for row in keys for key in row})
    before = _excerpts(found)
    titles = [
        (_("Likely unwanted replies"), _("No reply at this threshold looks unwanted.")),
        (_("Likely misses"), _("No silence at this threshold looks like a miss.")),
        (_("Corrections by staff"), _("Nobody has corrected a decision here.")),
    ]
    return [
        Cases(
            title,
            empty,
            [Case(found[k], said.get(k, ""), before[k]) for k in row if k in found],
        )
        for (title, empty), row in zip(titles, keys, strict=True)
    ]


def excerpts(decisions: QuerySet[Decision]) -> list[Row]:
    return [Row(one) for one in listed(decisions)]


def _verdict(wanted: bool) -> str:
    verdict = Label.Verdict.WANTED if wanted else Label.Verdict.UNWANTED
    return str(verdict.label)


def _filled(known: list[int], others: list[int], said: Iterable[int]) -> list[int]:
    rest = [key for key in others if key not in said]
    return [*known, *rest][:SHOWN]


def judged(state: State) -> QuerySet[Decision]:
    version = state.version
    rows = Decision.objects.filter(
        step=Decision.Step.RELEVANCE,
        source=Decision.Source.MODEL,
        p__isnull=False,
        created_at__gte=state.window.since,
        prompt_version=version.prompt,
        provider=version.provider,
        model=version.model,
    )
    return rows


def of_groups(rows: QuerySet[Decision], groups: Collection[int]) -> QuerySet[Decision]:
    # A sum: the index by conversation leads to rows long with prompts, that of scores to none.
    return rows.annotate(group=F("conversation_id") + 0).filter(group__in=groups)


def newest(state: State, groups: Collection[int]) -> list[tuple[float, int]]:
    """Scores and keys; of all groups, these being no choice, without asking for each."""
    rows = judged(state)
    if not state.is_all:
        rows = of_groups(rows, [state.group.pk] if state.group else groups)
    return list(rows.order_by("-created_at").values_list("p", "pk")[:NEWEST])


def _close(rows: Iterable[tuple[float, int]], threshold: float) -> list[int]:
    """Those nearest to the threshold."""
    near = nsmallest(2 * SHOWN, rows, key=lambda row: abs(row[0] - threshold))
    return [pk for p, pk in near if abs(p - threshold) <= DOUBTFUL]


def _corrections(state: State) -> list[tuple[int, str]]:
    rows = Label.objects.filter(
        origin=Label.Origin.CORRECTION, decision_id__gte=state.window.first_key or 0
    )
    if state.group:
        rows = rows.filter(decision__conversation=state.group.pk)
    elif state.instance:
        rows = rows.filter(decision__conversation__instance=state.instance)
    return [
        (one.decision_id, one.get_verdict_display())
        for one in rows.order_by("-pk").only("decision_id", "verdict")[:SHOWN]
    ]


def _read(keys: set[int]) -> dict[int, Row]:
    return {one.pk: Row(one) for one in listed(Decision.objects.filter(pk__in=keys))}


def _excerpts(found: dict[int, Row]) -> dict[int, tuple[Message, ...]]:
    """What was said just before each, in one query for all of them."""
    starts = {
        key: row.messages[0].sent_at for key, row in found.items() if row.messages
    }
    ranges = [
        Q(
            conversation=found[key].decision.conversation_id,
            sent_at__gte=at - BEFORE,
            sent_at__lt=at,
        )
        for key, at in starts.items()
    ]
    said = defaultdict(list)
    if ranges:
        messages = (
            Message.objects.filter(reduce(or_, ranges))
            .annotate(start=Left("text", START))
            .select_related("sender")
            .only(
                "conversation_id",
                "direction",
                "author",
                "kind",
                "sent_at",
                "pruned_at",
                "sender__name",
                "sender__phone_jid",
                "sender__lid",
            )
        )
        for one in messages.order_by("-sent_at")[:MOST_BEFORE]:
            said[one.conversation_id].append(one)
    return {
        key: tuple(
            reversed(
                [
                    one
                    for one in said[row.decision.conversation_id]
                    if key in starts
                    and starts[key] - BEFORE <= one.sent_at < starts[key]
                ][:EXCERPT]
            )
        )
        for key, row in found.items()
    }
