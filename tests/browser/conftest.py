import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).parents[2]
CHROMIUM = os.environ.get("TEST_BROWSER", "/usr/bin/chromium")
QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@dataclass(frozen=True)
class Installation:
    url: str
    password: str


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="session")
def installation(tmp_path_factory) -> Iterator[Installation]:
    """A fresh installation as `make run` starts it: web, worker and the sandbox."""
    folder = tmp_path_factory.mktemp("installation")
    port = free_port()
    environment = {
        "PATH": os.environ["PATH"],
        "SECRET_KEY": "k" * 50,
        "WEBHOOK_SECRET": "w" * 40,
        "ADMIN_PASSWORD": "a-long-password",
        "DATABASE_URL": f"sqlite:///{folder / 'db.sqlite3'}",
        "RUN_DIR": str(folder),
        "SITE_URL": f"http://localhost:{port}",
        "SANDBOX": "1",
        "SANDBOX_PORT": str(free_port()),
        "LOG_LEVEL": "WARNING",
    }
    manage = [sys.executable, "manage.py"]
    subprocess.run([*manage, "setup"], cwd=ROOT, env=environment, check=True)
    running = subprocess.Popen(
        [*manage, "run", "--port", str(port)], cwd=ROOT, env=environment
    )
    yield Installation(environment["SITE_URL"], environment["ADMIN_PASSWORD"])
    running.send_signal(signal.SIGTERM)
    running.wait(60)


@pytest.fixture(scope="module")  # its event loop is in others' way
def browser() -> Iterator[Browser]:
    if not Path(CHROMIUM).exists():
        pytest.skip(f"{CHROMIUM} is not installed")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser, installation: Installation) -> Iterator[Page]:
    """A page of somebody who has signed in."""
    context = browser.new_context(base_url=installation.url)
    page = context.new_page()
    _open_when_up(page, "/admin/")
    page.fill("#id_username", "admin")
    page.fill("#id_password", installation.password)
    page.click("input[type=submit]")
    page.wait_for_url("**/admin/")
    yield page
    context.close()


def _open_when_up(page: Page, path: str) -> None:
    for _ in range(120):
        try:
            page.goto(path)
            return
        except Exception as error:
            if "ERR_CONNECTION_REFUSED" not in str(error):
                raise
            page.wait_for_timeout(500)
    raise AssertionError("the web server did not come up")
