import socket

from django.core.management.base import BaseCommand

from conversations import cluster


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
        cluster.run(slot)
