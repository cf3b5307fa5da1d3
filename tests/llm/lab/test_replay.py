from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from llm import relevance
from llm.lab import replay as replays, stored
from llm.lab.comparison import Flips, forecast
from llm.lab.models import Replay, ReplayResult
from llm.lab.prices import Prices
from llm.lab.replay_report import Report, majority, to_label
from llm.models import Decision, Label
from llm.providers import Completion, LLMError
from tests.factories import make_conversation
from tests.llm.chats import chat, make_line, make_model, ours

pytestmark = pytest.mark.django_db
LIVE = {
    "relevance_provider": "scripted",
    "relevance_model": "",
    "relevance_price_in": "0",
    "relevance_price_out": "0",
    "relevance_timeout": 5.0,
    "group_instructions": "",
    "threshold": 0.6,
}
QUESTION = "Ana: does anybody know when the hike starts?"


def make_decision(*texts, group=None, p=None, threshold=0.6, **fields):
    lines = chat(*(texts or [QUESTION]))
    judgement = relevance.judge(
        lines, [lines[-1].n], names=["Robin"], policy="", model=make_model()
    )
    group = group or make_conversation(is_group=True, jid=f"{timezone.now():%f}@g.us")
    return Decision.objects.create(
        conversation=group,
        step="relevance",
        source="model",
        outcome="reply",
        p=judgement.p if p is None else p,
        threshold=threshold,
        input=judgement.call.input,
        **fields,
    )


def make_replay(decisions, **candidate):
    fields = {key: candidate.pop(key) for key in ("budget",) if key in candidate}
    return replays.start(
        [decision.pk for decision in decisions],
        name="A try",
        candidate=LIVE | candidate,
        live=LIVE,
        **fields,
    )


@pytest.fixture
def model(monkeypatch):
    """Says a number for every call, or fails."""
    asked = []

    def play(p, cost="0.01", on_call=lambda: None):
        def complete(provider, request):
            asked.append(request)
            on_call()
            if isinstance(p, Exception):
                raise p
            text = f'{{"why": "x", "kind": "question", "p": {p}}}'
            return Completion(text, cost=Decimal(cost))

        monkeypatch.setattr("llm.call.complete", complete)
        return asked

    return play


def test_a_stored_input_is_read_back_as_it_was_asked():
    lines = [
        make_line(1, "at nine\n\nor ten", "Ben"),
        ours(2, "On Saturday.", reply_to=1),
        make_line(3, '{"judge": [1]}', "Ana Maria", to_us=True),
    ]
    policy = "Only hikes.\n\nThe assistant's names: none"
    asked = relevance.request_for(
        lines, [3], names=["Robin", "Bot"], policy=policy, model=make_model()
    )

    found = stored.read(f"{asked.system}\n\n{asked.prompt}")
    again = found.request(policy, make_model())

    assert (again.system, again.prompt) == (asked.system, asked.prompt)
    assert found.names == ["Robin", "Bot"]
    assert found.judged == [3]
    assert [(line.text, line.is_agent, line.reply_to) for line in found.lines] == [
        (line.text, line.is_agent, line.reply_to) for line in lines
    ]
    assert found.lines[2].sender == "Ana Maria"


@pytest.mark.parametrize("text", ["", "Hello", "a\n\nb", 'x\n\n{}\n{"judge": 3}'])
def test_what_is_no_stored_input_is_none(text):
    assert stored.read(text) is None


def test_the_same_judge_turns_nothing_over():
    replay = make_replay([make_decision(), make_decision("Ana: lol")])

    replays.work(replay.pk)

    report = Report(Replay.objects.get(), Prices(1, 1))
    assert report.replay.state == "done"
    assert report.done == report.total
    assert report.all.flips == 0


def test_counts_what_turns_over_either_way(model):
    model(70)
    replay = make_replay([make_decision(p=0.2), make_decision(p=0.9)])

    replays.work(replay.pk)

    part = Report(replay, Prices(1, 1)).all
    assert (part.decisions, part.to_reply.total, part.to_silence.total) == (2, 1, 0)


def test_a_new_threshold_turns_over_where_no_group_has_its_own(model):
    model(70)
    own = make_conversation(is_group=True, threshold=0.6)
    replay = make_replay(
        [make_decision(p=0.7), make_decision(p=0.7, group=own)], threshold=0.8
    )

    replays.work(replay.pk)

    assert Report(replay, Prices(1, 1)).all.to_silence.total == 1


def test_the_candidate_is_told_its_policy_and_the_group_s(model):
    group = make_conversation(is_group=True, instructions="Never about dogs.")
    replay = make_replay([make_decision(group=group)], group_instructions="Only hikes.")
    asked = model(50)

    replays.work(replay.pk)

    assert "Only hikes.\n\nNever about dogs." in asked[0].system


def test_pauses_when_the_budget_is_spent_and_goes_on(model):
    model(50, cost="0.01")
    replay = make_replay([make_decision() for _ in range(4)], budget=Decimal("0.02"))

    replays.work(replay.pk)

    replay.refresh_from_db()
    assert (replay.state, replay.spent) == ("paused", Decimal("0.02"))
    assert "budget" in replay.why

    Replay.objects.update(budget=None)
    replays.steer(replay.pk, "running")
    replays.work(replay.pk)

    replay.refresh_from_db()
    assert replay.state == "done"
    assert not replay.results.filter(judged_at=None).exists()


