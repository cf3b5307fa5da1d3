from decimal import Decimal

import pytest

from llm.attachments import Attachment
from llm.prompts import RELEVANCE_SCHEMA
from llm.providers import LLMError, Request, openai
from tests.llm.server import answer, serving

# As api.openai.com and OpenRouter answer.
COMPLETION = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "model": "small-1-2026-01-01",
    "choices": [
        {
            "index": 0,
            "message": {"role": "assistant", "content": "Hi", "refusal": None},
            "finish_reason": "stop",
        }
    ],
    "usage": {
        "prompt_tokens": 1300,
        "completion_tokens": 50,
        "prompt_tokens_details": {"cached_tokens": 1024},
        "cost": 0.00123,
    },
}


def choice(content="Hi", finish_reason="stop", **message):
    choices = [
        {"message": {"content": content, **message}, "finish_reason": finish_reason}
    ]
    return COMPLETION | {"choices": choices}


def refusal(message, param=None, status=400):
    return answer({"error": {"message": message, "param": param}}, status)


def make_request(**kwargs):
    values = {"purpose": "response", "system": "Be brief.", "prompt": "{}"}
    return Request(**values | {"model": "small-1", "timeout": 5.0} | kwargs)


JUDGING = make_request(purpose="relevance", schema=RELEVANCE_SCHEMA)


def complete(server, request, key=""):
    return openai.complete({"url": f"{server.url}/v1", "api_key": key}, request)


def test_asks_and_reads():
    with serving(answer(COMPLETION)) as server:
        got = complete(server, make_request(max_tokens=300, temperature=0.5), "sk-1")

    assert (got.text, got.model, got.attempts) == ("Hi", "small-1-2026-01-01", 1)
    assert (got.tokens_in, got.tokens_cached, got.tokens_out) == (1300, 1024, 50)
    assert got.cost == Decimal("0.00123")
    assert server.received[0].path == "/v1/chat/completions"
    assert server.received[0].headers["authorization"] == "Bearer sk-1"
    assert server.bodies[0] == {
        "model": "small-1",
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "{}"},
        ],
        "temperature": 0.5,
        "max_tokens": 300,
    }


def test_asks_for_a_strict_schema():
    with serving(answer(COMPLETION)) as server:
        complete(server, JUDGING)

    assert server.bodies[0]["response_format"] == {
        "type": "json_schema",
        "json_schema": {
            "name": "relevance",
            "strict": True,
            "schema": RELEVANCE_SCHEMA,
        },
    }


def test_a_server_of_ones_own_needs_no_key():
    with serving(answer(COMPLETION)) as server:
        complete(server, make_request())

    assert "authorization" not in server.received[0].headers


@pytest.mark.parametrize("status", [400, 422])
def test_falls_back_to_plain_json_and_then_to_the_prompt(status):
    refuse = refusal("response_format is not supported", status=status)

    with serving(refuse, refuse, answer(COMPLETION)) as server:
        got = complete(server, JUDGING)

    formats = [body.get("response_format", {}).get("type") for body in server.bodies]
    assert formats == ["json_schema", "json_object", None]
    assert got.attempts == 3


def test_remembers_the_format_that_a_server_takes():
    refuse = refusal("Invalid parameter", param="response_format")

    with serving(refuse, answer(COMPLETION)) as server:
        complete(server, JUDGING)
        complete(server, JUDGING)

    formats = [body["response_format"]["type"] for body in server.bodies]
    assert formats == ["json_schema", "json_object", "json_object"]


def test_remembers_by_model():
    refuse = refusal("Invalid parameter", param="response_format")
    other = make_request(purpose="relevance", schema=RELEVANCE_SCHEMA, model="large-1")

    with serving(refuse, answer(COMPLETION)) as server:
        complete(server, JUDGING)
        complete(server, other)

    assert server.bodies[-1]["response_format"]["type"] == "json_schema"


def test_learns_nothing_from_a_change_that_did_not_help():
    refuse = refusal("response_format is not supported")
    broken = refusal("No such model", status=404)

    with serving(refuse, broken, answer(COMPLETION)) as server:
        with pytest.raises(LLMError, match="No such model"):
            complete(server, JUDGING)
        complete(server, JUDGING)

    assert server.bodies[-1]["response_format"]["type"] == "json_schema"


