"""A threshold found on evidence, tried, applied to one group and set back."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.installation import Installation, sign_in

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture
def page(browser: Browser, painted: Installation) -> Iterator[Page]:
    painted.run(
        "shell", "-v0", "-c",
        "from tests.browser import evidence;"
        " evidence.seed(evidence.make_group('Choir'), labels=300, model='lab-model')",
    )  # fmt: skip
    context = browser.new_context(base_url=painted.url)
    page = sign_in(context)
    page.goto("/admin/lab/")
    page.get_by_role("combobox", name="Version").select_option(
        label="lab-model · openai · 1"
    )
    page.get_by_role("button", name="Show").first.click()
    page.get_by_role("link", name="Choir").first.click()
    yield page
    context.close()


def test_a_threshold_is_tried_applied_to_one_group_and_undone(page: Page):
    told = page.locator("[data-at=replies]")
    before = told.inner_text()
    page.get_by_role("slider", name="Threshold").fill("0.9")
    expect(told).not_to_have_text(before)

    page.get_by_role("button", name="Apply what is tried").click()
    page.get_by_label("Why, for the record").fill("Too talkative")
    page.get_by_role("button", name="Apply", exact=True).click()
    expect(page.locator("#changes")).to_contain_text("Too talkative")
    expect(page.locator("#lab-number")).to_have_value(re.compile("^0.90"))

    page.locator("#changes").get_by_role("button", name="Undo").first.click()
    expect(page.locator("#lab-number")).to_have_value(re.compile("^0.60"))
