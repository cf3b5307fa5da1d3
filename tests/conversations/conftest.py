from datetime import timedelta
from decimal import Decimal
from unittest.mock import Mock

import pytest
from django.utils import timezone

from conversations import judging, pipeline, replying
from conversations.models import Conversation
from llm.call import Call
from llm.relevance import Judgement
from llm.response import Reply
from tests.conversations import bridge as fake_bridge


@pytest.fixture
def bridge(settings):
    settings.WHATSAPP_PROVIDERS = {"evolution": "tests.conversations.bridge"}
    fake_bridge.reset()
    yield fake_bridge
    fake_bridge.reset()


def call(**fields) -> Call:
    defaults = {
        "provider": "openai",
        "model": "small-1",
        "prompt_version": "test-1",
        "input": "the prompt",
        "output": "the answer",
        "tokens_in": 1000,
        "tokens_cached": 0,
        "tokens_out": 50,
        "cost": Decimal("0.02"),
        "latency_ms": 12,
        "attempts": 1,
    }
    return Call(**{**defaults, **fields})


class Model:
    """What the model will say; set `p`, `text` or an error's fields."""

    def __init__(self) -> None:
        self.p, self.text, self.kind = 0.9, "Here you are.", "question"
        self.judge_error: dict = {}
        self.write_error: dict = {}
        self.judge = Mock(side_effect=self._judge)
        self.write = Mock(side_effect=self._write)

    def _judge(self, lines, judged, **options) -> Judgement:
        if self.judge_error:
            return Judgement(None, "", "", call(**self.judge_error))
        return Judgement(self.p, "an open question", self.kind, call())

    def _write(self, lines, judged, **options) -> Reply:
        if self.write_error:
            return Reply("", call(**self.write_error))
        return Reply(self.text, call())


@pytest.fixture
def model(monkeypatch) -> Model:
    model = Model()
    monkeypatch.setattr(judging.relevance, "judge", model.judge)
    monkeypatch.setattr(replying.response, "write", model.write)
    return model


@pytest.fixture
def work(bridge, model):
    """Let time pass until every burst is over, then do all that is due."""

    def work(conversation: Conversation) -> None:
        past = timezone.now() - timedelta(seconds=60)
        conversation.messages.pending().update(received_at=past)
        Conversation.objects.filter(pk=conversation.pk).update(due_at=past)
        pipeline.work(conversation.pk, "test")

    return work
