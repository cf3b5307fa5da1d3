import json

import pytest
from django.conf import settings as project_settings
from hypothesis import HealthCheck, given, settings, strategies as st

from llm.providers import LLMError, Request, complete, template
from llm.providers.template import _fill, _values
from tests.llm.server import answer, serving

PRESET = project_settings.LLM_PROVIDERS["template"]


def make_request(**kwargs):
    values = {"purpose": "response", "system": "Be brief.", "prompt": "{}"}
    return Request(**values | {"timeout": 5.0, "temperature": 0.5} | kwargs)


def make_connection(**kwargs):
    values = {"api_key": "key-1", "response_path": "response"}
    return PRESET | values | kwargs


def test_fills_the_preset():
    with serving(answer({"response": "Hi"})) as server:
        got = template.complete(make_connection(url=server.url), make_request())

    assert got.text == "Hi"
    assert server.received[0].headers["x-api-key"] == "key-1"
    assert server.bodies == [
        {
            "project_name": "whatsapp-agent",
            "system_prompt": "Be brief.",
            "messages": [{"role": "user", "content": "{}"}],
            "temperature": 0.5,
        }
    ]


def test_sends_the_header_that_is_configured():
    with serving(answer({"response": "Hi"})) as server:
        connection = make_connection(
            url=server.url, header="Authorization", prefix="Bearer"
        )
        template.complete(connection, make_request())

    assert server.received[0].headers["authorization"] == "Bearer key-1"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(system=st.text(), prompt=st.text())
def test_no_text_can_break_the_body(system, prompt):
    body = json.loads(PRESET["body"])

    filled = _fill(body, _values(make_request(system=system, prompt=prompt)))

    assert set(filled) == set(body)
    assert filled["system_prompt"] == system
    assert filled["messages"][0]["content"] == prompt


def test_values_keep_their_type_wherever_they_stand():
    body = {
        "a": [{"b": "$max_tokens"}, "$model"],
        "c": 1,
        "price": "$5",
        "d": "x $model",
    }

    filled = _fill(body, _values(make_request(max_tokens=7, model="m")))

    assert filled == {"a": [{"b": 7}, "m"], "c": 1, "price": "$5", "d": "x $model"}


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        pytest.param("{", "not JSON", id="not JSON"),
        pytest.param('"$prompt"', "not a JSON object", id="not an object"),
        pytest.param('{"a": "$promt"}', "has \\$promt, which is none", id="misspelt"),
    ],
)
def test_says_what_is_wrong_with_the_body(body, problem):
    with pytest.raises(LLMError, match=problem):
        template.complete(make_connection(body=body), make_request())


def test_without_a_path_nothing_is_sent(settings):
    with serving(answer({"response": "Hi"})) as server:
        settings.LLM_PROVIDERS = {
            "template": make_connection(url=server.url, response_path="")
        }
        with pytest.raises(LLMError, match="manage.py llm check"):
            complete("template", make_request())

    assert not server.received


def test_brightwrapper_itself_needs_a_key():
    assert "BRIGHTWRAPPER_API_KEY" in template.missing(make_connection(api_key=""))
    assert not template.missing(
        make_connection(api_key="", url="http://localhost:8000/chat")
    )


@pytest.mark.parametrize(
    ("data", "path"),
    [
        pytest.param({"reply": "Hi"}, "response", id="no such key"),
        pytest.param({"response": {"text": "Hi"}}, "response", id="an object"),
        pytest.param({"response": 5}, "response", id="a number"),
        pytest.param({"choices": []}, "choices.0.text", id="an empty list"),
        pytest.param("Hi", "response", id="a string"),
    ],
)
def test_an_unknown_shape_is_a_failure(data, path):
    with (
        serving(answer(data)) as server,
        pytest.raises(LLMError, match="llm check") as caught,
    ):
        template.complete(
            make_connection(url=server.url, response_path=path), make_request()
        )

    assert json.loads(caught.value.raw) == data


def test_reads_usage_where_it_is_told_to():
    data = {"a": [{"b": "Hi"}], "use": {"in": 5, "out": 6}, "m": "large"}
    connection = make_connection(
        response_path="a.0.b",
        tokens_in_path="use.in",
        tokens_out_path="use.out",
        model_path="m",
    )

    with serving(answer(data)) as server:
        got = template.complete(connection | {"url": server.url}, make_request())

    assert (got.text, got.tokens_in, got.tokens_out, got.model) == ("Hi", 5, 6, "large")


@pytest.mark.parametrize(
    ("data", "first"),
    [
        pytest.param({"id": "x", "response": "Hi"}, "response", id="flat"),
        pytest.param(
            {"id": "x", "choices": [{"message": {"content": "Hi"}}]},
            "choices.0.message.content",
            id="as OpenAI",
        ),
        pytest.param(
            {"content": [{"type": "text", "text": "Hi"}]},
            "content.0.text",
            id="as Anthropic",
        ),
        pytest.param({"message": {"content": "Hi"}}, "message.content", id="as Ollama"),
        pytest.param({"result": {"out": ["Hi"]}}, "result.out.0", id="something else"),
    ],
)
def test_proposes_where_the_text_is(data, first):
    assert template.candidates(data)[0] == first


def test_proposes_nothing_where_there_is_no_text():
    assert template.candidates({"a": [1, None, " "]}) == []
