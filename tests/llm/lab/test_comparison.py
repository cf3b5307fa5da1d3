import random

import pytest
from hypothesis import given, settings, strategies as st
from scipy.stats import binomtest

from llm.lab.comparison import Flips, compare, mcnemar
from llm.lab.prices import Prices

EVEN = Prices(unwanted=1, missed=1)
NONE = Flips(0)


@given(st.integers(0, 500), st.integers(0, 500))
@settings(deadline=None)
def test_mcnemar_is_the_binomial_test_of_scipy(better, worse):
    flips = better + worse
    theirs = binomtest(better, flips).pvalue if flips else 1
    assert mcnemar(better, worse) == pytest.approx(theirs, rel=1e-6)


def test_mcnemar_by_a_known_example():
    assert round(mcnemar(3, 12), 3) == 0.035


def test_labelling_all_flips_leaves_no_doubt():
    found = compare(100, Flips(10, 10, 8), Flips(4, 4, 1), EVEN)

    # To replies: 2 unwanted, 8 no longer missed. To silence: 1 missed, 3 spared.
    assert found.cost == pytest.approx((-0.08, -0.08, -0.08))
    assert found.probability == 1


def test_replies_cost_calls():
    found = compare(100, Flips(10, 10, 5), NONE, Prices(1, 1, call=0.5))

    assert found.cost.mean == pytest.approx(0.05)


def test_nothing_changes_without_flips():
    found = compare(100, NONE, NONE, EVEN)

    assert (found.cost.mean, found.probability) == (0, 0)


def test_knows_nothing_without_labels():
    found = compare(100, Flips(50), NONE, EVEN)

    assert found.cost.low < -0.4
    assert found.cost.high > 0.4
    assert found.probability == pytest.approx(0.5, abs=0.05)


def test_prices_decide_which_is_better():
    flips = Flips(100, 30, 12)

    assert compare(1000, flips, NONE, Prices(1, 3)).probability > 0.9
    assert compare(1000, flips, NONE, Prices(3, 1)).probability < 0.1


def test_its_interval_holds_the_change_nine_times_of_ten():
    rng = random.Random(5)
    held = 0
    for trial in range(200):
        flips = [rng.random() < 0.3 for _ in range(120)]
        seen = flips[:30]
        real = sum(-1 if wanted else 1 for wanted in flips) / 1000
        found = compare(
            1000, Flips(120, 30, sum(seen)), NONE, EVEN, draws=400, seed=trial
        )
        held += found.cost.low <= real <= found.cost.high

    assert held / 200 >= 0.9


@pytest.mark.parametrize("flips", [(1, 2, 0), (5, 2, 3), (5, 2, -1)])
def test_refuses_more_labels_than_flips(flips):
    with pytest.raises(ValueError, match="Flips need"):
        Flips(*flips)


@pytest.mark.parametrize("decisions", [0, 9])
def test_refuses_more_flips_than_decisions(decisions):
    with pytest.raises(ValueError, match="decisions"):
        compare(
            decisions, Flips(5 if decisions else 0), Flips(5 if decisions else 0), EVEN
        )
