"""Judges stored moments anew: one call after the other, in slices, from where it stopped.

Each result is stored by itself, so that a run may end anywhere. No call is made inside a
transaction. Whoever pauses or cancels is heeded before the next call.
"""

import math
import random
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from llm.attachments import Attachment
from llm.call import Model
from llm.lab import stored
from llm.lab.models import Replay, ReplayResult
from llm.models import Decision
from llm.relevance import answer
from whatsapp_agent.interpreter import waiting

MOST = 2_000  # decisions of one replay
NEWEST = 10_000  # they are drawn from
DAYS = 30
HELD_OUT = 0.3  # the newest share
NOISE = 0.2  # of them are judged again as the settings are
SLICE_SECONDS = 10
# The scripted provider computes: between two of its answers others get the processor.
REST_SECONDS = 0.01
LEASE = timedelta(minutes=2)
GIVE_UP_AFTER = 5  # failures in a row
GONE = "Its input is not stored any more, or not readable."

FIELDS = (
    "relevance_provider",
    "relevance_model",
    "relevance_price_in",
    "relevance_price_out",
    "group_instructions",
    "threshold",
)
CHARACTERS, TOKENS_OUT = 4, 60  # of a token, of an answer; for the estimate

State = Replay.State
Pictures = Callable[[Sequence[dict]], Sequence[Attachment]]


@dataclass(frozen=True)
class Estimate:
    decisions: int
    calls: int
    cost: Decimal
    seconds: float

    @property
    def minutes(self) -> int:
        return math.ceil(self.seconds / 60)


# Before


def draw(size: int, seed: int | None = None) -> list[int]:
    """Decisions of the last weeks by lot, the oldest first, whose input is still there."""
    rows = Decision.objects.filter(
        step="relevance",
        source="model",
        p__isnull=False,
        created_at__gte=timezone.now() - timedelta(days=DAYS),
    )
    newest = list(rows.order_by("-created_at").values_list("pk", flat=True)[:NEWEST])
    chosen = random.Random(seed).sample(newest, min(size, len(newest)))
    kept = Decision.objects.filter(pk__in=chosen, pruned_at=None).exclude(input="")
    return sorted(kept.values_list("pk", flat=True))


def estimate(pks: list[int], candidate: dict, live: dict, timeout: float) -> Estimate:
    rows = Decision.objects.filter(pk__in=pks[:50])
    known = [(len(row.input) / CHARACTERS, row.latency_ms or 0) for row in rows]
    count, noise = len(pks), len(_noise(pks))
    if not known:
        return Estimate(0, 0, Decimal(0), 0.0)
    tokens = Decimal(sum(one for one, _ in known) / len(known))
    cost = sum(
        times
        * (tokens * model.price_in + TOKENS_OUT * model.price_out)
        / Decimal(1_000_000)
        for times, model in (
            (count, model_of(candidate, timeout)),
            (noise, model_of(live, timeout)),
        )
    )
    seconds = sum(one for _, one in known) / len(known) / 1000 + REST_SECONDS
    return Estimate(count, count + noise, cost, (count + noise) * seconds)


@transaction.atomic
def start(
    pks: list[int], *, name: str, candidate: dict, live: dict, **fields: object
) -> Replay:
    held_out = pks[int(len(pks) * (1 - HELD_OUT)) :]
    first = Decision.objects.filter(pk__in=held_out[:1]).first()
    replay = Replay.objects.create(
        name=name,
        candidate=candidate,
        live=live,
        held_out_from=first and first.created_at,
        **fields,
    )
    wanted = [(pk, False) for pk in pks] + [(pk, True) for pk in _noise(pks)]
    places = random.sample(range(len(wanted)), len(wanted))
    ReplayResult.objects.bulk_create(
        ReplayResult(replay=replay, decision_id=pk, is_noise=is_noise, place=place)
        for (pk, is_noise), place in zip(wanted, places, strict=True)
    )
    return replay


def _noise(pks: list[int]) -> list[int]:
    return sorted(random.Random(0).sample(pks, round(len(pks) * NOISE)))


def model_of(values: dict, timeout: float) -> Model:
    return Model(
        values["relevance_provider"],
        values["relevance_model"],
        timeout,
        Decimal(values["relevance_price_in"]),
        Decimal(values["relevance_price_out"]),
    )


# Steering


