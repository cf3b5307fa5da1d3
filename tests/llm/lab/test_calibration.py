import random

import pytest
from hypothesis import given, settings, strategies as st
from scipy import optimize

from llm.lab.calibration import Form, brier, fit
from llm.lab.isotonic import isotonic, pool_adjacent_violators
from llm.lab.regression import Problem, sigmoid, solve

SCORES = st.lists(st.integers(0, 100).map(lambda n: n / 100), min_size=1, max_size=120)


def sample(number: int, seed: int = 0) -> tuple[list[float], list[bool]]:
    """A model that is too sure of itself."""
    rng = random.Random(seed)
    odds = [rng.gauss(-1, 1.5) for _ in range(number)]
    return [sigmoid(2 * z + 1) for z in odds], [rng.random() < sigmoid(z) for z in odds]


@pytest.mark.parametrize(
    ("number", "form"),
    [
        (0, Form.RAW),
        (4, Form.RAW),
        (40, Form.SHIFT),
        (200, Form.BETA),
        (1500, Form.ISOTONIC),
    ],
)
def test_takes_what_so_many_labels_allow(number, form):
    assert fit(*sample(number)).form == form


def test_takes_the_pooled_curve_for_labels_of_one_class():
    curve = fit([0.2] * 100, [False] * 100, pooled=lambda score: score / 2)

    assert (curve.form, curve(0.8)) == (Form.POOLED, 0.4)


def test_shifts_the_pooled_curve_of_few_labels():
    scores, labels = sample(40)

    curve = fit(scores, labels, pooled=lambda score: 0.01 + score / 100)

    assert curve.form == Form.SHIFT
    assert sum(map(curve, scores)) == pytest.approx(sum(labels), abs=1.5)


def test_takes_platt_where_the_beta_curve_would_fall():
    curve = fit(
        [0.1, 0.5, 0.9] * 30, [True, False, True] * 20 + [False, False, True] * 10
    )

    assert curve.form == Form.PLATT


def test_is_level_where_the_score_misleads():
    curve = fit([0.1] * 50 + [0.9] * 50, [True] * 50 + [False] * 50)

    assert curve(0.1) == curve(0.9) == 0.5


@given(SCORES, st.data())
@settings(deadline=None, max_examples=60)
def test_never_falls_and_stays_a_probability(scores, data):
    size = len(scores)
    labels = data.draw(st.lists(st.booleans(), min_size=size, max_size=size))
    weights = data.draw(st.lists(st.floats(0.1, 50), min_size=size, max_size=size))

    curve = fit(scores, labels, weights)

    shares = [curve(step / 50) for step in range(51)]
    assert all(0 <= share <= 1 for share in shares)
    assert all(b >= a - 1e-12 for a, b in zip(shares, shares[1:], strict=False))


@pytest.mark.parametrize(
    ("number", "most"), [(30, 0.11), (50, 0.1), (200, 0.07), (1000, 0.05)]
)
def test_comes_nearer_to_the_truth_than_the_score(number, most):
    def error(curve) -> float:
        odds = [z / 10 for z in range(-40, 21)]
        return sum(abs(curve(sigmoid(2 * z + 1)) - sigmoid(z)) for z in odds) / len(
            odds
        )

    errors = [error(fit(*sample(number, seed))) for seed in range(20)]

    assert sum(errors) / len(errors) < min(most, error(float))


@pytest.mark.parametrize("ridge", [0.001, 1.0])
def test_newton_finds_what_scipy_finds(ridge):
    scores, labels = sample(80)
    rows = [[score, score**2, 1.0] for score in scores]
    none = [0.0] * len(rows)
    ones = [1.0] * len(rows)
    problem = Problem(
        rows, none, list(map(float, labels)), ones, [1, 1, 0], [ridge] * 3
    )

    found = solve(problem)

    theirs = optimize.minimize(problem.loss, [0, 0, 0], method="BFGS", tol=1e-9)
    assert problem.loss(found) <= theirs.fun + 1e-9
    assert max(map(abs, problem.slope(found)[0])) < 1e-6


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0.1, 9)), min_size=1, max_size=80))
@settings(deadline=None)
def test_pools_as_scipy_does(pairs):
    values, weights = zip(*pairs, strict=True)

    theirs = optimize.isotonic_regression(values, weights=weights).x

    assert pool_adjacent_violators(values, weights) == pytest.approx(list(theirs))


def test_isotonic_takes_equal_scores_together():
    curve = isotonic([0.5, 0.5, 0.8], [True, False, True], [1, 1, 1])

    assert [curve(0), curve(0.5), curve(0.8), curve(1)] == [0.5, 0.5, 1, 1]


def test_brier_is_the_mean_squared_error():
    assert brier([0.5, 1], [True, True]) == 0.125
    assert brier([0.5, 1], [True, True], [3, 1]) == 0.1875
    assert brier([], []) is None


@pytest.mark.parametrize(
    ("scores", "labels", "weights", "said"),
    [
        pytest.param([0.5], [], None, "As many", id="a label is missing"),
        pytest.param([1.5], [True], None, "Scores", id="no score"),
        pytest.param([float("nan")], [True], None, "Scores", id="not a number"),
        pytest.param([0.5], [True], [0], "Weights", id="no weight"),
    ],
)
def test_refuses_bad_input(scores, labels, weights, said):
    with pytest.raises(ValueError, match=said):
        fit(scores, labels, weights)
