import pytest

from llm.lab.bands import Band, banded, hundredths, pooled


def counts(**of: int) -> list[int]:
    """counts(s29=3): three decisions with 29 hundredths."""
    result = [0] * 101
    for name, number in of.items():
        result[int(name[1:])] = number
    return result


def test_sorts_decisions_and_labels_into_bands():
    labels = [(0.29, True), (0.2, False), (1.0, True)]

    bands = banded(counts(s20=4, s29=3, s100=2), labels)

    assert [band.low for band in bands[:4]] == [0, 0.1, 0.2, 0.3]
    assert (bands[2].logged, bands[2].labelled, bands[2].wanted) == (7, 2, 1)
    assert (bands[9].logged, bands[9].labelled, bands[9].wanted) == (2, 1, 1)


def test_expects_what_the_score_says():
    bands = banded(counts(s20=1, s30=3, s38=1), [])

    assert bands[3].prior == pytest.approx(0.32)
    assert bands[5].prior == pytest.approx(0.545)  # empty: of its scores


def test_expects_what_a_curve_says():
    assert banded(counts(s20=1), [], lambda score: score / 2)[2].prior == 0.1


def test_bands_may_be_narrower():
    bands = banded(counts(s27=1), [(0.27, True)], width=5)

    assert len(bands) == 20
    assert (bands[5].low, bands[5].labelled) == (0.25, 1)


@pytest.mark.parametrize(("score", "full"), [(0, 0), (0.29, 29), (0.299, 29), (1, 100)])
def test_hundredths_are_full(score, full):
    assert hundredths(score) == full


def test_pools_the_labels_of_all_others():
    groups = {
        "a": [Band(0, 9, 4, 4), Band(0.5, 9)],
        "b": [Band(0, 9, 2, 0), Band(0.5, 9, 0, 0, 0.8)],
        "c": [Band(0, 9, 7, 1), Band(0.5, 9)],
    }

    priors = pooled(groups)

    # (wanted by others + .5) / (labelled by others + 1)
    assert priors["a"][0].prior == pytest.approx(1.5 / 10)
    assert priors["b"][0].prior == pytest.approx(5.5 / 12)
    assert priors["b"][1].prior == 0.8  # nobody knows
    assert priors["b"][0].labelled == 2


def test_pools_nothing_of_no_groups():
    assert pooled({}) == {}


@pytest.mark.parametrize(
    ("call", "said"),
    [
        pytest.param(lambda: Band(0, 1, 2, 0), "labelled", id="too many labels"),
        pytest.param(lambda: Band(0, 2, 1, 2), "wanted", id="too many wanted"),
        pytest.param(lambda: Band(2, 1), "low and prior", id="no score"),
        pytest.param(lambda: Band(0, 1, prior=2), "low and prior", id="no prior"),
        pytest.param(lambda: banded([1], []), "101", id="too few counts"),
        pytest.param(lambda: banded([-1] * 101, []), "101", id="less than none"),
        pytest.param(lambda: banded([0] * 101, [], width=7), "evenly", id="uneven"),
        pytest.param(
            lambda: banded([9] * 101, [(2, True)]), "score", id="no such score"
        ),
        pytest.param(
            lambda: pooled({1: [Band(0, 1)], 2: [Band(0.1, 1)]}), "same", id="unlike"
        ),
    ],
)
def test_refuses_bad_input(call, said):
    with pytest.raises(ValueError, match=said):
        call()
