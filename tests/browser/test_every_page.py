"""Every page that the menu leads to: no axe violation, no console message, no overflow."""

from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, ConsoleMessage, Page

from tests.browser.installation import Installation, sign_in
from tests.browser.screenshots import LOOKS

pytestmark = [pytest.mark.browser, pytest.mark.slow]

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
OWN = [
    "/admin/",
    "/admin/conversations/conversation/?q=saturday",
    "/admin/architecture/",
    "/admin/conversations/conversation/label/",
    "/admin/password_change/",
    "/admin/evolution/instance/add/",
    "/admin/auth/user/add/",
]


@pytest.fixture(params=LOOKS)
def page(browser: Browser, painted: Installation, request) -> Iterator[Page]:
    context = browser.new_context(base_url=painted.url, **LOOKS[request.param])
    yield sign_in(context)
    context.close()


def paths(page: Page, selector: str) -> list[str]:
    links = page.locator(selector).evaluate_all("all => all.map(one => one.href)")
    return list(dict.fromkeys(_path(link) for link in links if "/admin/" in link))


def every_page(page: Page) -> list[str]:
    """What the menu and the page of all lists lead to, and the first row of each list."""
    page.goto("/admin/more/")
    found = [*OWN, *paths(page, ".wa-nav a"), *paths(page, "#content a")]
    for path in list(found):
        page.goto(path)
        rows = "#result_list tbody tr:first-child a, .wa-rows li:first-child > a"
        found += paths(page, rows)[:1]
    return [path for path in dict.fromkeys(found) if "logout" not in path]


def _path(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.path}?{parts.query}" if parts.query else parts.path


def test_passes_axe_and_stays_silent_and_within_the_screen(page: Page):
    visited, faults = look_at_every_page(page)

    assert len(visited) > 20
    assert faults == []


def test_passes_from_right_to_left(browser: Browser, painted_in_arabic: Installation):
    context = browser.new_context(base_url=painted_in_arabic.url, **LOOKS["mobile"])
    page = sign_in(context)
    visited, faults = look_at_every_page(page)
    direction = page.locator("html").get_attribute("dir")
    context.close()

    assert direction == "rtl"
    assert len(visited) > 20
    assert faults == []


def look_at_every_page(page: Page) -> tuple[list[str], list[str]]:
    """The addresses, and all that is wrong there."""
    visited = every_page(page)
    said: list[str] = []
    page.on("console", lambda message: said.extend(complaint(page, message)))
    page.on("pageerror", lambda error: said.append(f"{page.url}: {error}"))
    faults = []
    for path in visited:
        page.goto(path)
        page.wait_for_timeout(300)
        faults += [f"{path}: {fault}" for fault in axe_faults(page) + too_wide(page)]
    return visited, said + faults


def axe_faults(page: Page) -> list[str]:
    # Preloading would fetch style sheets by script, which the policy forbids.
    options = {"runOnly": RULES, "preload": False}
    found = Axe().run(page, options=options).response["violations"]
    return [
        f"{fault['id']}: {node['target']} {node['failureSummary']}"
        for fault in found
        for node in fault["nodes"][:3]
    ]


def too_wide(page: Page) -> list[str]:
    width, screen = page.evaluate(
        "[document.documentElement.scrollWidth, document.documentElement.clientWidth]"
    )
    return [f"{width} pixels wide on a screen of {screen}"] if width > screen else []


def complaint(page: Page, message: ConsoleMessage) -> list[str]:
    is_one = message.type in ("error", "warning")
    return [f"{page.url}: {message.text}"] if is_one else []
