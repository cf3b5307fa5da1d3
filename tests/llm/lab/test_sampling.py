from collections import Counter
from datetime import timedelta
from itertools import islice
from random import Random

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from llm.lab import sampling
from llm.lab.sampling import Frame, Given, Version, band_of
from llm.models import Decision, Label
from tests.factories import make_conversation, make_inbound

VERSION = Version("3", "openai", "small")


def given(decision: int, rater: int = 1, verdict: str = "wanted", inclusion=0.5):
    return Given(decision, rater, verdict, inclusion)


def first(frame: Frame, rater: int = 1, turn: int = 0):
    return next(frame.offers(rater, turn), None)


def label(scores: dict[int, float], count: int, secret: str, settings) -> list[Given]:
    """One person answers the queue `count` times."""
    settings.SECRET_KEY = secret
    labels: list[Given] = []
    for turn in range(count):
        offer = first(Frame(scores, tuple(labels)), turn=turn)
        labels.append(given(offer.decision, inclusion=offer.inclusion))
    return labels


def test_a_tenth_begins_at_its_score():
    assert [band_of(p) for p in (0, 0.09, 0.1, 0.1 * 3, 0.29, 0.9, 1)] == [
        *(0, 0, 1, 3, 2, 9, 9)
    ]


def test_every_tenth_gets_as_many_labels(settings):
    random = Random(1)
    scores = {n: random.betavariate(1, 4) for n in range(3_000)}
    sizes = Counter(band_of(p) for p in scores.values())

    labels = label(scores, 60, "one", settings)

    counts = Counter(band_of(scores[one.decision]) for one in labels)
    full = [n for band, n in counts.items() if sizes[band] > n]
    assert max(full) - min(full) <= 1
    assert len({one.decision for one in labels}) == 60


def test_an_offer_has_the_chance_that_is_stored(settings):
    scores = {n: n / 40 for n in range(40)}  # four in each tenth
    labels = tuple(given(n, rater=2) for n in (0, 4, 8, 12, 16, 20, 24, 28, 32))
    drawn, times = Counter(), 1_500

    for n in range(times):
        settings.SECRET_KEY = f"secret {n}"
        offer = first(Frame(scores, labels))
        drawn[offer.decision] += 1

    # Only the last tenth has no label yet: each of its four comes once in four times.
    assert offer.inclusion == 1 / 4
    assert set(drawn) == {36, 37, 38, 39}
    assert all(abs(n / times - 1 / 4) < 0.05 for n in drawn.values())


def test_within_a_tenth_each_is_as_likely_as_the_others_after_many_draws(settings):
    scores = {n: 0.05 if n < 20 else 0.95 for n in range(30)}
    labelled, times = Counter(), 300

    for n in range(times):
        labelled.update(
            one.decision for one in label(scores, 10, f"secret {n}", settings)
        )

    low = [labelled[n] / times for n in range(20)]
    high = [labelled[n] / times for n in range(20, 30)]
    assert all(abs(share - 5 / 20) < 0.09 for share in low)
    assert all(abs(share - 5 / 10) < 0.1 for share in high)


def test_labels_weighted_by_their_chance_find_the_true_rate(settings):
    random = Random(2)
    scores = {n: random.betavariate(1, 3) for n in range(500)}
    wanted = {n: random.random() < p for n, p in scores.items()}
    truth = sum(wanted.values()) / len(wanted)
    found = []

    for n in range(40):
        labels = label(scores, 40, f"secret {n}", settings)
        weights = [(1 / one.inclusion, wanted[one.decision]) for one in labels]
        rate = sum(w for w, is_wanted in weights if is_wanted)
        found.append(rate / sum(w for w, _ in weights))

    assert sum(found) / len(found) == pytest.approx(truth, abs=0.03)


def test_the_same_page_comes_back_until_it_is_answered():
    frame = Frame({n: n / 100 for n in range(100)})

    assert first(frame) == first(frame)
    assert len({first(frame, turn=turn).decision for turn in range(8)}) > 4


