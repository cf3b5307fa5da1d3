"""While a database is migrated, the code from before still works with it."""

from operator import itemgetter

import pytest
from django.db import connection, migrations, models
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.loader import MigrationLoader

from conversations.management.commands import worker

APPS = {"conversations", "evolution", "llm", "whatsapp_agent"}
TAKES_AWAY = (
    migrations.RemoveField,
    migrations.RenameField,
    migrations.DeleteModel,
    migrations.RenameModel,
    migrations.AlterModelTable,
)
# Their rows are there: the one of the settings, and one for each linked number.
NEVER_ADDED_TO = {"agentsettings", "instance"}


def operations():
    for (app, name), migration in sorted(
        MigrationLoader(None).disk_migrations.items(), key=itemgetter(0)
    ):
        if app in APPS and not migration.initial:
            for operation in migration.operations:
                yield f"{app}.{name}: {operation.describe()}", operation


@pytest.mark.parametrize(
    "operation", [pytest.param(one, id=name) for name, one in operations()]
)
def test_a_migration_leaves_room_for_the_code_from_before(operation):
    assert not isinstance(operation, TAKES_AWAY)
    if isinstance(operation, migrations.AddField):
        field = operation.field
        is_optional = field.null or field.db_default is not models.NOT_PROVIDED
        assert is_optional or operation.model_name_lower in NEVER_ADDED_TO


@pytest.mark.django_db
def test_a_worker_starts_on_a_database_that_is_migrated():
    assert not worker.is_behind()


@pytest.mark.django_db
def test_a_worker_waits_for_a_database_that_is_not(monkeypatch):
    def plan(executor, targets):
        return [] if waited else [("a migration", False)]

    waited = []
    monkeypatch.setattr(MigrationExecutor, "migration_plan", plan)
    monkeypatch.setattr(worker.time, "sleep", waited.append)

    worker.wait_for_migrations()

    assert len(waited) == 1
    assert connection.is_usable()
