import pytest
from hypothesis import given, settings, strategies as st
from scipy.stats import binomtest

from llm.lab.intervals import clopper_pearson, lower, upper, wilson


@st.composite
def counts(draw) -> tuple[int, int]:
    n = draw(st.integers(1, 3000))
    return draw(st.integers(0, n)), n


@given(counts(), st.sampled_from([0.8, 0.9, 0.95, 0.99]))
@settings(deadline=None)
def test_are_those_of_scipy(k_of_n, level):
    test = binomtest(*k_of_n)

    exact = test.proportion_ci(level, "exact")
    score = test.proportion_ci(level, "wilson")

    assert clopper_pearson(*k_of_n, level) == pytest.approx(
        (exact.low, exact.high), abs=1e-10
    )
    assert wilson(*k_of_n, level) == pytest.approx((score.low, score.high), abs=1e-12)


@given(counts())
@settings(deadline=None)
def test_hold_the_share_itself(k_of_n):
    k, n = k_of_n

    for low, high in (wilson(k, n), clopper_pearson(k, n)):
        assert 0 <= low <= k / n <= high <= 1


@pytest.mark.parametrize(
    ("k", "n", "low", "high"),
    [(0, 10, 0, 0.21), (5, 10, 0.27, 0.73), (20, 100, 0.14, 0.27)],
)
def test_wilson_by_known_examples(k, n, low, high):
    assert [round(end, 2) for end in wilson(k, n)] == [low, high]


def test_know_nothing_without_labels():
    assert wilson(0, 0) == clopper_pearson(0, 0) == (0, 1)


@pytest.mark.parametrize("n", [1, 10, 400])
def test_the_bound_of_none_in_n_has_a_formula(n):
    assert upper(0, n, 0.1) == pytest.approx(1 - 0.1 ** (1 / n))
    assert upper(n, n, 0.1) == 1
    assert lower(0, n, 0.1) == 0


@pytest.mark.parametrize(("k", "n"), [(3, 2), (-1, 5), (0, -1)])
def test_refuse_more_than_all(k, n):
    for interval in (wilson, clopper_pearson):
        with pytest.raises(ValueError, match="k of n"):
            interval(k, n)


@pytest.mark.parametrize("level", [0, 1, 90])
def test_refuse_a_level_that_is_none(level):
    for interval in (wilson, clopper_pearson):
        with pytest.raises(ValueError, match="level"):
            interval(1, 2, level)
