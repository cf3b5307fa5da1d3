import random

import pytest

from llm.lab.bands import Band
from llm.lab.guarantees import Look, certify, labels_needed, last_look


def bands(*wanted: int, labelled: int = 40, logged: int = 500) -> list[Band]:
    return [Band(n / 10, logged, labelled, k) for n, k in enumerate(wanted)]


def test_walks_down_to_the_first_failure():
    found = certify(bands(40, 0, 20, 36, 40), alpha=0.3)

    assert found.threshold == 0.2
    assert [test.threshold for test in found.tested] == [0.4, 0.3, 0.2, 0.1]
    assert [test.bound <= 0.3 for test in found.tested] == [True, True, True, False]


def test_never_goes_on_after_a_failure():
    found = certify(bands(40, 40, 40, 0, 40), alpha=0.1)

    assert found.threshold == 0.4
    assert found.tested[-1].threshold == 0.3


def test_certifies_nothing_without_labels():
    found = certify(bands(0, 0, 0, labelled=0), alpha=0.3)

    assert (found.threshold, found.tested) == (None, ())
    assert certify([], alpha=0.3).threshold is None


def test_passes_over_thresholds_with_too_few_labels():
    some = [*bands(38, 38, 38), Band(0.3, 500, 1, 0)]

    # The single label was unwanted: no more than a start elsewhere, but it counts below.
    found = certify(some, alpha=0.5)

    assert 0.3 not in [test.threshold for test in found.tested]


def test_counts_a_band_without_labels_as_unwanted():
    known = certify([Band(0.0, 100, 50, 50), Band(0.5, 100, 50, 50)], alpha=0.3)
    unknown = certify([Band(0.0, 100, 0, 0), Band(0.5, 100, 50, 50)], alpha=0.3)

    assert known.threshold == 0
    assert unknown.threshold == 0.5


def test_weighs_bands_by_their_decisions():
    # As many labels of each, but replies come nearly all from the bad one.
    rare = [Band(0.5, 1000, 40, 20), Band(0.9, 10, 10, 10)]

    assert certify(rare, alpha=0.4).threshold != 0.5


@pytest.mark.parametrize(
    ("alpha", "labels"), [(0.5, 4), (0.3, 7), (0.2, 11), (0.1, 22), (0.05, 45)]
)
def test_says_how_many_labels_without_a_mistake_it_takes(alpha, labels):
    assert labels_needed(alpha) == labels
    proof = certify([Band(0.0, 1000, labels, labels)], alpha=alpha)
    one_less = certify([Band(0.0, 1000, labels - 1, labels - 1)], alpha=alpha)
    assert (proof.threshold, one_less.threshold) == (0, None)


def test_says_how_many_labels_it_takes_at_a_rate():
    assert labels_needed(0.3, 0.2) == 27
    assert labels_needed(0.3, 0.25) == 124
    assert labels_needed(0.3, 0.3) is None


@pytest.mark.parametrize(
    ("labelled", "look"),
    [
        (49, None),
        (50, Look(1, 50)),
        (99, Look(1, 50)),
        (400, Look(4, 400)),
        (900, Look(5, 800)),
    ],
)
def test_looks_only_now_and_then(labelled, look):
    assert last_look(labelled) == look


def test_its_looks_share_the_risk():
    looks = [Look(1, 50)]
    while len(looks) < 30:
        looks.append(looks[-1].next)

    assert [look.delta(0.1) for look in looks[:2]] == [0.05, pytest.approx(0.1 / 6)]
    assert 0.09 < sum(look.delta(0.1) for look in looks) < 0.1


@pytest.mark.parametrize("share", [0.31, 0.35])
def test_is_seldom_wrong_where_bands_differ(share):
    """True shares of unwanted replies just beyond what is promised: the worst case."""
    rng = random.Random(11)
    sizes, rates = (600, 300, 100), (share + 0.1, share - 0.1, share - 0.3)
    wrong = 0
    for trial in range(300):
        drawn = [
            Band(n / 10, size, 30, wanted_of_30(rng, size, 1 - rate))
            for n, (size, rate) in enumerate(zip(sizes, rates, strict=True))
        ]
        wrong += certify(drawn, alpha=0.3, seed=trial).threshold == 0

    assert wrong / 300 <= 0.1


def wanted_of_30(rng: random.Random, size: int, share: float) -> int:
    return sum(number < size * share for number in rng.sample(range(size), 30))


@pytest.mark.parametrize(("alpha", "delta"), [(0, 0.1), (1, 0.1), (0.3, 0), (0.3, 1)])
def test_refuses_what_cannot_be_promised(alpha, delta):
    with pytest.raises(ValueError, match="alpha and delta"):
        certify([], alpha=alpha, delta=delta)
    with pytest.raises(ValueError, match="alpha and delta"):
        labels_needed(alpha, delta=delta)


def test_refuses_a_rate_that_is_none():
    with pytest.raises(ValueError, match="rate"):
        labels_needed(0.3, -1)
