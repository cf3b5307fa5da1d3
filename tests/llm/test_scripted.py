import socket

import pytest

from llm.knowledge import Knowledge, Passage, Text
from llm.relevance import judge
from llm.response import write
from tests.llm.chats import chat, make_line, make_model, ours

CLUB = (
    "You are Robin, the assistant of a hiking club. Be brief and kind.\n"
    "The next hike starts on Saturday at 9:00 at the station. "
    "A night in the hut costs 15 euros. Dogs are welcome if they are leashed."
)


def score(*texts, **kwargs):
    lines = chat(*texts)
    values = {"names": ["Robin"], "policy": "", "model": make_model()} | kwargs
    return judge(lines, [lines[-1].n], **values)


def reply(*texts, instructions=CLUB):
    lines = chat(*texts)
    return write(
        lines,
        [lines[-1].n],
        names=["Robin"],
        instructions=instructions,
        is_group=True,
        model=make_model(),
        max_tokens=300,
        temperature=0.5,
    ).text


@pytest.mark.parametrize(
    "texts",
    [
        pytest.param(["Ana: does anybody know when the hike starts?"], id="to all"),
        pytest.param(["Ana: What time does the hut open?"], id="to nobody"),
        pytest.param(["Ana: alguém sabe quanto custa a cabana?"], id="in Portuguese"),
        pytest.param(
            ["Ana: ¿alguien sabe cuándo empieza la caminata?"], id="in Spanish"
        ),
        pytest.param(["Ana: weiß jemand, wann die Wanderung beginnt?"], id="in German"),
        pytest.param(
            ["Ana: quelqu'un sait quand la randonnée commence ?"], id="in French"
        ),
        pytest.param(["Ana: Robin when do we meet"], id="by name"),
        pytest.param(
            [
                "Ana: when is the hike?",
                "Robin: On Saturday.",
                "Ana: and how long is it?",
            ],
            id="a follow-up",
        ),
    ],
)
def test_speaks_on_an_open_question(texts):
    judgement = score(*texts)

    assert judgement.p >= 0.6
    assert judgement.kind in {"question", "followup"}


@pytest.mark.parametrize(
    "texts",
    [
        pytest.param(["Ana: good morning all"], id="a greeting"),
        pytest.param(["Ana: haha that photo"], id="chatter"),
        pytest.param(
            ["Ana: hi", "Ben: hi", "Ana: Ben, did you bring the keys?"], id="to Ben"
        ),
        pytest.param(
            ["Ana: hi", "Ben: ok", "Ana: @Ben where are you?"], id="with an @"
        ),
        pytest.param(["Robin: On Saturday.", "Ana: thanks!"], id="thanks"),
        pytest.param(["Ana: lol"], id="laughter"),
        pytest.param(["Ana: 👍"], id="a thumb"),
        pytest.param(["Ana: https://example.org/hike?id=5"], id="a link"),
        pytest.param(["Ana: yes, they are under the mat"], id="a statement"),
    ],
)
def test_is_quiet_in(texts):
    assert score(*texts).p < 0.4


def test_is_quiet_when_somebody_answered_meanwhile():
    lines = chat("Ana: does anybody know when it starts?", "Ben: at nine")

    early = judge(lines[:1], [1], names=["Robin"], policy="", model=make_model())
    late = judge(lines, [1], names=["Robin"], policy="", model=make_model())

    assert late.p < 0.5 < early.p


def test_a_reply_to_us_is_for_us():
    lines = [
        ours(1, "On Saturday."),
        make_line(2, "hm, not sure about that", reply_to=1),
    ]

    assert judge(lines, [2], names=["Robin"], policy="", model=make_model()).p > 0.6


def test_a_reply_to_another_member_is_not():
    lines = [
        *chat("Ana: at nine", "Cleo: so"),
        make_line(3, "really?", "Ben", reply_to=1),
    ]

    judgement = judge(lines, [3], names=["Robin"], policy="", model=make_model())

    assert judgement.p < 0.2
    assert judgement.kind == "not_for_us"


def test_understands_that_it_should_be_quiet():
    judgement = score("Ana: Robin, stop talking please")

    assert (judgement.kind, judgement.p) == ("stop", 0.02)


def test_cares_more_for_what_the_operator_named():
    texts = ["Ana: is the hut heated?"]

    assert score(*texts, policy="Answer about the hut.").p > score(*texts).p


def test_costs_nothing():
    assert score("Ana: hi").call.cost == 0


