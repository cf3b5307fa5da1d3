import random
from dataclasses import replace
from statistics import stdev

import pytest
from hypothesis import given, settings, strategies as st
from scipy import stats

from llm.lab.bands import Band
from llm.lab.posterior import binomial, estimate
from llm.lab.prices import NEVER, Prices

EVEN = Prices(unwanted=1, missed=1)
# Every decision labelled: nothing is left to guess.
KNOWN = (
    Band(0.0, 50, 50, 5),
    Band(0.4, 20, 20, 10),
    Band(0.8, 10, 10, 9),
)
UNSEEN = tuple(Band(tenth / 10, 100, prior=tenth / 10 + 0.05) for tenth in range(10))


@st.composite
def some_bands(draw) -> list[Band]:
    bands = []
    for tenth in range(10):
        logged = draw(st.integers(0, 60))
        labelled = draw(st.integers(0, logged))
        wanted = draw(st.integers(0, labelled))
        bands.append(Band(tenth / 10, logged, labelled, wanted, draw(st.floats(0, 1))))
    return bands


def row(found, threshold):
    return next(row for row in found.rows if row.threshold == threshold)


def test_knows_what_was_labelled():
    at = row(estimate(KNOWN, EVEN), 0.4)

    assert at.response_rate == 30 / 80
    assert at.precision == pytest.approx((19 / 30,) * 3)
    assert at.recall == pytest.approx((19 / 24,) * 3)
    assert at.unwanted == pytest.approx((11 / 80,) * 3)
    assert at.missed == pytest.approx((5 / 80,) * 3)
    assert at.cost == pytest.approx((16 / 80,) * 3)


def test_counts_the_calls_of_replies():
    at = row(estimate(KNOWN, Prices(1, 2, call=0.1)), 0.4)

    assert at.cost.mean == pytest.approx((11 + 2 * 5 + 0.1 * 30) / 80)


def test_has_no_precision_above_the_greatest_score():
    found = estimate([*KNOWN, Band(0.9, 0)], EVEN)

    assert row(found, 0.9).precision is row(found, NEVER).precision is None
    assert row(found, NEVER).response_rate == 0
    assert row(found, NEVER).recall.mean == 0


def test_has_no_recall_where_nothing_is_wanted():
    found = estimate([Band(0.0, 10, 10, 0), Band(0.5, 10, 10, 0)], EVEN)

    assert row(found, 0.0).recall is None
    assert row(found, 0.0).precision.mean == 0
    assert found.recommended.threshold == NEVER


def test_recommends_the_least_cost_for_sure_where_all_is_known():
    found = estimate(KNOWN, Prices(unwanted=1, missed=3))

    assert found.recommended.threshold == 0.4
    assert found.recommended.interval == (0.4, 0.4)
    assert found.recommended.probability == 1


def test_prefers_the_higher_threshold_of_equal_costs():
    # 10 of 20 from 0.4 on: at equal prices it does not matter.
    assert estimate(KNOWN, EVEN).recommended.threshold == 0.8


def test_recommends_to_be_silent_where_replies_cost_too_much():
    assert estimate(KNOWN, Prices(100, 1)).recommended.threshold == NEVER


def test_recommends_to_answer_all_where_silence_costs_too_much():
    assert estimate(KNOWN, Prices(1, 100)).recommended.threshold == 0


def test_says_nothing_without_decisions():
    found = estimate([Band(0.0, 0), Band(0.5, 0)], EVEN)

    assert (found.rows, found.recommended, found.wanted_rate) == ((), None, None)
    assert estimate([], EVEN).rows == ()


def test_says_little_without_labels():
    found = estimate(UNSEEN, EVEN)

    precision = row(found, 0.7).precision
    assert precision.high - precision.low > 0.5
    assert found.recommended.probability < 0.5


@pytest.mark.parametrize("wanted", [0, 6])
def test_bears_labels_of_one_class(wanted):
    bands = [replace(band, labelled=6, wanted=wanted) for band in UNSEEN]

    rate = estimate(bands, EVEN).wanted_rate

    assert abs(rate.mean - wanted / 6) < 0.2


def test_tells_that_equal_scores_carry_no_information():
    bands = [Band(0.0, 0), Band(0.5, 100, 40, 12), Band(0.6, 0)]

    found = estimate(bands, EVEN)

    assert not found.informative
    assert found.recommended.threshold == NEVER
    assert estimate(bands, Prices(1, 9)).recommended.threshold == 0.5


def test_lets_labels_move_a_prior_that_is_wrong():
    seen = [
        replace(band, labelled=20, wanted=2 if band.low < 0.9 else 4) for band in UNSEEN
    ]
    unseen = [*seen[:8], replace(UNSEEN[8], labelled=0), seen[9]]

    at = row(estimate(unseen, EVEN), 0.8)

    assert at.precision.mean < 0.4  # the prior said 0.9


def test_is_narrower_with_more_labels():
    def width(labels: int) -> float:
        bands = [
            replace(band, logged=1000, labelled=labels, wanted=int(labels * band.prior))
            for band in UNSEEN
        ]
        precision = row(estimate(bands, EVEN), 0.5).precision
        return precision.high - precision.low

    assert width(5) > width(20) > width(100)


@given(some_bands(), st.sampled_from([EVEN, Prices(3, 1), Prices(1, 3, 0.2)]))
@settings(deadline=None, max_examples=25)
def test_keeps_the_order_of_things(bands, prices):
    found = estimate(bands, prices, draws=40)

    for at in found.rows:
        for one in (at.precision, at.recall, at.unwanted, at.missed):
            assert one is None or 0 <= one.low <= one.high <= 1 + 1e-9
        assert at.cost.low <= at.cost.high
        assert (at.precision is None) == (at.response_rate == 0)
    rates = [at.response_rate for at in found.rows]
    assert rates == sorted(rates, reverse=True)
    missed = [at.missed.mean for at in found.rows]
    assert all(b >= a - 1e-9 for a, b in zip(missed, missed[1:], strict=False))
    if found.recommended:
        low, high = found.recommended.interval
        least = min(at.cost.mean for at in found.rows)
        best = row(found, found.recommended.threshold)
        assert best.cost.mean == pytest.approx(least)
        assert low <= high


@given(some_bands())
@settings(deadline=None, max_examples=5)
def test_gives_the_same_answer_again(bands):
    assert estimate(bands, EVEN, draws=20) == estimate(bands, EVEN, draws=20)


@pytest.mark.parametrize("n", [3, 40, 4000])
@pytest.mark.parametrize("p", [0.0, 0.02, 0.4, 0.9, 1.0])
def test_draws_from_the_binomial_distribution(n, p):
    rng = random.Random(7)

    drawn = [binomial(rng, n, p) for _ in range(4000)]

    theirs = stats.binom(n, p)
    error = theirs.std() / 4000**0.5
    assert sum(drawn) / 4000 == pytest.approx(theirs.mean(), abs=4 * error + 1e-9)
    assert stdev(drawn) == pytest.approx(theirs.std(), rel=0.06)
    assert 0 <= min(drawn) <= max(drawn) <= n


@pytest.mark.parametrize(
    ("bands", "kappa", "draws", "said"),
    [
        pytest.param([Band(0.5, 1), Band(0.1, 1)], 1, 9, "ascend", id="order"),
        pytest.param(KNOWN, 0, 9, "kappa", id="no prior"),
        pytest.param(KNOWN, 1, 0, "draw", id="no draws"),
    ],
)
def test_refuses_bad_input(bands, kappa, draws, said):
    with pytest.raises(ValueError, match=said):
        estimate(bands, EVEN, kappa=kappa, draws=draws)
