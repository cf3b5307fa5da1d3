"""A short run of `make bench-lab`: enough to see that a promise broke."""

import pytest

from bench import lab
from llm.lab.prices import Prices

WORLDS = [pytest.param(world, id=world.name) for world in lab.WORLDS]


@pytest.mark.parametrize(("labels", "trials"), [(60, 20), (200, 6), (1000, 3)])
def test_intervals_hold_what_they_promise(labels, trials):
    held = [lab.coverage(world, labels, trials, draws=120) for world in lab.WORLDS]

    for metric in lab.METRICS:
        assert sum(one[metric] for one in held) / len(held) >= 0.9


@pytest.mark.parametrize("alpha", [0.3, 0.5])
@pytest.mark.parametrize("world", WORLDS)
def test_certificates_are_seldom_wrong(world, alpha):
    assert lab.violations(world, alpha, trials=6).wrong <= 0.1


def test_what_only_looks_good_is_often_wrong():
    assert lab.violations(lab.WORLDS[0], 0.5, trials=10).naive > 0.2


@pytest.mark.parametrize("prices", [Prices(3, 1), Prices(1, 1), Prices(1, 3)])
def test_the_recommended_threshold_costs_little_more_than_the_best(prices):
    found = [lab.regret(world, 200, prices, trials=3) for world in lab.WORLDS]

    assert sum(one.recommended for one in found) / len(found) < 0.08
    assert sum(one.recommended for one in found) < sum(one.default for one in found)
