"""The threshold, moved on evidence and put back, as staff would do it."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.installation import Installation, sign_in

pytestmark = [pytest.mark.browser, pytest.mark.slow]

SETTINGS = "/admin/conversations/agentsettings/1/change/"


@pytest.fixture
def page(browser: Browser, painted: Installation) -> Iterator[Page]:
    context = browser.new_context(base_url=painted.url)
    page = sign_in(context)
    page.goto(SETTINGS)
    yield page
    context.close()


def replies(page: Page) -> int:
    """How many the sentence under the slider says there would have been."""
    told = page.locator("#preview-sentence").inner_text()
    return int(re.search(r", (\d+) of the last", told).group(1))


def test_the_slider_tells_at_once_what_would_have_happened(page: Page):
    slider = page.get_by_role("slider", name="Threshold")
    before = replies(page)

    slider.focus()
    for _ in range(30):
        page.keyboard.press("ArrowLeft")
    expect(page.locator("#id_threshold")).to_have_value("0.30")
    assert replies(page) > before

    slider.fill("1")
    expect(page.locator("#preview-sentence")).to_contain_text("At 1.00, 0 of the last")
    # The bars that would have had a reply are marked; what is saved stays as it was.
    expect(page.locator(".wa-chart .bar.on")).to_have_count(0)
    page.reload()
    assert replies(page) == before


def test_a_moved_threshold_is_saved_recorded_and_undone(page: Page):
    threshold = page.locator("#id_threshold")
    saved = threshold.input_value()
    page.get_by_role("slider", name="Threshold").fill("0.35")
    page.get_by_role("button", name="Save", exact=True).click()

    expect(threshold).to_have_value(re.compile(r"^0\.350*$"))
    newest = page.locator("#history li").first
    expect(newest).to_contain_text("Threshold")
    expect(newest).to_contain_text("0.35")
    expect(newest).to_contain_text("admin")

    newest.get_by_role("button", name="Undo").click()
    expect(threshold).to_have_value(saved)
    expect(page.locator("#history li").first).to_contain_text("Undo")