def test_whoever_cancels_is_heeded_before_the_next_call(model):
    replay = make_replay([make_decision() for _ in range(4)])
    asked = model(50, on_call=lambda: replays.steer(replay.pk, "cancelled"))

    replays.work(replay.pk)

    assert len(asked) == 1
    assert Replay.objects.get().state == "cancelled"


def test_does_a_slice_at_a_time(model, monkeypatch):
    monkeypatch.setattr(replays, "SLICE_SECONDS", -1)
    replay = make_replay([make_decision()])
    asked = model(50)

    replays.work(replay.pk)

    assert asked == []
    assert replays.due() == [replay.pk]


def test_only_one_worker_is_at_it(model):
    replay = make_replay([make_decision()])
    soon = timezone.now() + timedelta(minutes=1)
    Replay.objects.update(lease_token="other", lease_until=soon)
    asked = model(50)

    replays.work(replay.pk)

    assert asked == []
    assert replays.due() == []


def test_goes_on_where_a_worker_died(model):
    replay = make_replay([make_decision(), make_decision()])
    past = timezone.now() - timedelta(seconds=1)
    Replay.objects.update(lease_token="dead", lease_until=past)
    first = replay.results.order_by("place").first()
    ReplayResult.objects.filter(pk=first.pk).update(judged_at=timezone.now(), p=0.5)
    asked = model(50)

    replays.work(replay.pk)

    assert len(asked) == replay.results.count() - 1


def test_pauses_when_nothing_works(model):
    replay = make_replay([make_decision() for _ in range(9)])
    asked = model(LLMError("A wrong key."))

    replays.work(replay.pk)

    replay.refresh_from_db()
    assert (replay.state, replay.why) == ("paused", "A wrong key.")
    assert len(asked) == 5
    assert replay.results.filter(judged_at=None).count() == replay.results.count()


def test_a_failure_is_counted_and_is_no_flip(model):
    replay = make_replay([make_decision(p=0.9)])
    model(LLMError("Down."))

    replays.work(replay.pk)

    report = Report(replay, Prices(1, 1))
    assert (report.failures, report.all.flips, report.all.decisions) == (1, 0, 0)


def test_judges_some_again_as_the_settings_are(model):
    replay = make_replay([make_decision(p=0.9) for _ in range(10)], threshold=0.2)
    model(30)

    replays.work(replay.pk)

    noise = Report(replay, Prices(1, 1)).noise
    assert (noise.decisions, noise.to_silence.total) == (2, 2)
    assert noise.comparison is None


def test_the_newest_are_held_out(model):
    model(30)
    decisions = [make_decision(p=0.9) for _ in range(10)]
    replay = make_replay(decisions)

    replays.work(replay.pk)

    assert Report(Replay.objects.get(), Prices(1, 1)).held_out.decisions == 3


def test_labels_of_flips_tell_whether_it_is_better(model, django_user_model):
    rater = django_user_model.objects.create_user("rater")
    model(30)
    decisions = [make_decision(p=0.9) for _ in range(8)]
    replay = make_replay(decisions)
    replays.work(replay.pk)
    before = Report(replay, Prices(1, 1)).all
    for decision in decisions:
        Label.objects.create(
            decision=decision, rater=rater, verdict="unwanted", origin="flip"
        )

    after = Report(replay, Prices(1, 1)).all

    assert before.comparison is None
    assert after.labelled == 8
    assert after.comparison.probability > 0.95
    assert after.per_thousand[0] < 0
    assert not to_label(replay, rater).exists()


def test_a_label_of_the_queue_says_nothing_about_a_flip(model, django_user_model):
    rater = django_user_model.objects.create_user("rater")
    model(30)
    replay = make_replay([make_decision(p=0.9)])
    replays.work(replay.pk)
    Label.objects.create(
        decision=Decision.objects.get(),
        rater=rater,
        verdict="unwanted",
        origin="queue",
        inclusion=0.5,
    )

    assert Report(replay, Prices(1, 1)).all.labelled == 0
    assert to_label(replay, rater).count() == 1


def test_raters_that_disagree_are_left_out():
    labels = [
        (1, "wanted"),
        (1, "unwanted"),
        (2, "unsure"),
        (3, "reaction"),
        (4, "wanted"),
    ]

    assert majority(labels) == {3: False, 4: True}


def test_the_estimate_knows_prices_and_calls():
    pks = [make_decision().pk for _ in range(10)]
    candidate = LIVE | {"relevance_price_in": "1", "relevance_price_out": "4"}

    planned = replays.estimate(pks, candidate, LIVE, 5.0)

    assert (planned.decisions, planned.calls) == (10, 12)
    assert Decimal("0.002") < planned.cost < Decimal("0.05")


def test_draws_what_still_has_its_input():
    kept, gone, rule = make_decision(), make_decision(), make_decision()
    Decision.objects.filter(pk=gone.pk).update(input="", pruned_at=timezone.now())
    Decision.objects.filter(pk=rule.pk).update(source="rule", p=None)

    assert replays.draw(10) == [kept.pk]


def test_a_single_label_leaves_it_open_which_is_better():
    one = forecast(100, Flips(1, 1, 0), Flips(0), Prices(1, 1))
    many = forecast(100, Flips(40, 40, 4), Flips(0), Prices(1, 1))

    assert 0.05 < one.probability < 0.6
    assert many.probability < 0.01
    assert many.cost.low < 0.32 < many.cost.high


def test_flips_to_silence_save_what_nobody_wanted():
    found = forecast(100, Flips(0), Flips(40, 40, 4), Prices(1, 1))

    assert found.probability > 0.99
