import json

import pytest

from llm.attachments import Attachment
from llm.prompts import RELEVANCE_SCHEMA
from llm.providers import LLMError, Request, anthropic
from tests.llm.server import answer, serving

MESSAGE = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "small-1-20260101",
    "content": [{"type": "text", "text": "Hi"}],
    "stop_reason": "end_turn",
    "usage": {
        "input_tokens": 100,
        "cache_creation_input_tokens": 20,
        "cache_read_input_tokens": 1000,
        "output_tokens": 50,
    },
}
VERDICT = {"why": "open question", "kind": "question", "p": 85}
TOOL_USE = MESSAGE | {
    "content": [
        {"type": "text", "text": "Let me see."},
        {"type": "tool_use", "id": "toolu_1", "name": "answer", "input": VERDICT},
    ],
    "stop_reason": "tool_use",
}


def make_request(**kwargs):
    values = {"purpose": "response", "system": "Be brief.", "prompt": "{}"}
    return Request(**values | {"model": "small-1", "timeout": 5.0} | kwargs)


JUDGING = make_request(purpose="relevance", schema=RELEVANCE_SCHEMA)


def complete(server, request):
    return anthropic.complete(
        {"url": f"{server.url}/v1", "api_key": "sk-ant-1"}, request
    )


def test_asks_and_reads():
    with serving(answer(MESSAGE)) as server:
        got = complete(server, make_request(max_tokens=300, temperature=0.5))

    headers = server.received[0].headers
    assert (got.text, got.model) == ("Hi", "small-1-20260101")
    assert server.received[0].path == "/v1/messages"
    assert headers["x-api-key"] == "sk-ant-1"
    assert headers["anthropic-version"] == "2023-06-01"
    assert server.bodies[0] == {
        "model": "small-1",
        "system": [
            {
                "type": "text",
                "text": "Be brief.",
                "cache_control": {"type": "ephemeral"},
            }
        ],
        "messages": [{"role": "user", "content": "{}"}],
        "max_tokens": 300,
        "temperature": 0.5,
    }


def test_counts_what_the_cache_read_and_wrote_as_input():
    with serving(answer(MESSAGE)) as server:
        got = complete(server, make_request())

    assert (got.tokens_in, got.tokens_cached, got.tokens_out) == (1120, 1000, 50)


def test_a_schema_is_a_tool_that_has_to_be_called():
    with serving(answer(TOOL_USE)) as server:
        got = complete(server, JUDGING)

    assert json.loads(got.text) == VERDICT
    assert server.bodies[0]["tool_choice"] == {"type": "tool", "name": "answer"}
    assert server.bodies[0]["tools"][0]["input_schema"] == RELEVANCE_SCHEMA


@pytest.mark.parametrize(
    ("complaint", "keys"),
    [
        pytest.param(
            "Thinking may not be enabled when tool_choice forces tool use.",
            {"tools", "tool_choice"},
            id="of the tool",
        ),
        pytest.param(
            "temperature is deprecated for this model",
            {"temperature"},
            id="of the heat",
        ),
    ],
)
def test_learns_from_a_complaint(complaint, keys):
    refuse = answer({"type": "error", "error": {"message": complaint}}, 400)

    with serving(refuse, answer(TOOL_USE)) as server:
        complete(server, JUDGING)
        complete(server, JUDGING)

    assert [bool(keys & set(body)) for body in server.bodies] == [True, False, False]


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        pytest.param(
            MESSAGE | {"content": [], "stop_reason": "refusal"},
            "refused",
            id="a refusal",
        ),
        pytest.param(
            MESSAGE | {"content": [], "stop_reason": "max_tokens"},
            "used up its tokens",
            id="no tokens left",
        ),
        pytest.param({"hello": "world"}, "not a message", id="another shape"),
        pytest.param(MESSAGE | {"content": 5}, "not a message", id="content of no use"),
        pytest.param([], "not a message", id="a list"),
    ],
)
def test_no_answer_is_a_failure(data, problem):
    with serving(answer(data)) as server, pytest.raises(LLMError, match=problem):
        complete(server, JUDGING)


def test_needs_a_model():
    with pytest.raises(LLMError, match="No model is named"):
        anthropic.complete(
            {"url": "https://api.anthropic.com/v1", "api_key": "x"},
            make_request(model=""),
        )


def test_needs_a_key_for_anthropic_itself():
    connection = {"url": "https://api.anthropic.com/v1", "api_key": ""}

    assert anthropic.missing(connection) == "ANTHROPIC_API_KEY is not set."


def test_sends_pictures_after_the_text():
    request = make_request(attachments=(Attachment(3, "image/png", b"PNG"),))

    with serving(answer(MESSAGE)) as server:
        complete(server, request)

    assert server.bodies[0]["messages"][-1]["content"] == [
        {"type": "text", "text": "{}"},
        {"type": "text", "text": '{"picture": 1}'},
        {
            "type": "image",
            "source": {"type": "base64", "media_type": "image/png", "data": "UE5H"},
        },
    ]
