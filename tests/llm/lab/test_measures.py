import pytest

from llm.lab.measures import Counts, auc, best_threshold, count, interval

SCORED = [
    (0.9, True),
    (0.8, False),
    (0.6, True),
    (0.4, False),
    (0.2, True),
    (0.1, False),
]


def test_counts_what_a_threshold_would_have_done():
    assert count(SCORED, 0.6) == Counts(right=2, unwanted=1, missed=1, silent=2)


def test_measures_follow_from_the_counts():
    counts = Counts(right=2, unwanted=1, missed=1, silent=2)

    assert counts.precision == pytest.approx(2 / 3)
    assert counts.recall == pytest.approx(2 / 3)
    assert counts.f1 == pytest.approx(2 / 3)
    assert counts.balanced_accuracy == pytest.approx(2 / 3)
    assert counts.response_rate == 0.5


def test_there_is_no_number_where_there_is_nothing_to_divide_by():
    nothing = Counts(silent=3)

    assert nothing.precision is nothing.recall is nothing.f1 is None
    assert nothing.balanced_accuracy is None


def test_the_area_under_the_curve_counts_ties_half():
    assert auc([(0.5, True), (0.5, False)]) == 0.5
    assert auc([(0.9, True), (0.1, False)]) == 1.0
    assert auc([(0.9, True)]) is None


def test_the_best_threshold_has_the_highest_f1():
    assert best_threshold([(0.7, True), (0.6, True), (0.3, False)]) == 0.6


def test_an_interval_holds_its_measure_and_is_the_same_again():
    groups = [(n, Counts(right=n % 3, unwanted=1, missed=1)) for n in range(30)]
    total = sum((counts for _, counts in groups), Counts())

    low, high = interval(groups, lambda counts: counts.f1)

    assert low < total.f1 < high
    assert (low, high) == interval(groups, lambda counts: counts.f1)
