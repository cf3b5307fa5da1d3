import io
from decimal import Decimal

import pytest
from django.core.management import CommandError, call_command

from llm.providers import Completion, LLMError

pytestmark = pytest.mark.django_db
PAID = ("--provider", "openai", "--model", "small-1", "--part", "rust")


def benchmark(*args):
    out = io.StringIO()
    call_command("lab", "benchmark", *args, stdout=out, stderr=io.StringIO())
    return out.getvalue()


@pytest.fixture
def paid(settings, monkeypatch):
    """A provider that answers what it is told to, at a price."""
    known = settings.LLM_PROVIDERS
    settings.LLM_PROVIDERS = known | {"openai": known["openai"] | {"api_key": "sk-1"}}
    asked = []

    def play(*answers):
        def complete(provider, request):
            asked.append(request)
            answer = answers[len(asked) % len(answers)]
            if isinstance(answer, Exception):
                raise answer
            return Completion(
                answer, tokens_in=1000, tokens_out=50, cost=Decimal("0.01")
            )

        monkeypatch.setattr("llm.call.complete", complete)
        return asked

    return play


def test_measures_the_scripted_provider_beside_the_rules():
    shown = benchmark("--part", "rust", "--sample", "60", "--threshold", "0.3")

    assert "rust: 60 messages" in shown
    assert "threshold 0.30 (as told)" in shown
    assert "the judging step" in shown
    assert "mention or just addressed" in shown
    assert "cost: free" in shown
    assert "0 failed" in shown


def test_tunes_its_threshold_on_the_part_dev():
    shown = benchmark("--part", "rust", "--sample", "60")

    assert "120 calls" in shown
    assert "(best on dev)" in shown


def test_is_the_same_for_the_same_seed():
    args = ("--part", "rust", "--sample", "40", "--threshold", "0.3")

    first, again, other = (
        benchmark(*args, "--seed", seed).rpartition("calls")[0] for seed in "112"
    )

    assert first == again != other


def test_asks_before_it_spends(paid, monkeypatch):
    asked = paid('{"why": "x", "kind": "question", "p": 50}')
    monkeypatch.setattr("builtins.input", lambda question: "n")

    with pytest.raises(CommandError, match="Nothing was asked"):
        benchmark(*PAID)

    assert asked == []


def test_counts_what_it_spent_and_what_failed(paid):
    paid('{"why": "x", "kind": "question", "p": 50}', LLMError("Down."))

    shown = benchmark(*PAID, "--yes", "--sample", "20", "--threshold", "0.4")

    assert "10 failed (counted as silence)" in shown
    assert "10000 tokens in" in shown
    assert "Down." in shown


def test_gives_up_when_nothing_works(paid):
    asked = paid(LLMError("A wrong key."))

    with pytest.raises(CommandError, match="A wrong key"):
        benchmark(*PAID, "--yes", "--threads", "1")

    assert len(asked) == 5


def test_says_where_the_chats_are(tmp_path):
    with pytest.raises(CommandError, match="bench/group_chat"):
        benchmark("--chats", str(tmp_path))
