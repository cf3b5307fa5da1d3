import pytest
from django.db import connection

from conversations.knowledge import search, texts
from conversations.knowledge.search import Place, find, within
from tests.conversations.test_search import NASTY
from tests.factories import INSTANCE, make_conversation, make_text

pytestmark = pytest.mark.django_db

HERE = Place(INSTANCE, 0)
HOURS = """\
# Opening hours

Monday to Friday from 9 to 18 o'clock, on Saturdays from 10 to 14.

## Holidays

Closed on the first of January.

# Parking

Behind the house there are ten places, free for guests.
"""


def found(question: str, *before: str, place: Place = HERE) -> list[str]:
    return [one.text for one in find(question, before, place)]


def test_finds_the_passage_that_fits():
    make_text("House", HOURS)

    assert found("Where can I leave my car? Is there parking?")[0].startswith("Behind")


def test_finds_a_word_in_another_form():
    make_text("House", HOURS)

    assert found("are you open on a saturday?")[0].startswith("Monday")


def test_finds_words_without_their_accents():
    make_text("Horários", "Às terças-feiras não abrimos.")

    assert found("TERCAS feiras?") == ["Às terças-feiras não abrimos."]


def test_finds_in_a_script_without_spaces():
    make_text("营业时间", "星期天关门。")

    assert found("星期天开门吗?") == ["星期天关门。"]


def test_gives_nothing_where_only_small_words_are_shared():
    make_text("House", HOURS)

    assert found("who won the match on the other day, and was it a good one?") == []


def test_a_short_question_is_read_with_what_was_said_before():
    make_text("House", HOURS)
    make_text("Pool", "The pool is heated. Children need an adult.")

    assert found("and for guests?", "is there parking?")[0].startswith("Behind")


def test_finds_by_the_title():
    make_text("Refunds", "You get it back within ten days.")

    assert found("how do refunds work") == ["You get it back within ten days."]


@pytest.mark.parametrize("question", NASTY)
def test_a_stranger_cannot_write_a_query(question):
    make_text("House", HOURS)

    found(question, question)


@pytest.mark.parametrize("operator", ["OR", "NOT", "AND", "NEAR", "words:"])
def test_an_operator_of_the_index_is_only_a_word(operator):
    make_text("House", HOURS)

    assert found(f"{operator} parking")[0].startswith("Behind")


def test_asks_for_no_more_words_than_it_should():
    make_text("House", HOURS + " ".join(f"word{n}" for n in range(500)))

    assert found(" ".join(f"word{n}" for n in range(500)))


def test_what_is_off_is_not_found():
    make_text("House", HOURS, is_on=False)

    assert found("parking?") == []


def test_what_a_text_said_before_is_not_found():
    text = make_text("House", "Parking is free.")
    texts.save(text, "There is a garden.", None)

    assert found("parking is free?") == []


def test_what_is_deleted_is_not_found():
    make_text("House", HOURS).delete()

    assert found("parking?") == []


def test_a_text_for_another_instance_is_not_found():
    make_text("House", "Parking is free.", instance="other")

    assert found("parking?") == []


def test_a_text_for_another_conversation_is_not_found():
    there = make_conversation(is_group=True)
    make_text("House", "Parking is free.", conversation=there)

    assert found("parking?") == []
    assert found("parking?", place=Place(INSTANCE, there.pk)) == ["Parking is free."]


def test_the_text_for_fewer_conversations_stands_in_place_of_its_namesake():
    make_text("Parking", "Parking is free.")
    make_text("PARKING", "Parking costs two euros.", instance=INSTANCE)

    assert found("parking?") == ["Parking costs two euros."]
    assert found("parking?", place=Place("other", 0)) == ["Parking is free."]


def test_a_namesake_that_is_off_stands_in_nobodys_place():
    make_text("Parking", "Parking is free.")
    make_text("Parking", "It costs.", instance=INSTANCE, is_on=False)

    assert found("parking?") == ["Parking is free."]


def test_keeps_within_its_room():
    make_text("House", HOURS)
    all_of_it = find("opening hours monday parking guests", [], HERE)

    assert len(within(all_of_it, 1, 1000)) == 1
    assert within(all_of_it, 5, 10) == []


def test_takes_the_same_three_queries_for_any_question(django_assert_num_queries):
    make_text("House", HOURS)

    with django_assert_num_queries(3):
        found("parking " * 300)


def test_no_table_is_read_for_a_word_that_nobody_wrote(django_assert_num_queries):
    make_text("House", HOURS)

    with django_assert_num_queries(1):
        assert found("xylophone quarterback") == []


def test_the_index_holds_current_passages_only():
    text = make_text("House", HOURS)
    texts.save(text, "# Other\n\nNothing.", None)

    with connection.cursor() as cursor:
        held = search._holding(cursor, {"parking", "other"})

    assert held == {"other": 1}
