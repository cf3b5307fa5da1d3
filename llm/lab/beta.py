"""The beta distribution: its distribution function, and the inverse of that."""

import math

TINY = 1e-300
PRECISE = 1e-16
TERMS = 100_000


def regularized(a: float, b: float, x: float) -> float:
    """The regularized incomplete beta function I_x(a, b): P(X <= x) for X ~ Beta(a, b).

    Continued fraction by Lentz's method (Numerical Recipes, 6.4). `a` and `b` are
    positive, `x` is in [0, 1]; anything else is a ValueError.
    """
    if not (0 < a < math.inf and 0 < b < math.inf):
        raise ValueError(f"A beta distribution needs a, b > 0, not {a} and {b}.")
    if not 0 <= x <= 1:
        raise ValueError(f"x must be in [0, 1], not {x}.")
    if x in (0, 1):
        return float(x)
    if x > (a + 1) / (a + b + 2):
        return 1 - _tail(b, a, 1 - x)
    return _tail(a, b, x)


def inverse(a: float, b: float, p: float) -> float:
    """The x with I_x(a, b) = p, as near to it as numbers get."""
    if not 0 <= p <= 1:
        raise ValueError(f"p must be in [0, 1], not {p}.")
    if p > regularized(a, b, a / (a + b)):
        # Near 1 numbers lie further apart than near 0.
        return 1 - _lower(b, a, 1 - p)
    return _lower(a, b, p)


def _lower(a: float, b: float, p: float) -> float:
    """By Newton's method held within a shrinking bracket."""
    low, high = 0.0, 1.0
    x = a / (a + b)
    for _ in range(1100):  # as small as numbers get
        error = regularized(a, b, x) - p
        low, high = (low, x) if error > 0 else (x, high)
        density = math.exp(_log_density(a, b, x)) if 0 < x < 1 else 0.0
        new = x - error / density if density else -1.0
        if not low < new < high:
            new = (low + high) / 2
        if abs(new - x) <= 1e-15 * x:
            return new
        x = new
    return x


def _tail(a: float, b: float, x: float) -> float:
    front = math.exp(_log_density(a, b, x)) * x * (1 - x) / a
    return front * _fraction(a, b, x)


def _log_density(a: float, b: float, x: float) -> float:
    scale = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b)
    return scale + (a - 1) * math.log(x) + (b - 1) * math.log1p(-x)


def _fraction(a: float, b: float, x: float) -> float:
    c, d = 1.0, _reciprocal(1 - (a + b) * x / (a + 1))
    result = d
    for m in range(1, TERMS):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        for term in (even, odd):
            d = _reciprocal(1 + term * d)
            c = 1 + term / c or TINY
            result *= c * d
        if abs(c * d - 1) < PRECISE * 10:
            return result
    raise ValueError(f"The beta function of {a} and {b} does not converge.")


def _reciprocal(value: float) -> float:
    return 1 / (value or TINY)
