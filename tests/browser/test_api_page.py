"""The API's own page, as staff see it."""

import pytest
from playwright.sync_api import Page, expect

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def test_lists_the_operations_and_tries_one(page: Page):
    said, asked = [], []
    page.on("console", lambda message: said.append(message.text))
    page.on("request", lambda request: asked.append(request.url))

    page.goto("/api/")
    pause = page.locator(".opblock", has_text="/api/conversations/{id}/pause")
    pause.click()
    pause.get_by_role("button", name="Try it out").click()
    pause.get_by_placeholder("id", exact=True).fill("1")
    pause.locator("textarea").fill("{}")
    pause.get_by_role("button", name="Execute").click()

    answer = pause.locator(".live-responses-table .response-col_status")
    expect(answer.last).to_contain_text("200")
    expect(pause.locator(".live-responses-table")).to_contain_text('"is_paused": true')
    assert said == []  # the browser tells there what the policy blocked
    assert all(url.startswith((page.url, "http://localhost", "data:")) for url in asked)
