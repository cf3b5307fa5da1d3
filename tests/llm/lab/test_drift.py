"""Alarms without labels: on a real database, as the worker leaves it behind."""

import random
from datetime import timedelta
from unittest.mock import patch

import pytest
from django.core.cache import cache
from django.utils import timezone

from llm.lab import drift
from llm.lab.drift import Sign
from llm.models import Decision
from tests.factories import make_conversation

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def fresh():
    cache.clear()
    yield
    cache.clear()


@pytest.fixture
def group():
    return make_conversation(is_group=True)


def judge(conversation, scores, *, days_ago=0.0, spread=0.0, **fields) -> None:
    """Judgements of one version, the oldest first. A score of None is a failure."""
    defaults = {
        "step": "relevance",
        "source": "model",
        "provider": "openai",
        "model": "gpt-5-nano-2025-08-07",
        "prompt_version": "v1",
        "threshold": 0.7,
    } | fields
    scores = list(scores)
    start = timezone.now() - timedelta(days=days_ago)
    step = timedelta(days=spread) / len(scores)
    created_at = Decision._meta.get_field("created_at")
    with patch.object(created_at, "auto_now_add", False):
        Decision.objects.bulk_create(
            Decision(
                conversation=conversation,
                p=p,
                outcome="failed" if p is None else "silent",
                created_at=start + step * number,
                **defaults,
            )
            for number, p in enumerate(scores)
        )


def scores(number: int, higher: float = 0.0, seed: int = 0) -> list[float]:
    rng = random.Random(seed)
    return [
        round(min(max(rng.betavariate(1, 2) + higher, 0), 1), 2) for _ in range(number)
    ]


def signs(found: drift.Drift) -> set[Sign]:
    return {alarm.sign for alarm in found.alarms}


def test_finds_nothing_without_decisions(db):
    assert drift.measure() == drift.Drift(None, {}, ())


def test_stays_calm_while_nothing_changes(group):
    judge(group, scores(1000), days_ago=20, spread=15)
    judge(group, scores(500, seed=1), days_ago=1)

    assert drift.measure().alarms == []


@pytest.mark.parametrize("seed", range(5))
def test_is_not_alarmed_by_chance(group, seed):
    judge(group, scores(900, seed=seed), days_ago=20, spread=15)
    judge(group, scores(500, seed=100 + seed), days_ago=1)

    assert drift.measure().alarms == []


def test_sees_that_scores_have_risen(group):
    judge(group, scores(1000), days_ago=20, spread=15)
    judge(group, scores(500, higher=0.15, seed=1), days_ago=1)

    alarm = drift.measure().alarms[0]

    assert alarm.sign == Sign.SCORES
    assert alarm.now - alarm.before == pytest.approx(0.15, abs=0.04)


def test_sees_that_the_model_fails_more_often(group):
    judge(group, scores(1000), days_ago=20, spread=15)
    judge(group, [*scores(450, seed=1), *[None] * 30], days_ago=1, model="gpt-5-nano")
    Decision.objects.exclude(p=None).update(model="gpt-5-nano-2025-08-07")

    (alarm,) = drift.measure().alarms

    assert (alarm.sign, alarm.before, alarm.now) == (Sign.FAILURES, 0, 0.1)


def test_does_not_complain_that_it_fails_less(group):
    judge(group, [*scores(900), *[None] * 100], days_ago=20, spread=15)
    judge(group, scores(500, seed=1), days_ago=1)

    assert Sign.FAILURES not in signs(drift.measure())


def test_sees_that_it_wants_to_reply_more_often(group):
    judge(group, [0.8, *[0.6] * 9] * 100, days_ago=20, spread=15)
    judge(group, [0.8, *[0.6] * 4] * 60, days_ago=1)

    alarm = next(one for one in drift.measure().alarms if one.sign == Sign.REPLIES)

    assert (round(alarm.before, 2), alarm.now) == (0.1, 0.2)


