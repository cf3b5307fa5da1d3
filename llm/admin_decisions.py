"""Decisions as their list, their pages and their export tell them."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import chain

from django.db.models import Model, Prefetch, QuerySet, prefetch_related_objects
from django.db.models.functions import Left
from django.http import StreamingHttpResponse
from django.utils.formats import number_format
from django.utils.text import Truncator
from django.utils.translation import gettext as _

from llm import admin_csv, json_lines
from llm.lab.signals import Signal, signals
from llm.models import Decision, Label

Outcome = Decision.Outcome

TONES = {Outcome.REPLY: "ok", Outcome.WRITTEN: "ok", Outcome.FAILED: "bad"}
# How much of what was said the list shows, and how much the export has.
START, LONGEST = 140, 2_000
AT_ONCE = 500  # rows of an export in memory
FIELDS = (
    "step",
    "source",
    "outcome",
    "p",
    "threshold",
    "kind",
    "why",
    "provider",
    "model",
    "prompt_version",
    "tokens_in",
    "tokens_cached",
    "tokens_out",
    "cost",
    "latency_ms",
    "attempts",
    "error",
)
PROMPTS = ("input", "output")


@dataclass(frozen=True)
class Row:
    decision: Decision

    @property
    def pk(self) -> str:
        return str(self.decision.pk)

    @property
    def tone(self) -> str:
        return TONES.get(self.decision.outcome, "")

    @cached_property
    def messages(self) -> list[Model]:
        return list(self.decision.messages.all())

    @property
    def said(self) -> str:
        """The last words of the burst, which the decision waited for."""
        if not self.messages:
            return ""
        last = self.messages[-1]
        words = " ".join(last.start.split())
        return (
            Truncator(words).chars(START - 20)
            or last.gone
            or f"[{last.get_kind_display()}]"
        )

    @property
    def others(self) -> int:
        return len(self.messages) - 1

    @property
    def comparison(self) -> str:
        p, threshold = self.decision.p, self.decision.threshold
        if p is None:
            return ""
        if threshold is None:
            return f"{p:.2f}"
        return f"{p:.2f} {'≥' if p >= threshold else '<'} {threshold:.2f}"

    @property
    def cost(self) -> str:
        cost = self.decision.cost
        return "" if cost is None else f"{cost.normalize():f}"

    @property
    def latency(self) -> str:
        latency = self.decision.latency_ms
        if latency is None:
            return ""
        if latency < 1000:
            return _("%s ms") % latency
        return _("%s s") % number_format(latency / 1000, decimal_pos=1)


def listed(decisions: QuerySet[Decision]) -> QuerySet[Decision]:
    """With what the list shows of the others, and without megabytes of prompts."""
    return (
        decisions.defer(*PROMPTS, "conversation__instructions")
        .select_related("conversation__contact")
        .prefetch_related(judged(START))
    )


def judged(length: int) -> Prefetch:
    """The beginnings of the messages, oldest first."""
    messages = Decision._meta.get_field("messages").related_model.objects
    beginnings = messages.annotate(start=Left("text", length)).only(
        "kind", "sent_at", "received_at", "pruned_at"
    )
    return Prefetch("messages", beginnings.order_by("sent_at", "pk"))


def export(
    decisions: QuerySet[Decision], with_prompts: bool = False, form: str = "csv"
) -> StreamingHttpResponse:
    fields = FIELDS + PROMPTS if with_prompts else FIELDS
    rows = (
        decisions.select_related(None)
        .select_related("conversation__contact")
        .prefetch_related(None)
        .prefetch_related(
            judged(LONGEST),
            Prefetch("labels", Label.objects.select_related("rater").order_by("pk")),
        )
        .defer(None)
        .defer(*(() if with_prompts else PROMPTS), "conversation__instructions")
    )
    found = rows.iterator(chunk_size=AT_ONCE)
    if form == "jsonl":
        return json_lines.response("decisions", (_record(o, fields) for o in found))
    head = ("id", "created_at", "conversation_id", "conversation", "said", *fields)
    return admin_csv.response(
        "decisions", (*head, "labels", "inclusion"), _cells(found, fields)
    )


def _cells(
    decisions: Iterable[Decision], fields: Iterable[str]
) -> Iterator[Iterable[object]]:
    for one in decisions:
        labels = one.labels.all()
        said = "; ".join(f"{label.origin}: {label.verdict}" for label in labels)
        offered = (label.inclusion for label in labels if label.inclusion is not None)
        values = (getattr(one, name) for name in fields)
        yield chain(_about(one).values(), values, [said, next(offered, None)])


def _record(decision: Decision, fields: Iterable[str]) -> dict[str, object]:
    values = {name: getattr(decision, name) for name in fields}
    labels = [
        {name: getattr(label, name) for name in ("verdict", "origin", "inclusion")}
        | {"rater": str(label.rater or ""), "created_at": label.created_at}
        for label in decision.labels.all()
    ]
    return _about(decision) | values | {"labels": labels}


def _about(decision: Decision) -> dict[str, object]:
    said = "\n".join(
        message.start or message.gone or f"[{message.kind}]"
        for message in decision.messages.all()
    )
    return {
        "id": decision.pk,
        "created_at": decision.created_at,
        "conversation_id": decision.conversation_id,
        "conversation": str(decision.conversation),
        "said": said,
    }


@dataclass(frozen=True)
class Story:
    """One decision with all that was decided about the same messages."""

    decision: Decision

    @cached_property
    def judged(self) -> list[Model]:
        messages = self.decision.messages.select_related("sender")
        return list(messages.order_by("sent_at", "pk"))

    @cached_property
    def steps(self) -> list[Row]:
        together = Decision.objects.filter(messages__in=self.judged)
        found = {one.pk: one for one in together.defer(*PROMPTS).order_by("pk")}
        all_of_them = [*{**found, self.decision.pk: self.decision}.values()]
        prefetch_related_objects(all_of_them, "knowledge")
        return [Row(one) for one in all_of_them]

    @cached_property
    def labels(self) -> list[Label]:
        return list(self.decision.labels.select_related("rater").order_by("pk"))

    @cached_property
    def signals(self) -> list[Signal]:
        is_judgement = self.decision.step == Decision.Step.RELEVANCE
        return signals(self.decision) if is_judgement else []

    @cached_property
    def sent(self) -> list[Model]:
        return list(self.decision.replies.order_by("part", "pk"))
