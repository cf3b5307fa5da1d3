"""Migrations, and pruning, while webhooks come in."""

import pytest

from bench import large, pruning, upgrade

pytestmark = pytest.mark.slow

MESSAGES = 3_000


def test_an_upgrade_loses_no_webhook(tmp_path):
    database = tmp_path / "db.sqlite3"
    large.make(database, MESSAGES)
    large.manage(database, "migrate", "--verbosity=0", *upgrade.OLDEST)

    upgraded = upgrade.upgrade(database)

    made = upgraded.deliveries
    assert len(made.stored) > 50
    assert not upgraded.lost
    assert not made.dropped
    assert set(made.refused) <= {0, 503}


def test_pruning_loses_no_webhook(tmp_path):
    database = tmp_path / "db.sqlite3"
    large.make(database, MESSAGES)

    pruned = pruning.run(database)

    made = pruned.deliveries
    assert "texts: 2" in pruned.told  # two thousand and some of three
    assert pruned.beside
    assert not pruned.lost
    assert not made.dropped
