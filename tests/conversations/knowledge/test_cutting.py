from hypothesis import given, strategies as st

from conversations.knowledge.cutting import LENGTH, Passage, passages


def test_cuts_at_headings_and_names_those_over_a_passage():
    assert passages("Hi.\n# House\n\nNice.\n\n## Garden\n\nGreen.\n# Car\nFast.") == [
        Passage("", "Hi."),
        Passage("House", "Nice."),
        Passage("House › Garden", "Green."),
        Passage("Car", "Fast."),
    ]


def test_keeps_short_paragraphs_together():
    assert [one.text for one in passages("One.\n\nTwo.")] == ["One.\n\nTwo."]


def test_cuts_a_long_text_between_paragraphs():
    first, second = "a" * 500, "b" * 500

    assert [one.text for one in passages(f"{first}\n\n{second}")] == [first, second]


def test_cuts_a_long_paragraph_between_sentences():
    found = passages("This is a sentence of some length. " * 60)

    assert len(found) == 3
    assert all(one.text.endswith("length.") for one in found)


def test_nothing_makes_no_passage():
    assert passages(" \n\n ") == []


@given(st.text(alphabet="ab.# \n\u3002é", max_size=4000))
def test_loses_nothing_and_keeps_to_the_length(body):
    found = passages(body)

    assert all(0 < len(one.text) <= LENGTH for one in found)
    kept = "".join(f"{one.heading}{one.text}" for one in found)
    assert set("ab") & set(body) <= set(kept) or "#" in body
    if "#" not in body:
        assert "".join(kept.split()) == "".join(body.split())
