import logging
import socket
import time

from django.core.management.base import BaseCommand
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from conversations import cluster

logger = logging.getLogger(__name__)


class Command(BaseCommand):
    help = (
        "Run the worker: decides, writes and sends. Supervise it: it restarts by dying."
    )

    def add_arguments(self, parser) -> None:
        parser.add_argument(
            "--slot",
            default=f"{socket.gethostname()}-1",
            help="A name of its own for each worker; only one runs under a name at a time.",
        )

    def handle(self, *, slot: str, **options) -> None:
        wait_for_migrations()
        cluster.run(slot)


def wait_for_migrations() -> None:
    """On an older database every message would be tried, and given up in the end."""
    while is_behind():
        logger.warning("The database is to be migrated first: manage.py migrate")
        time.sleep(2)


def is_behind() -> bool:
    executor = MigrationExecutor(connection)
    return bool(executor.migration_plan(executor.loader.graph.leaf_nodes()))
