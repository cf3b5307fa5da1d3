import os

import pytest

from conversations.models import AgentSettings


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Where everything is at hand, a skipped test is a failure."""
    if not os.environ.get("TEST_NOTHING_SKIPPED") or hasattr(
        session.config, "workerinput"
    ):
        return
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter and reporter.stats.get("skipped"):
        reporter.write_line("Tests were skipped, and none may be here.", red=True)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.fixture(autouse=True)
def fresh_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every test changes the settings and expects them in force at once."""
    monkeypatch.setattr(AgentSettings, "FRESH_SECONDS", -1)
