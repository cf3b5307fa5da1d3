import json
from decimal import Decimal

import pytest
from hypothesis import example, given, strategies as st

from llm.prompts import KINDS
from llm.providers import Completion, LLMError
from llm.relevance import judge, read
from tests.llm.chats import chat, make_model


def verdict(**kwargs):
    return json.dumps({"why": "open question", "kind": "question", "p": 85} | kwargs)


@pytest.fixture
def provider(monkeypatch):
    """Plays answers and records the requests."""

    class Played:
        requests = []

    def play(*outcomes):
        remaining = list(outcomes)

        def complete(name, request):
            Played.requests.append(request)
            outcome = remaining.pop(0)
            if isinstance(outcome, LLMError):
                raise outcome
            if isinstance(outcome, str):
                outcome = Completion(outcome, tokens_in=1000, tokens_out=100)
            return outcome

        monkeypatch.setattr("llm.call.complete", complete)
        return Played.requests

    Played.requests = []
    return play


def ask(**kwargs):
    values = {"names": ["Robin"], "policy": "", "model": make_model()} | kwargs
    return judge(chat("Ana: when is it?"), [1], **values)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(verdict(), id="bare"),
        pytest.param(f"  {verdict()}\n", id="with space around it"),
        pytest.param(f"```json\n{verdict()}\n```", id="fenced"),
        pytest.param(f"```\n{verdict()}\n```", id="fenced without a language"),
        pytest.param(f"Here you are: {verdict()} Anything else?", id="in a sentence"),
        pytest.param(f"<think>p is 3? {{}}</think>{verdict()}", id="after thinking"),
        pytest.param(verdict(why="a {brace} in it"), id="with braces in the reason"),
        pytest.param(verdict(extra=1), id="with one key more"),
    ],
)
def test_reads_a_verdict(text):
    got = read(text)

    assert (got.p, got.kind) == (0.85, "question")


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="nothing"),
        pytest.param("85", id="a bare number"),
        pytest.param("I would say 85 out of 100.", id="a sentence"),
        pytest.param("2/10", id="a bare fraction"),
        pytest.param(verdict(p="85"), id="a number in quotes"),
        pytest.param(verdict(p="85%"), id="a percentage"),
        pytest.param(verdict(p="2/10"), id="a fraction"),
        pytest.param(verdict(p=101), id="above the range"),
        pytest.param(verdict(p=-1), id="below the range"),
        pytest.param(verdict(p=0.85), id="a probability"),
        pytest.param(verdict(p=1.0), id="a float"),
        pytest.param(verdict(p=True), id="true"),
        pytest.param(verdict(p=False), id="false"),
        pytest.param(verdict(p=None), id="null"),
        pytest.param(verdict(p=[85]), id="a list"),
        pytest.param(verdict(p=float("nan")), id="not a number"),
        pytest.param(verdict(p=float("inf")), id="infinity"),
        pytest.param('{"why": "x", "kind": "question", "p": 1e999}', id="too large"),
        pytest.param(
            '{"why": "x", "kind": "question", "p": ' + "9" * 5000 + "}", id="huge"
        ),
        pytest.param('{"why": "x", "kind": "question"}', id="no number"),
        pytest.param('{"kind": "question", "p": 85}', id="no reason"),
        pytest.param('{"why": "x", "p": 85}', id="no kind"),
        pytest.param(verdict(kind="urgent"), id="an unknown kind"),
        pytest.param(verdict(kind=["question"]), id="a kind that is a list"),
        pytest.param(verdict(why=5), id="a reason that is a number"),
        pytest.param(f"[{verdict()}]", id="a list of one"),
        pytest.param(json.dumps(verdict()), id="JSON in a string"),
        pytest.param(verdict()[:-1], id="cut short"),
        pytest.param(verdict() + verdict(p=3), id="two verdicts"),
        pytest.param(f"He wrote {verdict(p=100)}: {verdict(p=3)}", id="a quoted one"),
        pytest.param('{"x": ' + verdict(), id="one within another that is cut"),
        pytest.param(
            '{"why": "x", "kind": "question", "p": 3, "p": 100}', id="p twice"
        ),
        pytest.param('{"a":' * 5000, id="a deep nest"),
        pytest.param(verdict(why="x" * 30_000), id="far too long"),
    ],
)
def test_junk_is_a_failure(text):
    assert read(text) is None


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)


