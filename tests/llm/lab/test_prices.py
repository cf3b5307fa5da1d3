import pytest

from llm.lab.prices import NEVER, Prices


@pytest.mark.parametrize(
    ("unwanted", "missed", "least"), [(3, 1, 0.75), (1, 1, 0.5), (1, 3, 0.25)]
)
def test_say_from_which_probability_on_a_reply_pays(unwanted, missed, least):
    prices = Prices(unwanted, missed)

    assert prices.least_probability == least
    assert prices.threshold(float) == least


def test_calls_cost_too():
    assert Prices(1, 1, call=0.2).least_probability == 0.6
    assert Prices(1, 1, call=2).threshold(float) == NEVER


def test_go_back_through_the_curve():
    assert Prices(1, 1).threshold(lambda score: score**2) == pytest.approx(0.7072)
    assert Prices(1, 1).threshold(lambda score: score / 3) == NEVER
    assert Prices(1, 1).threshold(lambda score: 0.9) == 0


def test_take_the_least_score_of_a_level_curve():
    assert Prices(1, 1).threshold(lambda score: 0.2 if score < 0.4 else 0.6) == 0.4


@pytest.mark.parametrize(
    "prices", [(-1, 1), (0, 0), (1, float("inf")), (float("nan"), 1), (1, 1, -1)]
)
def test_refuse_what_is_no_price(prices):
    with pytest.raises(ValueError, match="Prices|cost"):
        Prices(*prices)
