from decimal import Decimal

import pytest

from llm.call import ask
from llm.providers import Completion, LLMError, Request
from tests.llm.chats import make_model


@pytest.fixture
def answers(monkeypatch):
    """Lets the provider return a completion or raise."""

    def set_answer(outcome):
        def complete(provider, request):
            if isinstance(outcome, LLMError):
                raise outcome
            return outcome

        monkeypatch.setattr("llm.call.complete", complete)

    return set_answer


REQUEST = Request("response", "Be brief.", '{"n": 1}')


def test_records_what_was_asked_and_answered(answers):
    answers(Completion("Hi", model="small-1-2026", attempts=2))

    text, call = ask(make_model("openai"), "response-1:x", REQUEST)

    assert text == call.output == "Hi"
    assert call.input == 'Be brief.\n\n{"n": 1}'
    assert (call.provider, call.model) == ("openai", "small-1-2026")
    assert (call.prompt_version, call.attempts, call.error) == ("response-1:x", 2, "")
    assert call.latency_ms >= 0


def test_names_the_model_asked_for_when_the_provider_does_not_tell(answers):
    answers(Completion("Hi"))

    assert ask(make_model(), "v", REQUEST)[1].model == "small-1"


def test_turns_an_error_into_a_call(answers):
    answers(LLMError("Down.", retryable=True, retry_after=9, attempts=3, raw="oops"))

    text, call = ask(make_model(), "v", REQUEST)

    assert text == ""
    assert (call.error, call.retryable, call.retry_after) == ("Down.", True, 9)
    assert (call.attempts, call.output, call.cost) == (3, "oops", None)


def test_charges_for_an_answer_that_is_an_error(answers):
    completion = Completion("", tokens_in=1_000_000, tokens_out=0)
    answers(LLMError("The model refused to answer.", completion=completion))

    assert ask(make_model(), "v", REQUEST)[1].cost == Decimal(1)


@pytest.mark.parametrize(
    ("completion", "cost"),
    [
        pytest.param(
            Completion("", tokens_in=1300, tokens_out=50),
            Decimal("0.0015"),
            id="tokens times prices",
        ),
        pytest.param(
            Completion("", tokens_in=9, tokens_out=9, cost=Decimal("0.25")),
            Decimal("0.25"),
            id="what the provider reports",
        ),
        pytest.param(Completion("", tokens_in=1300), None, id="unknown"),
        pytest.param(
            Completion("", tokens_in=0, tokens_out=0), Decimal(0), id="nothing"
        ),
    ],
)
def test_costs(completion, cost, answers):
    answers(completion)

    assert ask(make_model(), "v", REQUEST)[1].cost == cost


def test_an_unknown_provider_is_an_error_of_the_call():
    call = ask(make_model("nobody"), "v", REQUEST)[1]

    assert call.error == "There is no model provider named 'nobody'."


def test_keeps_only_what_the_database_can_hold(answers):
    answers(Completion("a\0b\ud800", model="m" * 500))

    text, call = ask(make_model(), "v", REQUEST)

    assert text == call.output == "ab?"
    assert len(call.model) == 100
