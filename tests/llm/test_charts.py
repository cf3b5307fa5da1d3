import re
from xml.etree import ElementTree

import pytest

from llm.lab import charts
from llm.lab.scores import Scores, recent
from llm.models import Decision
from tests.factories import make_conversation

WORDS = charts.Words("Scores <b>", "Half of them", "probability")


def counts(**numbers: int) -> tuple[int, ...]:
    """`p29=3` stands for three of 0.29."""
    row = [0] * 101
    for name, number in numbers.items():
        row[int(name[1:])] = number
    return tuple(row)


def draw(counts: tuple[int, ...], threshold: float = 0.6) -> ElementTree.Element:
    return ElementTree.fromstring(charts.histogram(counts, threshold, WORDS))


def bars(svg: ElementTree.Element) -> list[ElementTree.Element]:
    return [one for one in svg.iter("rect") if "bar" in one.attrib["class"]]


class TestHistogram:
    def test_has_twenty_bars(self):
        assert len(bars(draw(counts(p1=1)))) == 20

    def test_the_last_bar_has_the_certain_ones(self):
        last = bars(draw(counts(p95=1, p100=2)))[-1]

        assert "0.95 to 1.00: 3" in "".join(last.itertext())

    @pytest.mark.parametrize(
        ("threshold", "lit"), [(0, 20), (0.3, 14), (0.55, 9), (0.56, 8), (1, 0)]
    )
    def test_lights_the_bars_at_or_above_the_threshold(self, threshold, lit):
        classes = [bar.attrib["class"] for bar in bars(draw(counts(p1=1), threshold))]

        assert classes.count("bar on") == lit
        assert classes[20 - lit :] == ["bar on"] * lit

    def test_draws_the_tallest_within_the_frame(self):
        heights = [float(bar.attrib["height"]) for bar in bars(draw(counts(p1=97)))]

        assert 0 < max(heights) <= charts.INNER_HEIGHT

    def test_can_be_drawn_of_nothing(self):
        assert {bar.attrib["height"] for bar in bars(draw(counts()))} == {"0.0"}

    def test_tells_readers_what_it_shows(self):
        svg = draw(counts(p1=1))

        assert svg.find("title").text == "Scores <b>"
        assert svg.find("desc").text == "Half of them"
        assert svg.attrib["role"] == "img"

    def test_is_not_mirrored(self):
        assert draw(counts()).attrib["dir"] == "ltr"

    def test_has_no_colours_of_its_own(self):
        svg = charts.histogram(counts(p1=1), 0.6, WORDS)

        assert not re.search(r"style=|fill=|stroke=", svg)

    @pytest.mark.parametrize(
        ("most", "top"), [(0, 4), (4, 4), (5, 8), (9, 12), (33, 40), (420, 600)]
    )
    def test_ends_at_a_round_number(self, most, top):
        rounded = charts.round_top(most)

        assert rounded >= most
        assert rounded % 4 == 0
        assert rounded <= max(4, top)


class TestScores:
    def test_are_counted_from_the_threshold_on(self):
        scores = Scores(counts(p28=1, p29=2, p30=4))

        assert scores.at_or_above(0.29) == 6
        assert scores.at_or_above(0.295) == 4
        assert scores.at_or_above(0) == 7
        assert scores.at_or_above(1) == 0

    def test_have_no_share_of_nothing(self):
        assert Scores(counts()).share(0.5) == 0

    @pytest.mark.django_db
    def test_agree_with_the_gate_at_every_hundredth(self):
        conversation = make_conversation(is_group=True)
        hundredths = [number / 100 for number in range(101)]
        Decision.objects.bulk_create(
            Decision(
                conversation=conversation,
                step="relevance",
                source="model",
                outcome="silent",
                p=p,
            )
            for p in hundredths
        )

        scores = recent()

        assert scores.counts == (1,) * 101
        for threshold in hundredths:
            wanted = sum(p >= threshold for p in hundredths)
            assert scores.at_or_above(threshold) == wanted