def steer(pk: int, to: str, why: str = "") -> bool:
    """Pause, resume or cancel; False where it cannot be done any more."""
    origins = {
        State.PAUSED: [State.RUNNING],
        State.RUNNING: [State.PAUSED],
        State.CANCELLED: [State.RUNNING, State.PAUSED],
    }[to]
    finished = timezone.now() if to == State.CANCELLED else None
    rows = Replay.objects.filter(pk=pk, state__in=origins)
    return bool(rows.update(state=to, why=why, finished_at=finished))


# In the worker


def due() -> list[int]:
    """The replays that run, and nobody works on."""
    rows = Replay.objects.filter(_free(), state=State.RUNNING)
    return list(rows.values_list("pk", flat=True))


def work(pk: int, pictures: Pictures = lambda shown: ()) -> None:
    """One slice of a replay, if nobody else is at it.

    `pictures` finds again what was shown, by what is stored of it.
    """
    token = uuid.uuid4().hex
    rows = Replay.objects.filter(pk=pk, state=State.RUNNING)
    if not rows.filter(_free()).update(
        lease_token=token, lease_until=timezone.now() + LEASE
    ):
        return
    replay = Replay.objects.get(pk=pk)
    try:
        _slice(replay, token, pictures)
    finally:
        mine = Replay.objects.filter(pk=pk, lease_token=token)
        mine.update(lease_token="", lease_until=None)


def _free() -> Q:
    return Q(lease_until=None) | Q(lease_until__lt=timezone.now())


def _slice(replay: Replay, token: str, pictures: Pictures) -> None:
    until = time.monotonic() + SLICE_SECONDS
    spent, failed = replay.spent, []
    for result in _pending(replay):
        mine = Replay.objects.filter(
            pk=replay.pk, lease_token=token, state=State.RUNNING
        )
        if time.monotonic() > until or not mine.update(
            lease_until=timezone.now() + LEASE
        ):
            return
        if replay.budget is not None and spent >= replay.budget:
            steer(replay.pk, State.PAUSED, "The budget is spent.")
            return
        _judge(replay, result, pictures)
        spent += result.cost or 0
        failed = [*failed, result.pk] if result.error not in ("", GONE) else []
        if len(failed) == GIVE_UP_AFTER:
            # Whoever lets it go on has mended something: these are asked again.
            replay.results.filter(pk__in=failed).update(judged_at=None, error="")
            steer(replay.pk, State.PAUSED, result.error)
            return
        with waiting():
            time.sleep(REST_SECONDS)
    Replay.objects.filter(pk=replay.pk, state=State.RUNNING).update(
        state=State.DONE, finished_at=timezone.now()
    )


def _pending(replay: Replay) -> Iterator[ReplayResult]:
    """By lot, so that a replay that is cut short has judged a fair sample."""
    while True:
        rows = replay.results.filter(judged_at=None).order_by("place")
        found = list(rows.select_related("decision__conversation")[:20])
        if not found:
            return
        yield from found


def _judge(replay: Replay, result: ReplayResult, pictures: Pictures) -> None:
    values = replay.live if result.is_noise else replay.candidate
    decision = result.decision
    moment = stored.read(decision.input)
    if moment is None:
        result.error = GONE
    else:
        own = decision.conversation.instructions
        policy = "\n\n".join(filter(None, [values["group_instructions"], own]))
        model = model_of(values, values["relevance_timeout"])
        shown = pictures(moment.shown) if moment.shown else ()
        judgement = answer(moment.request(policy, model, shown), model)
        result.p, result.cost = judgement.p, judgement.call.cost
        result.error = judgement.call.error
    result.flip = flip(decision, result.p, threshold_for(replay, result))
    result.judged_at = timezone.now()
    result.save(update_fields=["p", "cost", "error", "flip", "judged_at"])


def threshold_for(replay: Replay, result: ReplayResult) -> float:
    """A group's own threshold stays; only the one for all is the candidate's."""
    decision = result.decision
    if result.is_noise or decision.conversation.threshold is not None:
        return decision.threshold
    if replay.candidate["threshold"] == replay.live["threshold"]:
        return decision.threshold
    return replay.candidate["threshold"]


def flip(decision: Decision, p: float | None, threshold: float) -> str:
    """A failure is no flip: it is counted by itself."""
    if p is None:
        return ""
    spoke, speaks = decision.p >= decision.threshold, p >= threshold
    if spoke == speaks:
        return ""
    return ReplayResult.Flip.REPLY if speaks else ReplayResult.Flip.SILENCE
