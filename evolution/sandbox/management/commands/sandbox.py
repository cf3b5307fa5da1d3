import signal
import threading
from argparse import ArgumentParser
from pathlib import Path

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from evolution.sandbox.bridge import Bridge, Pace
from evolution.sandbox.journal import Journal
from evolution.sandbox.server import BridgeServer
from evolution.sandbox.webhooks import Delivery, Webhooks


class Command(BaseCommand):
    help = "Run the stand-in bridge, which speaks Evolution's protocol."
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--host", default="127.0.0.1")
        parser.add_argument("--port", type=int, default=settings.SANDBOX_PORT)
        parser.add_argument(
            "--journal", type=Path, default=settings.RUN_DIR / "sandbox.jsonl"
        )
        parser.add_argument(
            "--scan",
            type=float,
            metavar="SECONDS",
            help="Scan the first QR code unasked, so many seconds after it was shown.",
        )
        parser.add_argument("--api-version", default="2.3.7")
        parser.add_argument(
            "--no-demo", action="store_true", help="No people and no conversation."
        )

    def handle(self, **options) -> None:
        journal = Journal(options["journal"])

        def note_loss(delivery: Delivery, problem: str) -> None:
            bridge.record("webhook_lost", url=delivery.url, problem=problem)

        webhooks = Webhooks(lost=note_loss)
        bridge = Bridge(
            webhooks.deliver,
            api_key=settings.EVOLUTION_API_KEY,
            version=options["api_version"],
            url=f"http://{options['host']}:{options['port']}",
            journal=journal,
            demo_life=not options["no_demo"],
            pace=Pace(scan=options["scan"]),
        )
        try:
            server = BridgeServer(bridge, options["port"], options["host"])
        except OSError as error:
            raise CommandError(
                f"Port {options['port']} cannot be used: {error.strerror}. "
                "Is a sandbox running already?"
            ) from error
        self._serve(server)
        webhooks.stop()
        journal.close()

    def _serve(self, server: BridgeServer) -> None:
        ended = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: ended.set())
        with server:
            self.stdout.write(f"The sandbox answers at {server.url}")
            self.stdout.flush()
            ended.wait()
