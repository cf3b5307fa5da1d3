import pytest

from llm.lab.agreement import kappa

YES, NO = True, False


@pytest.mark.parametrize(
    ("pairs", "expected"),
    [
        pytest.param([(YES, YES), (NO, NO)], 1, id="always the same"),
        pytest.param([(YES, NO), (NO, YES)], -1, id="never the same"),
        pytest.param([(YES, YES), (YES, NO), (NO, YES), (NO, NO)], 0, id="by chance"),
        # 7 of 10 the same, 11 of 20 yes: (0.7 - 0.505) / 0.495
        pytest.param(
            [(YES, YES)] * 4 + [(NO, NO)] * 3 + [(YES, NO)] * 3,
            0.195 / 0.495,
            id="by hand",
        ),
    ],
)
def test_kappa_is_agreement_beyond_chance(pairs, expected):
    assert kappa(pairs) == pytest.approx(expected)


@pytest.mark.parametrize(
    "pairs", [[], [(YES, YES)] * 9], ids=["no pairs", "one answer only"]
)
def test_kappa_is_not_told_where_chance_explains_all(pairs):
    assert kappa(pairs) is None
