"""A text is written, somebody asks, and the chain tells which passage was used."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.test_every_page import axe_faults
from tests.browser.test_newcomer import open_chat, reload_until_visible

pytestmark = [pytest.mark.browser, pytest.mark.slow]

TEXT = "# Sauna\n\nThe sauna is heated every evening from 18 to 22.\n\n# Skis\n\nTen euros."


def test_answers_from_a_text_and_tells_which_passage_it_used(page: Page):
    page.goto("/admin/conversations/knowledgetext/")
    page.get_by_role("link", name="New text").click()
    page.get_by_label("Title").fill("Guests")
    page.get_by_label("Text", exact=True).fill(TEXT)
    expect(page.get_by_role("status").filter(has_text="passages")).to_contain_text(
        "2 passages", timeout=20_000
    )
    assert axe_faults(page) == []
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("link", name="Guests").first).to_be_visible()

    open_chat(page, 1)
    page.get_by_label("Message", exact=True).fill("When is the sauna heated?")
    page.keyboard.press("Enter")
    reply = page.locator(".sandbox-message.api").last
    expect(reply).to_contain_text("from 18 to 22", timeout=60_000)

    page.goto("/admin/conversations/conversation/")
    page.get_by_role("link", name=re.compile("Ana|Bruno|Chen|Dora")).first.click()
    used = page.locator("ul.known a", has_text="Guests")
    reload_until_visible(page, used)
    page.locator("details.chain", has=used).locator("summary").click()
    used.last.click()
    expect(page.locator("#passage-1")).to_contain_text("heated every evening")
