"""Pictures of every page, light, dark and on a phone: `make screenshots`."""

import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from tests.browser.installation import ROOT, launch, prepare, sign_in

DESKTOP = {"width": 1440, "height": 900}
PHONE = {"width": 390, "height": 844}
LOOKS = {
    "light": {"viewport": DESKTOP, "color_scheme": "light"},
    "dark": {"viewport": DESKTOP, "color_scheme": "dark"},
    "mobile": {"viewport": PHONE, "device_scale_factor": 2, "is_mobile": True},
}
PAGES = {
    "home": "/admin/",
    "conversations": "/admin/conversations/conversation/",
    "search": "/admin/conversations/conversation/?q=saturday",
    "conversation": "/admin/conversations/conversation/?q=Elm+Road",
    "link": "/admin/evolution/instance/",
    "settings": "/admin/conversations/agentsettings/",
    "decisions": "/admin/llm/decision/",
    "knowledge": "/admin/conversations/knowledgetext/",
    "sandbox": "/admin/sandbox/",
    "more": "/admin/more/",
}


def take(folder: Path) -> None:
    with tempfile.TemporaryDirectory() as data, sync_playwright() as playwright:
        installation = prepare(Path(data))
        installation.paint()
        browser = launch(playwright)
        with installation.started():
            for look, options in LOOKS.items():
                context = browser.new_context(base_url=installation.url, **options)
                page = sign_in(context)
                for name, path in PAGES.items():
                    _open(page, name, path)
                    page.screenshot(path=folder / f"{name}-{look}.png")
                context.close()
        browser.close()


def _open(page: Page, name: str, path: str) -> None:
    page.goto(path)
    if name == "conversation":
        page.get_by_role("link", name="Elm Road").first.click()
        page.locator("details.chain > summary", has_text="Replied").last.click()
    page.wait_for_timeout(700)  # live parts have come


if __name__ == "__main__":
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs" / "images"
    target.mkdir(parents=True, exist_ok=True)
    take(target)
