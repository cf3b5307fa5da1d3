"""A whole installation in a folder of its own: web, worker and the sandbox."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, BrowserContext, Page, Playwright

ROOT = Path(__file__).parents[2]
CHROMIUM = os.environ.get("TEST_BROWSER", "/usr/bin/chromium")
PASSWORD = "a-long-password"
QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
MANAGE = [sys.executable, "manage.py"]


@dataclass(frozen=True)
class Installation:
    url: str
    environment: dict[str, str]

    def run(self, *command: str) -> None:
        subprocess.run([*MANAGE, *command], cwd=ROOT, env=self.environment, check=True)

    def paint(self) -> None:
        """Fill it as if it had run for a month."""
        self.run("shell", "-v0", "-c", "from tests.browser import scene; scene.paint()")

    @contextmanager
    def started(self) -> Iterator[None]:
        port = self.url.rpartition(":")[2]
        running = subprocess.Popen(
            [*MANAGE, "run", "--port", port], cwd=ROOT, env=self.environment
        )
        try:
            yield
        finally:
            running.send_signal(signal.SIGTERM)
            running.wait(60)


def prepare(folder: Path, language: str = "en") -> Installation:
    """Set one up as `make run` does."""
    url = f"http://localhost:{free_port()}"
    environment = {
        "PATH": os.environ["PATH"],
        "SECRET_KEY": "k" * 50,
        "WEBHOOK_SECRET": "w" * 40,
        "ADMIN_PASSWORD": PASSWORD,
        "DATABASE_URL": f"sqlite:///{folder / 'db.sqlite3'}",
        "RUN_DIR": str(folder),
        "MEDIA_ROOT": str(folder / "media"),
        "SITE_URL": url,
        "SANDBOX": "1",
        "SANDBOX_PORT": str(free_port()),
        "LOG_LEVEL": "WARNING",
        "LANGUAGE_CODE": language,
    }
    installation = Installation(url, environment)
    installation.run("setup")
    return installation


def launch(playwright: Playwright) -> Browser:
    return playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)


def sign_in(context: BrowserContext) -> Page:
    page = context.new_page()
    open_when_up(page, "/admin/")
    page.fill("#id_username", "admin")
    page.fill("#id_password", PASSWORD)
    page.click("input[type=submit]")
    page.wait_for_url("**/admin/")
    return page


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def open_when_up(page: Page, path: str) -> None:
    for _ in range(120):
        try:
            page.goto(path)
            return
        except Exception as error:
            if "ERR_CONNECTION_REFUSED" not in str(error):
                raise
            page.wait_for_timeout(500)
    raise AssertionError("the web server did not come up")
