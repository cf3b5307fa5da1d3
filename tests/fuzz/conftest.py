from tests.evolution.conftest import _nothing_remembered, deliver

__all__ = ["_nothing_remembered", "deliver"]
