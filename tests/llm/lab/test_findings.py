import pytest

from llm.lab import findings
from llm.lab.evidence import Labelled, Labels, Scored, agreed
from llm.lab.findings import Badge, Finding
from llm.lab.groups import compare
from llm.lab.prices import NEVER, Prices

EVEN = (10,) * 101


def labels(group: int = 1, each: int = 12, wanted_from: float = 0.5) -> Labels:
    """`each` in every tenth; wanted from a score on."""
    return Labels(
        tuple(
            Labelled(n, group, p, p >= wanted_from)
            for n, p in enumerate(
                (tenth + 0.5) / 10 for tenth in range(10) for _ in range(each)
            )
        )
    )


def find(given: Labels, group: int | None = None, **fields: object) -> Finding:
    scored = Scored(fields.pop("counts", {1: EVEN, 2: EVEN}))
    defaults = {"days": 10.0, "prices": Prices(1, 1), "threshold": 0.6}
    groups = findings.bands_of(scored, given, scored.counts)
    return findings.find(scored, given, group, groups=groups, **{**defaults, **fields})


class TestFinding:
    def test_recommends_where_the_labels_turn(self):
        assert find(labels()).recommended == pytest.approx(0.5)

    def test_recommends_nothing_with_too_few_labels(self):
        found = find(labels(each=4))

        assert found.recommended is None
        assert found.badge == Badge.FEW
        assert found.missing_labels == 10

    def test_a_group_without_labels_learns_from_the_others(self):
        found = find(labels(group=1), group=2)

        assert found.is_prior_only
        assert found.recommended is not None
        assert found.badge == Badge.FEW

    def test_replies_are_counted_exactly(self):
        found = find(labels())

        assert found.at(0.6).replies == pytest.approx(41 * 20 / 10)
        assert found.at(0).replies == pytest.approx(101 * 20 / 10)

    def test_between_two_bands_the_numbers_are_between_theirs(self):
        found = find(labels())

        low, middle, high = (found.at(t).unwanted.mean for t in (0.3, 0.35, 0.4))
        assert high < middle < low

    def test_labels_that_all_agree_are_likely_or_better(self):
        assert find(labels(each=15)).badge in (Badge.LIKELY, Badge.CERTIFIED)

    def test_many_clear_labels_certify(self):
        assert find(labels(each=40)).badge == Badge.CERTIFIED

    def test_nothing_wanted_recommends_silence(self):
        found = find(labels(each=30, wanted_from=2))

        assert found.recommended == NEVER
        assert found.badge is None
        assert found.is_one_class
        assert found.one_class_bound < 0.05

    def test_of_one_score_nothing_is_learnt(self):
        counts = tuple(500 if n == 50 else 0 for n in range(101))

        assert not find(Labels(), counts={1: counts}).posterior.informative

    def test_without_a_decision_there_is_nothing(self):
        found = find(Labels(), counts={})

        assert found.total == 0
        assert found.rows == ()


class TestAgreed:
    def row(self, decision: int, verdict: str) -> tuple:
        return decision, 1, 0.5, verdict, 0.1

    def test_the_majority_decides(self):
        given = [self.row(7, v) for v in ("wanted", "unwanted", "wanted")]

        (one,) = agreed(given).usable
        assert one.wanted

    def test_a_tie_is_left_out(self):
        found = agreed([self.row(7, "wanted"), self.row(7, "unwanted")])

        assert (found.usable, found.tied) == ((), 1)

    def test_a_reaction_counts_as_not_wanted(self):
        (one,) = agreed([self.row(7, "reaction")]).usable

        assert not one.wanted

    def test_unsure_is_only_counted(self):
        found = agreed([self.row(7, "unsure")])

        assert (found.usable, found.unsure) == ((), 1)


def test_groups_come_by_what_they_would_save():
    given = Labels(
        labels(group=1, wanted_from=0.1).usable
        + labels(group=2, wanted_from=0.6).usable
    )
    scored = Scored({1: EVEN, 2: EVEN})
    bands = findings.bands_of(scored, given, (1, 2))

    found = compare(bands, {}, 0.6, Prices(1, 1), 10.0)

    assert [one.conversation for one in found] == [1, 2]
    assert found[0].recommended < 0.3
    assert found[0].saving > 5 > found[1].saving