def test_is_the_same_for_the_same_chat():
    texts = ["Ana: hi", "Ben: what do you think of that?"]

    assert score(*texts).p == score(*texts).p
    assert reply(*texts) == reply(*texts)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param("when does the hike start?", "on Saturday at 9:00", id="one fact"),
        pytest.param("Robin, how much is a night?", "costs 15 euros", id="another"),
        pytest.param("are dogs allowed?", "welcome if they are leashed", id="a third"),
        pytest.param("what's 12 * 7?", "84", id="a product"),
        pytest.param("2 + 2", "4", id="a sum"),
        pytest.param("how much is 1 / 8", "0.125", id="a fraction"),
        pytest.param("what time is it?", "14:03", id="the time"),
        pytest.param("que horas são?", "São 14:03", id="the time in Portuguese"),
        pytest.param("what day is it today?", "Monday, 05 January 2026", id="the day"),
        pytest.param("roll a die", "🎲", id="a die"),
        pytest.param("toss a coin please", "🪙", id="a coin"),
        pytest.param("who are you?", "Robin", id="its name"),
    ],
)
def test_answers(text, said):
    assert said in reply(f"Ana: {text}")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param("hello!", ("Hi", "Hello", "Hey"), id="English"),
        pytest.param("Oi, tudo bem com você", ("Oi", "Olá"), id="Portuguese"),
        pytest.param("hola", ("¡Hola",), id="Spanish"),
        pytest.param("Hallo", ("Hallo", "Hi"), id="German"),
        pytest.param("bonjour", ("Salut", "Bonjour"), id="French"),
    ],
)
def test_greets_in_the_language_of_the_chat(text, words):
    assert reply(f"Ana: {text}").startswith(words)


def test_tells_what_a_member_said():
    said = reply("Ben: the keys are under the mat", "Ana: where are the keys?")

    assert said == "Ben wrote earlier: “the keys are under the mat”"


def test_says_so_when_it_does_not_know():
    said = reply("Ana: which wine goes with fish?")

    assert "know" in said or "not sure" in said


def test_does_not_recite_how_it_is_told_to_behave():
    said = reply("Ana: which assistant is brief and kind?")

    assert "You are" not in said
    assert "Be brief" not in said


def test_varies_what_it_says():
    greetings = {reply(f"Ana: hello{'!' * n}") for n in range(12)}

    assert len(greetings) > 1


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "\x00",
        "\ud800",
        "{name}",
        "{0}",
        "%s",
        "1/0",
        "9" * 5000 + "+1",
        "?" * 999,
    ]
    + ["🎲" * 500, "\u202e", "(" * 999],
)
def test_has_something_to_say_to_anything(text):
    line = make_line(1, text, text)

    said = write(
        [line],
        [1],
        names=["Robin"],
        instructions=CLUB,
        is_group=False,
        model=make_model(),
        max_tokens=300,
        temperature=0.5,
    )

    assert said.text
    assert (
        judge([line], [1], names=["Robin"], policy="", model=make_model()).p is not None
    )


@pytest.mark.parametrize("names", [[], [""], ["(Robin"], ["Robin", "the bot"]])
def test_takes_any_name(names):
    assert score("Ana: hello Robin", names=names).p is not None
    assert write(
        chat("Ana: hello (Robin"),
        [1],
        names=names,
        instructions="",
        is_group=True,
        model=make_model(),
        max_tokens=300,
        temperature=0.5,
    ).text


def test_needs_no_network(monkeypatch):
    monkeypatch.setattr(socket, "socket", None)

    assert score("Ana: does anybody know when it starts?").p
    assert reply("Ana: hello")


def known(question, *passages, texts=()):
    knowledge = Knowledge(
        texts=tuple(Text("Rules", text) for text in texts),
        passages=tuple(Passage("House", "", text) for text in passages),
        is_searched=True,
    )
    lines = chat(question)
    return write(
        lines,
        [1],
        names=["Robin"],
        instructions=CLUB,
        is_group=True,
        model=make_model(),
        max_tokens=300,
        temperature=0.5,
        knowledge=knowledge,
    ).text


def test_answers_from_a_passage_that_was_found():
    assert "nine euros" in known("Ana: what is breakfast?", "Breakfast: nine euros.")


def test_answers_from_a_text_that_is_given_always():
    assert "nine euros" in known("Ana: breakfast?", texts=["Breakfast: nine euros."])


def test_reads_a_passage_out_where_no_sentence_fits_by_its_words():
    assert "From 8 to 10" in known("Ana: when do you serve it?", "From 8 to 10.")
