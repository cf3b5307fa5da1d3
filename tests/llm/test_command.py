import io
import json

import pytest
from django.conf import settings as project_settings
from django.core.management import CommandError, call_command

from tests.llm.server import answer, serving
from tests.llm.test_openai import choice

VERDICT = json.dumps({"why": "open question", "kind": "question", "p": 85})


@pytest.fixture
def connect(settings):
    def set_connection(provider, **kwargs):
        known = project_settings.LLM_PROVIDERS
        settings.LLM_PROVIDERS = known | {provider: known[provider] | kwargs}

    return set_connection


def check(*args):
    out = io.StringIO()
    call_command("llm", "check", *args, stdout=out)
    return out.getvalue()


def test_lists_what_each_provider_lacks(connect):
    connect("openai", api_key="")
    connect("anthropic", api_key="sk-ant-1")

    listed = dict(line.split(None, 1) for line in check().splitlines()[:4])

    assert listed["scripted"] == "ready"
    assert listed["openai"] == "OPENAI_API_KEY is not set."
    assert "--provider NAME" in check()


def test_shows_what_came_back(connect):
    with serving(answer(choice("366 days."))) as server:
        connect("openai", url=server.url)
        shown = check("--provider", "openai", "--model", "small-1")

    assert "model:   small-1-2026-01-01" in shown
    assert "tokens:  1300 in, 50 out" in shown
    assert "ms" in shown
    assert "text:    366 days." in shown
    assert len(server.received) == 1


def test_shows_a_judgement(connect):
    with serving(answer(choice(VERDICT))) as server:
        connect("openai", url=server.url)
        shown = check("--provider", "openai", "--model", "m", "--step", "relevance")

    assert "p:       0.85 (question: open question)" in shown


def test_the_scripted_provider_answers_at_once():
    assert "366 days" in check("--provider", "scripted")
    assert "p: " in check("--provider", "scripted", "--step", "relevance")


@pytest.mark.parametrize(
    ("behaviour", "step", "problem"),
    [
        pytest.param(
            answer({"error": {"message": "Bad key"}}, 401),
            "response",
            "401: Bad key\nCheck the address, the key and the model",
            id="a refused key",
        ),
        pytest.param(
            answer({}, 500, {"Retry-After": "60"}),
            "response",
            "try again",
            id="a fault",
        ),
        pytest.param(answer(b"<html>"), "response", "is its address right", id="HTML"),
        pytest.param(answer(choice("")), "response", "text is empty", id="no text"),
        pytest.param(
            answer(choice("Yes")), "relevance", "not the JSON", id="no judgement"
        ),
    ],
)
def test_fails_with_what_to_do_next(behaviour, step, problem, connect):
    with serving(behaviour) as server:
        connect("openai", url=server.url)
        with pytest.raises(CommandError, match=problem) as caught:
            check("--provider", "openai", "--model", "m", "--step", step)

    assert caught.value.returncode == 1


def test_says_what_is_not_set(connect):
    connect("anthropic", api_key="")

    with pytest.raises(CommandError, match="ANTHROPIC_API_KEY is not set"):
        check("--provider", "anthropic", "--model", "m")


def test_proposes_the_path_of_the_text(connect, capsys):
    data = {"id": "x1", "reply": "366 days."}
    out = io.StringIO()

    with serving(answer(data)) as server:
        connect("template", url=server.url, response_path="")
        with pytest.raises(CommandError) as caught:
            call_command("llm", "check", "--provider", "template", stdout=out)

    assert '"reply": "366 days."' in out.getvalue()
    assert "set BRIGHTWRAPPER_RESPONSE_PATH=reply." in str(caught.value)
    assert "Other texts are at: id." in str(caught.value)


def test_proposes_another_path_when_the_one_set_is_wrong(connect):
    with serving(answer({"reply": "366 days."})) as server:
        connect("template", url=server.url, response_path="response")
        with pytest.raises(CommandError, match="no text at 'response'"):
            check("--provider", "template")


def test_shows_the_text_at_the_path(connect):
    with serving(answer({"reply": "366 days."})) as server:
        connect("template", url=server.url, response_path="reply")
        shown = check("--provider", "template")

    assert "text:    366 days." in shown
    assert len(server.received) == 1


def test_says_what_to_check_when_the_template_is_refused(connect):
    with serving(answer({"error": "no"}, 403)) as server:
        connect("template", url=server.url)
        with pytest.raises(CommandError, match="Check BRIGHTWRAPPER_URL"):
            check("--provider", "template")
