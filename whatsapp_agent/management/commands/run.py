import sys

from django.conf import settings
from django.core.management.base import BaseCommand
from django.urls import reverse

from whatsapp_agent.supervisor import Supervisor


def web_command(host: str, port: int) -> list[str]:
    """The web server: one process and few threads, which suits SQLite best."""
    return [
        *(sys.executable, "-m", "granian", "--interface", "wsgi"),
        *("--host", host, "--port", str(port)),
        *("--workers", "1", "--blocking-threads", "4", "--log-level", "warning"),
        "whatsapp_agent.wsgi:application",
    ]


class Command(BaseCommand):
    help = "Run web and worker, and the sandbox where no bridge is configured."

    def add_arguments(self, parser) -> None:
        parser.add_argument("--host", default="127.0.0.1")
        parser.add_argument("--port", type=int, default=9208)

    def handle(self, *, host: str, port: int, **options) -> None:
        manage = [sys.executable, "manage.py"]
        commands = {"web": web_command(host, port), "worker": [*manage, "worker"]}
        if settings.SANDBOX:
            commands["sandbox"] = [*manage, "sandbox"]
        self.stdout.write(f"\n  {settings.SITE_URL}{reverse('admin:index')}\n")
        self.stdout.flush()
        Supervisor(commands).run()
