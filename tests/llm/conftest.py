import pytest

from llm.providers import dialect


@pytest.fixture(autouse=True)
def _nothing_learned(monkeypatch):
    monkeypatch.setattr(dialect, "_learned", {})