def test_nobody_is_asked_twice():
    frame = Frame({1: 0.5, 2: 0.6}, (given(1), given(2, verdict="unsure")))

    assert first(frame) is None
    assert first(frame, turn=1) is None


def test_a_tenth_of_what_one_labelled_is_offered_to_another():
    scores = {n: n / 1_000 for n in range(1_000)}
    frame = Frame(scores, tuple(given(n, rater=1, inclusion=0.1) for n in range(1_000)))

    again = list(frame.offers(2, 0))

    assert 60 < len(again) < 140
    assert {offer.inclusion for offer in again} == {0.1}
    assert list(frame.offers(1, 0)) == []


def test_what_two_have_labelled_is_offered_to_nobody():
    scores = {n: n / 100 for n in range(100)}
    labels = [given(n, rater) for n in scores for rater in (1, 2)]

    assert list(Frame(scores, tuple(labels)).offers(3, 1)) == []


def test_agreement_leaves_the_unsure_out_and_counts_a_reaction_as_unwanted():
    labels = (
        *(given(1, 1, "wanted"), given(1, 2, "wanted")),
        *(given(2, 1, "unwanted"), given(2, 2, "reaction")),
        *(given(3, 1, "wanted"), given(3, 2, "unsure")),
    )
    frame = Frame({1: 0.1, 2: 0.2, 3: 0.3}, labels)

    assert frame.agreement == 1
    assert frame.labelled == 3
    assert frame.missing == sampling.ENOUGH - 3


def test_a_tenth_that_is_done_gives_way_to_the_others():
    frame = Frame({1: 0.05, 2: 0.95, 3: 0.96}, (given(2, 2), given(1, 2)))

    assert [offer.decision for offer in islice(frame.offers(1, 0), 1)] == [3]


@pytest.fixture
def group(db):
    return make_conversation(is_group=True)


def make_decision(group, p: float | None = 0.4, **fields) -> Decision:
    message = make_inbound(group)
    days = fields.pop("days", 0)
    known = {"step": "relevance", "source": "model", **VERSION.fields}
    decision = Decision.objects.create(
        conversation=group, p=p, outcome="silent", **{**known, **fields}
    )
    decision.messages.add(message)
    if days:
        moment = timezone.now() - timedelta(days=days)
        Decision.objects.filter(pk=decision.pk).update(created_at=moment)
    return decision


def test_the_frame_holds_what_a_model_scored_in_the_version_in_use(group):
    for fields in (
        {"source": "rule"},
        {"step": "response"},
        {"p": None},
        {"prompt_version": "2"},
        {"model": "large"},
        {"days": 40},
    ):
        make_decision(group, **fields)
    ours = make_decision(group)

    assert sampling.version_in_use() == VERSION
    assert sampling.frame(VERSION).scores == {ours.pk: 0.4}
    assert sampling.frame(VERSION, conversation=group.pk).scores == {ours.pk: 0.4}
    assert sampling.frame(VERSION, conversation=group.pk + 1).scores == {}


def test_corrections_and_flips_do_not_count(group, admin_user: User):
    decision = make_decision(group)
    for origin in ("correction", "flip"):
        Label.objects.create(
            decision=decision, rater=admin_user, verdict="wanted", origin=origin
        )

    assert sampling.frame(VERSION).labelled == 0
    assert sampling.turn(admin_user.pk) == 0


def test_what_can_no_longer_be_read_is_not_offered(group, admin_user: User):
    gone, kept = make_decision(group, 0.1), make_decision(group, 0.9)
    gone.messages.update(text="", pruned_at=timezone.now())

    for turn in range(6):
        Label.objects.filter(rater=admin_user).delete()
        offer = sampling.draw(sampling.frame(VERSION), admin_user.pk)
        assert offer.decision == kept.pk, turn