def test_takes_no_new_threshold_for_a_new_model(group):
    judge(group, scores(1000), days_ago=20, spread=15, threshold=0.9)
    judge(group, scores(500, seed=1), days_ago=1, threshold=0.3)

    assert drift.measure().alarms == []


def test_sees_that_it_says_one_thing_only(group):
    judge(group, scores(1000), days_ago=20, spread=15)
    judge(group, [*scores(300, seed=1), *[0.3] * 200], days_ago=1)

    alarm = next(one for one in drift.measure().alarms if one.sign == Sign.MODAL)

    assert (alarm.value, alarm.now > 0.4) == (0.3, True)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"prompt_version": "v2"}, id="another prompt"),
        pytest.param({"provider": "anthropic"}, id="another provider"),
        pytest.param({"model": "gpt-6"}, id="another model"),
    ],
)
def test_never_compares_two_versions(group, change):
    judge(group, scores(1000), days_ago=20, spread=15)
    judge(group, scores(300, higher=0.4, seed=1), days_ago=1, **change)

    found = drift.measure()

    assert found.alarms == []
    assert found.whole.reference == 0
    assert [point.is_new for point in found.points].count(True) == 1


def test_keeps_to_the_version_in_use_when_another_answers_once(group):
    judge(group, scores(1000), days_ago=20, spread=15)
    judge(group, scores(500, higher=0.15, seed=1), days_ago=1)
    judge(group, [0.5], model="gpt-5-nano-elsewhere")

    assert Sign.SCORES in signs(drift.measure())


def test_needs_enough_to_compare(group):
    judge(group, scores(drift.LEAST_REFERENCE - 1), days_ago=20, spread=15)
    judge(group, scores(drift.RECENT, higher=0.4, seed=1), days_ago=1)

    assert drift.measure().alarms == []


def test_leaves_out_rules_and_replies(group):
    judge(group, scores(1000), days_ago=20, spread=15)
    judge(group, scores(500, seed=1), days_ago=1)
    judge(group, [None] * 300, source="rule", provider="", model="")
    judge(group, [None] * 300, step="response")

    found = drift.measure()

    assert found.alarms == []
    assert found.whole.recent == drift.RECENT


def test_finds_the_group_in_which_it_changed(group):
    other = make_conversation(is_group=True, jid="120363000000000002@g.us")
    judge(other, scores(500, seed=1), days_ago=20, spread=5)
    judge(group, scores(1000), days_ago=14, spread=5)
    judge(other, scores(300, higher=0.3, seed=3), days_ago=2)
    judge(group, scores(1000, seed=2), days_ago=1)

    found = drift.measure()

    assert found.whole.alarms == found.groups[group.pk].alarms == ()
    assert {alarm.conversation for alarm in found.alarms} == {other.pk}


def test_draws_a_point_for_each_week_and_version(group):
    judge(group, scores(600), days_ago=21, spread=20.9)

    points = drift.measure().points

    assert len(points) in (3, 4)
    assert sum(point.decisions for point in points) >= 540
    assert all(point.distance < 0.2 for point in points)
    assert all(0 < point.response_rate < 0.3 for point in points)
    assert not any(point.is_new for point in points)


def test_reads_no_more_however_many_there_are(group, django_assert_max_num_queries):
    judge(group, scores(5000), days_ago=70, spread=69)

    with django_assert_max_num_queries(2 + 2 * drift.WEEKS):
        found = drift.measure()

    assert sum(point.decisions for point in found.points) <= (
        drift.WEEKS * drift.OF_A_WEEK
    )


def test_is_measured_once_in_some_minutes(group, django_assert_num_queries):
    drift.drift()

    with django_assert_num_queries(0):
        drift.drift()


def test_a_long_silence_is_no_drift(group):
    judge(group, scores(300), days_ago=400)

    assert drift.measure() == drift.Drift(None, {}, ())
