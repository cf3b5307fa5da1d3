"""Against scipy."""

import math

import pytest
from hypothesis import given, settings, strategies as st
from scipy import special

from llm.lab import beta

SHAPES = st.floats(0.05, 5000)


@given(SHAPES, SHAPES, st.floats(0, 1))
@settings(deadline=None)
def test_is_the_incomplete_beta_function(a, b, x):
    assert beta.regularized(a, b, x) == pytest.approx(
        special.betainc(a, b, x), rel=1e-8, abs=1e-12
    )


@given(SHAPES, SHAPES, st.floats(1e-6, 1 - 1e-6))
@settings(deadline=None)
def test_its_inverse_leads_back(a, b, p):
    x = beta.inverse(a, b, p)

    # Where it rises steeply there is a step from one number to the next.
    below, above = math.nextafter(x, 0), math.nextafter(x, 1)
    assert beta.regularized(a, b, below) - 1e-7 <= p
    assert p <= beta.regularized(a, b, above) + 1e-7


@pytest.mark.parametrize(
    ("a", "b", "x"), [(0, 1, 0.5), (1, -1, 0.5), (1, 1, 1.5), (1, float("nan"), 0.5)]
)
def test_refuses_what_is_no_beta_distribution(a, b, x):
    with pytest.raises(ValueError, match="must|needs"):
        beta.regularized(a, b, x)


def test_refuses_what_is_no_probability():
    with pytest.raises(ValueError, match="p must be"):
        beta.inverse(1, 1, 2)
