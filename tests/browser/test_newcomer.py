"""What somebody sees who just typed `make run`."""

import re

import pytest
from playwright.sync_api import Locator, Page, expect

pytestmark = [pytest.mark.browser, pytest.mark.slow]

SLOW = 60  # seconds


def open_chat(page: Page, number: int) -> None:
    page.goto("/admin/sandbox/")
    chats = page.get_by_role("navigation", name="Chats")
    expect(chats).to_be_visible(timeout=SLOW * 1000)
    chats.get_by_role("link").nth(number).click()


def reload_until_visible(page: Page, wanted: Locator) -> None:
    for _ in range(SLOW):
        if wanted.count():
            return
        page.wait_for_timeout(1000)
        page.reload()
    raise AssertionError(f"{wanted} did not appear")


def test_watches_the_agent_reply_in_a_group(page: Page):
    open_chat(page, 0)

    log = page.get_by_role("log", name="Messages")  # the list of chats says it, too
    expect(log.get_by_text("The cabin is booked")).to_be_visible(timeout=SLOW * 1000)
    reply = page.locator(".sandbox-message.api").first
    expect(reply).to_contain_text("21:40", timeout=SLOW * 1000)


def test_reads_why_it_spoke_and_why_it_was_silent(page: Page):
    page.goto("/admin/conversations/conversation/")
    page.get_by_role("link", name="Weekend trip").click()

    reload_until_visible(page, page.get_by_text("It mentions the agent"))
    silent = page.locator("summary", has_text="Below threshold").first
    # How little depends on what had been said by then.
    expect(silent).to_contain_text(re.compile(r"0\.0\d < 0\.60"))


def test_chats_with_the_agent_alone(page: Page):
    open_chat(page, 1)
    page.get_by_label("Message", exact=True).fill("What is 6 times 7?")
    page.keyboard.press("Enter")

    reply = page.locator(".sandbox-message.api").last
    expect(reply).to_contain_text("42", timeout=SLOW * 1000)
