from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.browser.installation import CHROMIUM, Installation, launch, prepare, sign_in


@pytest.fixture(scope="module")
def installation(tmp_path_factory) -> Iterator[Installation]:
    """A fresh one, as `make run` starts it."""
    fresh = prepare(tmp_path_factory.mktemp("installation"))
    with fresh.started():
        yield fresh


@pytest.fixture(scope="module")
def painted(tmp_path_factory) -> Iterator[Installation]:
    """One that has run for a month."""
    old = prepare(tmp_path_factory.mktemp("painted"))
    old.paint()
    with old.started():
        yield old


@pytest.fixture(scope="module")
def painted_in_arabic(tmp_path_factory) -> Iterator[Installation]:
    old = prepare(tmp_path_factory.mktemp("arabic"), language="ar")
    old.paint()
    with old.started():
        yield old


@pytest.fixture(scope="module")  # its event loop is in others' way
def browser() -> Iterator[Browser]:
    if not Path(CHROMIUM).exists():
        pytest.skip(f"{CHROMIUM} is not installed")
    with sync_playwright() as playwright:
        browser = launch(playwright)
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser, installation: Installation) -> Iterator[Page]:
    """A page of somebody who has signed in."""
    context = browser.new_context(base_url=installation.url)
    yield sign_in(context)
    context.close()
