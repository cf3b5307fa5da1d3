import os
from importlib import import_module

import pytest
from django.apps import apps
from django.db import connection
from hypothesis import settings

from conversations import numbers
from conversations.models import AgentSettings

# The same examples each time, but for `make fuzz`; no time limit on a busy machine.
settings.register_profile("test", derandomize=True, deadline=None, database=None)
settings.register_profile("fuzz", deadline=None, print_blob=True)
settings.load_profile("fuzz" if os.environ.get("FUZZ") else "test")


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


def pytest_collection_modifyitems(config: pytest.Config, items: list) -> None:
    """What only PostgreSQL can show is no test on SQLite."""
    if connection.vendor == "postgresql":
        return
    gone = [item for item in items if item.get_closest_marker("postgres")]
    if gone:
        config.hook.pytest_deselected(items=gone)
        items[:] = [item for item in items if item not in gone]


@pytest.fixture(autouse=True)
def fresh_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every test changes the settings and expects them in force at once."""
    monkeypatch.setattr(AgentSettings, "FRESH_SECONDS", -1)
    monkeypatch.setattr(numbers, "_copy", None)


@pytest.fixture
def roles(db) -> None:
    """A test that empties the database empties it of what migrations put there."""
    from django.contrib.auth.models import Group

    if not Group.objects.filter(name="admin").exists():
        import_module("whatsapp_agent.migrations.0001_roles").make_roles(apps)
        labels = import_module("whatsapp_agent.migrations.0004_label_permissions")
        labels.give_permissions(apps)
        knowledge = import_module(
            "whatsapp_agent.migrations.0005_knowledge_permissions"
        )
        knowledge.give_permissions(apps)


@pytest.fixture
def staff(client, django_user_model):
    """Sign in a member of staff with these permissions."""

    from django.contrib.auth.models import Permission

    def staff(*codenames: str):
        person = django_user_model.objects.create_user("member", is_staff=True)
        person.user_permissions.set(Permission.objects.filter(codename__in=codenames))
        client.force_login(person)
        return client

    return staff
