from llm.lab import group_chats
from llm.lab.group_chats import Chat, Said
from llm.lab.rules import RULES


def make_chat(*texts, answers=None):
    """Lines like "Ana: hello"; `answers` says by number which line answers which."""
    answers = answers or {}
    lines = [text.split(": ", 1) for text in texts]
    return Chat(
        "a chat",
        [
            Said(n, 60.0 * n, sender, text, frozenset(answers.get(n, ())))
            for n, (sender, text) in enumerate(lines)
        ],
    )


def talk():
    """Ana asks 20 times, and Ben answers each question but the last."""
    pairs = [line for n in range(20) for line in (f"Ana: what is {n}?", f"Ben: {n}")]
    return make_chat(*pairs, answers={n: [n - 1] for n in range(1, 39, 2)})


def test_a_member_who_answers_often_stands_for_the_assistant():
    assert talk().members() == ["Ben"]


def test_a_reply_was_wanted_where_the_member_gave_one():
    found = list(talk().examples("Ben"))

    assert {example.said.sender for example in found} == {"Ana"}
    assert all(example.wanted for example in found)


def test_the_last_messages_are_dropped_since_their_answers_may_be_missing():
    last = [example.said.n for example in talk().examples("Ben")][-1]

    assert last <= 40 - group_chats.DROPPED - 1


def test_a_window_ends_with_the_message_and_tells_no_annotation():
    example = list(talk().examples("Ben"))[-1]

    lines = example.lines

    assert len(lines) == group_chats.WINDOW
    assert example.judged == [lines[-1].n]
    assert lines[-1].text == example.said.text
    assert {line.is_agent for line in lines if line.sender == "Ben"} == {True}
    assert all(line.reply_to is None for line in lines)


def test_every_part_is_there_and_of_the_size_that_was_measured():
    found = {
        part: group_chats.examples(group_chats.FOLDER, group_chats.PARTS[part])
        for part in ("rust", "mediawiki")
    }

    assert {part: len(examples) for part, examples in found.items()} == {
        "rust": 797,
        "mediawiki": 671,
    }


def test_no_chat_is_in_two_parts():
    parts = [group_chats.PARTS[part] for part in ("dev", "test", "rust", "mediawiki")]
    names = sum(parts, [])

    assert len(names) == len(set(names)) == 26


def test_rules_see_questions_and_names():
    chat = make_chat("Ben: Ana: try again", "Ana: Ben: how?", "Cleo: nice")
    asked = group_chats.Example(chat, 1, "Ben", wanted=True)
    other = group_chats.Example(chat, 2, "Ben", wanted=False)

    assert {name for name, rule in RULES.items() if rule(other)} == {"always"}
    assert RULES["mention"](asked)
    assert RULES["mention or just addressed"](asked)
    assert RULES["question mark"](asked)
