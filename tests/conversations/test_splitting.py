import pytest
import regex
from hypothesis import given, strategies as st

from conversations.splitting import LIMIT, split, units

FAMILY = "👨‍👩‍👧‍👦"


def test_leaves_a_short_text_alone():
    assert split("  Hello\n\nthere ") == ["Hello\n\nthere"]


def test_sends_nothing_for_a_blank_text():
    assert split(" \n ") == []


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        pytest.param(
            "One two.\n\nThree four.", ["One two.", "Three four."], id="paragraphs"
        ),
        pytest.param("One two.\nThree four.", ["One two.", "Three four."], id="lines"),
        pytest.param(
            "One two. Three four.", ["One two.", "Three four."], id="sentences"
        ),
        pytest.param(
            "一二三四五六七。八九十一二三。",
            ["一二三四五六七。", "八九十一二三。"],
            id="without spaces",
        ),
        pytest.param("one two three four", ["one two", "three four"], id="words"),
        pytest.param("abcdefghijklmnop", ["abcdefghijkl", "mnop"], id="one long word"),
    ],
)
def test_prefers_the_widest_break(text, parts):
    assert split(text, limit=12) == parts


def test_counts_as_whatsapp_does():
    assert units("a😀") == 3


def test_never_cuts_inside_a_grapheme():
    parts = split(FAMILY * 10, limit=30)

    assert "".join(parts) == FAMILY * 10
    assert all(set(regex.findall(r"\X", part)) == {FAMILY} for part in parts)


def test_never_parts_a_full_stop_from_its_variation_selector():
    sentence = "一二三。\ufe00"

    assert split(sentence * 2, limit=6) == [sentence, sentence]
    assert split("一二三四。\ufe00五", limit=5) == ["一二三四", "。\ufe00五"]


def test_cuts_a_grapheme_that_no_message_could_hold():
    parts = split("a" + "\u0301" * 50, limit=20)

    assert [units(part) <= 20 for part in parts] == [True] * len(parts)


@given(st.text(alphabet=st.sampled_from("ab .\n!😀é\u0301👩\u200d中。"), max_size=300))
def test_loses_nothing_but_space_and_stays_within_the_limit(text):
    parts = split(text, limit=16)

    assert "".join("".join(parts).split()) == "".join(text.split())
    assert all(part and units(part) <= 16 for part in parts)


def test_the_limit_is_whatsapps():
    assert [units(part) for part in split("x" * 10_000)] == [
        LIMIT,
        LIMIT,
        10_000 - 2 * LIMIT,
    ]
