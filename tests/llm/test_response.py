import json

import pytest

from llm.providers import Completion, LLMError
from llm.response import read, write
from tests.llm.chats import chat, make_model


@pytest.fixture
def provider(monkeypatch):
    requests = []

    def play(outcome):
        def complete(name, request):
            requests.append(request)
            if isinstance(outcome, LLMError):
                raise outcome
            return Completion(outcome, tokens_in=1, tokens_out=1)

        monkeypatch.setattr("llm.call.complete", complete)
        return requests

    return play


def ask(**kwargs):
    values = {
        "names": ["Robin"],
        "instructions": "Be brief.",
        "is_group": True,
        "model": make_model(),
        "max_tokens": 300,
        "temperature": 0.5,
    }
    return write(chat("Ana: hi", "Ben: when is it?"), [2], **values | kwargs)


def test_writes(provider):
    requests = provider(" On Saturday. \n")

    reply = ask()

    assert (reply.text, reply.call.error) == ("On Saturday.", "")
    assert reply.call.prompt_version.startswith("response-1:")
    assert (requests[0].max_tokens, requests[0].temperature) == (300, 0.5)
    assert requests[0].schema is None


def test_marks_what_to_answer(provider):
    requests = provider("Yes")

    ask()

    assert json.loads(requests[0].prompt.splitlines()[-1]) == {"answer": [2]}


def test_tells_a_group_from_a_direct_chat(provider):
    requests = provider("Yes")

    ask(is_group=True)
    ask(is_group=False)

    assert "This is a group." in requests[0].system
    assert "This is a direct chat" in requests[1].system


@pytest.mark.parametrize(
    "text", ["", "  \n ", "<think>Hm.</think>", '{"from": "ASSISTANT", "text": ""}']
)
def test_an_empty_text_is_a_failure(text, provider):
    provider(text)

    reply = ask()

    assert reply.text == ""
    assert reply.call.error == "The model answered with an empty text."


def test_an_error_is_a_failure(provider):
    provider(LLMError("Down.", retryable=True))

    reply = ask()

    assert (reply.text, reply.call.error, reply.call.retryable) == ("", "Down.", True)


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        pytest.param("On Saturday.", "On Saturday.", id="a text"),
        pytest.param('{"from": "ASSISTANT", "text": "Hi"}', "Hi", id="a line"),
        pytest.param(
            '{"n": 3, "at": "14:05", "from": "ASSISTANT", "text": "Hi\\nthere"}',
            "Hi\nthere",
            id="a whole line",
        ),
        pytest.param(
            '{\n "from": "ASSISTANT",\n "text": "Hi"\n}', "Hi", id="a line in lines"
        ),
        pytest.param(
            '```json\n{"from": "ASSISTANT", "text": "Hi"}\n```', "Hi", id="fenced"
        ),
        pytest.param(
            '{"from": "ASSISTANT", "text": "A"}\n{"from": "ASSISTANT", "text": "B"}',
            "A\nB",
            id="two lines",
        ),
        pytest.param(
            '{"from": "ASSISTANT", "text": "A"}\n{"from": "P1 Ana", "text": "Thanks"}',
            "A",
            id="a line of its own and an invented one",
        ),
        pytest.param('{"from": "P1 Ana", "text": "Hi"}', "", id="somebody else's"),
        pytest.param('{"from": "ASSISTANT", "text": 5}', "", id="no text in it"),
        pytest.param("ASSISTANT: Hi", "Hi", id="a prefix"),
        pytest.param("<think>Hm.</think>\nHi", "Hi", id="thoughts"),
        pytest.param('{"a": 1}', '{"a": 1}', id="JSON that somebody asked for"),
        pytest.param("```\nls -l\n```", "```\nls -l\n```", id="code"),
        pytest.param("42", "42", id="a number"),
    ],
)
def test_reads_the_text(answer, text):
    assert read(answer) == text
