import random

import pytest
from hypothesis import given, settings, strategies as st
from scipy import stats

from llm.lab.checks import (
    fisher,
    kolmogorov_smirnov,
    observed_expected,
    psi,
    spiegelhalter,
)

COUNTS = st.integers(0, 400)


@given(COUNTS, COUNTS, COUNTS, COUNTS)
@settings(deadline=None)
def test_fisher_is_that_of_scipy(k1, other1, k2, other2):
    ours = fisher(k1, k1 + other1, k2, k2 + other2)

    theirs = stats.fisher_exact([[k1, other1], [k2, other2]]).pvalue
    assert ours == pytest.approx(theirs, rel=1e-5, abs=1e-9)


@given(st.lists(st.floats(0, 1), min_size=5), st.lists(st.floats(0, 1), min_size=5))
@settings(deadline=None)
def test_kolmogorov_smirnov_has_the_distance_of_scipy(first, second):
    ours = kolmogorov_smirnov(first, second)

    theirs = stats.ks_2samp(first, second, method="asymp")
    assert ours.statistic == pytest.approx(theirs.statistic)
    assert 0 <= ours.p_value <= 1


@pytest.mark.parametrize("shift", [0, 0.05, 0.1])
def test_kolmogorov_smirnov_has_nearly_the_p_value_of_scipy(shift):
    rng = random.Random(1)
    first = [rng.random() for _ in range(2000)]
    second = [rng.random() + shift for _ in range(300)]

    theirs = stats.ks_2samp(first, second, method="exact").pvalue
    assert kolmogorov_smirnov(first, second).p_value == pytest.approx(theirs, rel=0.1)


def test_psi_is_about_its_expectation_without_a_change():
    rng = random.Random(1)
    values = []
    for _ in range(200):
        first, second = ([0] * 10, [0] * 10)
        for counts, number in ((first, 2000), (second, 200)):
            for _ in range(number):
                counts[rng.randrange(10)] += 1
        values.append(psi(first, second))

    assert sum(values) / 200 == pytest.approx(9 * (1 / 2000 + 1 / 200), rel=0.1)


def test_psi_survives_empty_bins():
    assert psi([10, 0], [0, 10]) > 3


def test_say_nothing_where_there_is_nothing():
    assert observed_expected([], []) is None
    assert observed_expected([0, 1], [False, True]) is None
    assert spiegelhalter([], []) is None
    assert spiegelhalter([0.5, 1], [True, True]) is None
    assert kolmogorov_smirnov([], [0.5]) is None
    assert psi([0, 0], [1, 2]) is None


def test_by_hand():
    found = observed_expected([0.5, 0.5], [True, True])
    assert (found.observed, found.expected) == (2, 1)
    assert found.statistic == pytest.approx(2**0.5)
    assert found.p_value == pytest.approx(2 * stats.norm.sf(2**0.5))
    assert spiegelhalter([0.2], [True]).statistic == pytest.approx(2)


def alarms(wanted, runs: int = 400, number: int = 100) -> tuple[float, float]:
    """How often each of both finds fault with scores, if so much is `wanted` at each."""
    rng = random.Random(3)
    found = [0, 0]
    for _ in range(runs):
        scores = [rng.betavariate(0.7, 1.5) for _ in range(number)]
        labels = [rng.random() < wanted(score) for score in scores]
        for number_, check in enumerate((observed_expected, spiegelhalter)):
            found[number_] += abs(check(scores, labels).statistic) > 1.96
    return found[0] / runs, found[1] / runs


def test_rarely_blame_scores_that_are_right():
    assert max(alarms(float)) < 0.08


def test_find_that_half_as_much_is_wanted():
    assert alarms(lambda score: score / 2)[0] > 0.5


def test_find_scores_without_a_meaning():
    assert alarms(lambda score: 0.32)[1] > 0.9


@pytest.mark.parametrize("check", [observed_expected, spiegelhalter])
def test_refuse_what_is_no_probability(check):
    with pytest.raises(ValueError, match="Probabilities"):
        check([1.1], [True])


def test_refuse_histograms_of_different_bins():
    with pytest.raises(ValueError, match="bins"):
        psi([1], [1, 2])


def test_refuse_more_than_all():
    with pytest.raises(ValueError, match="k of n"):
        fisher(3, 2, 0, 1)
