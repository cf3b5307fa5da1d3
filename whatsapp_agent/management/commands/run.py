import sys
import threading
import time

from django.conf import settings
from django.core.management.base import BaseCommand
from django.urls import reverse

from conversations.whatsapp import BridgeError
from evolution import client, instances
from whatsapp_agent import env
from whatsapp_agent.supervisor import Supervisor


class Command(BaseCommand):
    help = "Run web and worker, and the sandbox where no bridge is configured."

    def add_arguments(self, parser) -> None:
        parser.add_argument("--host", default="127.0.0.1")
        parser.add_argument("--port", type=int, default=9208)

    def handle(self, *, host: str, port: int, **options) -> None:
        manage = [sys.executable, "manage.py"]
        commands = {"web": web_command(host, port), "worker": [*manage, "worker"]}
        if settings.SANDBOX:
            commands["sandbox"] = [*manage, "sandbox", "--scan", "1"]
            threading.Thread(target=link_sandbox, daemon=True).start()
        self._greet()
        Supervisor(commands).run()

    def _greet(self) -> None:
        page = "sandbox_phone" if settings.SANDBOX else "index"
        lines = ["", f"  {settings.SITE_URL}{reverse(f'admin:{page}')}"]
        if password := env.string("ADMIN_PASSWORD"):
            # What is no terminal may be a log, where no secret belongs.
            shown = f"{password} (see .env)" if self.stdout.isatty() else "as in .env"
            lines.append(f"  sign in as admin, password {shown}")
        self.stdout.write("\n".join([*lines, ""]))
        self.stdout.flush()


def web_command(host: str, port: int) -> list[str]:
    """The web server: one process and few threads, which suits SQLite best."""
    return [
        *(sys.executable, "-m", "granian", "--interface", "wsgi"),
        *("--host", host, "--port", str(port)),
        *("--workers", "1", "--blocking-threads", "4", "--log-level", "warning"),
        # A signal that comes while its worker starts would be lost.
        *("--workers-kill-timeout", "10"),
        "whatsapp_agent.wsgi:application",
    ]


def link_sandbox() -> None:
    """Link our instance as soon as the sandbox answers; its phone scans the code itself."""
    name = settings.EVOLUTION_INSTANCE
    for _ in range(60):
        time.sleep(0.5)
        try:
            if name not in {row.get("name") for row in client.fetch_instances()}:
                instances.create(name)
            if client.connection_state(name) == "close":
                instances.connect(name)
            return
        except BridgeError as error:
            if not error.retryable:
                raise