@given(
    p=JSON, kind=st.sampled_from([*KINDS, "other"]), before=st.text(), after=st.text()
)
@example(p=0, kind="question", before="", after="")
@example(p=100, kind="stop", before="", after="")
def test_a_score_is_an_integer_in_its_range_or_a_failure(p, kind, before, after):
    got = read(before + json.dumps({"why": "", "kind": kind, "p": p}) + after)

    if got is not None:
        assert 0.0 <= got.p <= 1.0
        assert type(p) is int
        assert got.p == p / 100


@given(text=st.text() | st.text('{}[]",:0123456789pwhykind \n`'))
def test_any_text_gives_a_score_in_range_or_a_failure(text):
    got = read(text)

    assert got is None or 0.0 <= got.p <= 1.0


@given(p=st.integers(0, 100))
def test_every_score_of_the_scale_is_read(p):
    assert read(verdict(p=p)).p == p / 100


def test_a_reason_is_one_short_line():
    assert read(verdict(why="a\n  b " + "x" * 900)).why == ("a b " + "x" * 900)[:200]


def test_judges(provider):
    requests = provider(verdict(p=5))

    judgement = ask(policy="Only hiking.")

    assert (judgement.p, judgement.kind, judgement.why) == (
        0.05,
        "question",
        "open question",
    )
    assert judgement.call.error == ""
    assert judgement.call.prompt_version.startswith("relevance-1:")
    assert "Only hiking." in requests[0].system
    assert requests[0].max_tokens >= 300
    assert requests[0].temperature == 0
    assert requests[0].schema["required"] == ["why", "kind", "p"]


def test_asks_once_more_when_it_cannot_read_the_answer(provider):
    requests = provider("Maybe?", verdict())

    judgement = ask()

    assert judgement.p == 0.85
    assert len(requests) == 2
    assert requests[1].prompt.startswith(requests[0].prompt)
    assert "Maybe?" not in requests[1].prompt
    assert requests[1].system == requests[0].system


def test_charges_both_questions(provider):
    provider("Maybe?", verdict())

    call = ask().call

    assert (call.tokens_in, call.tokens_out, call.attempts) == (2000, 200, 2)
    assert call.cost == Decimal("0.0028")


def test_two_unreadable_answers_are_a_failure_not_a_score(provider):
    provider("Maybe?", "85%")

    judgement = ask()

    assert judgement.p is None
    assert "not readable" in judgement.call.error
    assert judgement.call.output == "85%"
    assert judgement.call.tokens_in == 2000


def test_does_not_ask_again_when_the_time_is_up(provider):
    requests = provider("Maybe?")

    judgement = ask(model=make_model(timeout=0.9))

    assert judgement.p is None
    assert len(requests) == 1


def test_the_second_question_has_only_the_time_that_is_left(provider):
    requests = provider("Maybe?", verdict())

    ask(model=make_model(timeout=5.0))

    assert requests[1].timeout <= requests[0].timeout == 5.0


def test_does_not_ask_again_after_an_error(provider):
    requests = provider(LLMError("Down.", retryable=True, retry_after=30))

    judgement = ask()

    assert judgement.p is None
    assert len(requests) == 1
    assert (judgement.call.error, judgement.call.retryable) == ("Down.", True)
    assert judgement.call.retry_after == 30


def test_an_error_of_the_second_question_is_a_failure(provider):
    provider("Maybe?", LLMError("Down."))

    judgement = ask()

    assert (judgement.p, judgement.call.error) == (None, "Down.")
    assert judgement.call.tokens_in == 1000


def test_a_model_that_is_sure_of_no_has_a_low_score(provider):
    provider(verdict(p=5, kind="not_for_us"))

    assert ask().p == 0.05