@pytest.mark.parametrize(
    ("message", "before", "after"),
    [
        pytest.param(
            "Unsupported parameter: 'max_tokens' is not supported with this model."
            " Use 'max_completion_tokens' instead.",
            "max_tokens",
            "max_completion_tokens",
            id="the name of the limit",
        ),
        pytest.param(
            "Unsupported value: 'temperature' does not support 0.0 with this model."
            " Only the default (1) value is supported.",
            "temperature",
            None,
            id="the temperature",
        ),
    ],
)
def test_adapts(message, before, after):
    with serving(refusal(message), answer(COMPLETION)) as server:
        complete(server, make_request())
        complete(server, make_request())

    assert [before in body for body in server.bodies] == [True, False, False]
    assert after is None or all(after in body for body in server.bodies[1:])


def test_adapts_to_several_complaints_in_turn():
    with serving(
        refusal("Use 'max_completion_tokens' instead."),
        refusal("temperature is not supported"),
        refusal("json_schema is not supported"),
        answer(COMPLETION),
    ) as server:
        complete(server, JUDGING)

    last = server.bodies[-1]
    assert last["response_format"] == {"type": "json_object"}
    assert "max_completion_tokens" in last
    assert "temperature" not in last


def test_does_not_go_on_for_ever():
    refuse = refusal("response_format temperature max_completion_tokens")

    with serving(refuse) as server, pytest.raises(LLMError) as caught:
        complete(server, JUDGING)

    assert len(server.bodies) == 5
    assert caught.value.attempts == 5


def test_leaves_other_refusals_alone():
    with (
        serving(refusal("No such model")) as server,
        pytest.raises(LLMError, match="400: No such model"),
    ):
        complete(server, JUDGING)

    assert len(server.bodies) == 1


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        pytest.param(choice(None, refusal="I cannot"), "refused", id="a refusal"),
        pytest.param(choice("", "content_filter"), "refused", id="a content filter"),
        pytest.param(choice("", "length"), "used up its tokens", id="no tokens left"),
        pytest.param({"hello": "world"}, "not a chat completion", id="another shape"),
        pytest.param([], "not a chat completion", id="a list"),
        pytest.param({"choices": []}, "not a chat completion", id="no choice"),
    ],
)
def test_no_answer_is_a_failure(data, problem):
    with serving(answer(data)) as server, pytest.raises(LLMError, match=problem):
        complete(server, JUDGING)


def test_a_refusal_tells_what_it_cost():
    data = choice(None, refusal="I cannot")

    with serving(answer(data)) as server, pytest.raises(LLMError) as caught:
        complete(server, JUDGING)

    assert caught.value.completion.tokens_in == 1300


def test_reads_content_in_parts():
    data = choice([{"type": "text", "text": "Hi"}, {"type": "text", "text": " all"}])

    with serving(answer(data)) as server:
        assert complete(server, make_request()).text == "Hi all"


@pytest.mark.parametrize(
    "usage",
    [
        pytest.param(None, id="none"),
        pytest.param({}, id="empty"),
        pytest.param(
            {"prompt_tokens": -1, "completion_tokens": True, "cost": "free"},
            id="nonsense",
        ),
        pytest.param(
            {"prompt_tokens": 1.5, "completion_tokens": "9", "cost": -1},
            id="more of it",
        ),
        pytest.param([1, 2], id="a list"),
    ],
)
def test_does_not_make_up_usage(usage):
    with serving(answer(COMPLETION | {"usage": usage})) as server:
        got = complete(server, make_request())

    assert (got.tokens_in, got.tokens_out, got.cost) == (None, None, None)


def test_openai_itself_needs_a_key():
    connection = {"url": "https://api.openai.com/v1", "api_key": ""}

    assert openai.missing(connection) == "OPENAI_API_KEY is not set."
    assert not openai.missing(connection | {"url": "http://localhost:11434/v1"})


def test_openai_itself_needs_a_model():
    connection = {"url": "https://api.openai.com/v1", "api_key": "sk-1"}

    with pytest.raises(LLMError, match="No model is named"):
        openai.complete(connection, make_request(model=""))


def test_takes_the_whole_address_too():
    with serving(answer(COMPLETION)) as server:
        connection = {"url": f"{server.url}/v1/chat/completions/", "api_key": ""}
        openai.complete(connection, make_request())

    assert server.received[0].path == "/v1/chat/completions"


def test_sends_pictures_after_the_text():
    request = make_request(attachments=(Attachment(3, "image/png", b"PNG"),))

    with serving(answer(COMPLETION)) as server:
        complete(server, request)

    assert server.bodies[0]["messages"][-1]["content"] == [
        {"type": "text", "text": "{}"},
        {"type": "text", "text": '{"picture": 1}'},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,UE5H"}},
    ]
