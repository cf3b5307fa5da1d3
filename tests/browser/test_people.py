"""What people do on their phones to what was said: they react to it, and edit it."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.installation import Installation
from tests.browser.test_staff import (
    SLOW,
    bubble,
    on_phone,
    open_conversation,
    phone,
    write,
)

__all__ = ["phone"]

pytestmark = [pytest.mark.browser, pytest.mark.slow]

# So long that a person has the time to edit, on a slow machine too.
PATIENTLY = (
    "from conversations.models import AgentSettings;"
    "AgentSettings.objects.update(direct_wait=9)"
)


def test_a_reaction_stands_at_what_it_is_about(page: Page, phone: Page):
    write(phone, "The agent", "What is 6 times 7?")
    open_conversation(page, "Ana")
    reply = page.locator("article.out").filter(has_text="42")
    expect(reply).to_be_visible(timeout=SLOW)
    answer = phone.locator(".sandbox-message.api").filter(has_text="42")
    answer.get_by_label("Actions for this message").click(timeout=SLOW)
    answer.get_by_role("button", name="React with ❤️").click()

    expect(reply.locator(".reactions")).to_contain_text("❤️", timeout=SLOW)
    expect(reply.locator(".reactions")).to_contain_text("Ana")


def test_an_edited_question_is_answered_once_as_it_was_edited(
    installation: Installation, page: Page, phone: Page
):
    installation.run("shell", "-v0", "-c", PATIENTLY)
    page.wait_for_timeout(1500)  # the old settings are read for a second at most
    write(phone, "The agent", "What is 2 plus 3?")
    asked = phone.locator(".sandbox-message.mine").last
    asked.get_by_label("Actions for this message").click()
    asked.get_by_role("link", name="Edit").click()
    phone.get_by_label("Message", exact=True).fill("What is 200 plus 31?")
    phone.keyboard.press("Enter")
    expect(on_phone(phone, "What is 200 plus 31?")).to_be_visible(timeout=SLOW)

    answers = phone.locator(".sandbox-message.api")
    expect(answers.filter(has_text="231")).to_have_count(1, timeout=SLOW)
    open_conversation(page, "Ana")
    said = bubble(page, "What is 200 plus 31?")
    expect(said.get_by_text("edited", exact=True)).to_be_visible(timeout=SLOW)
    expect(said.locator("details summary")).to_contain_text("Replied", timeout=SLOW)
    expect(page.get_by_text("What is 2 plus 3?", exact=True)).to_have_count(0)
    expect(page.locator("article.out").filter(has_text="231")).to_have_count(1)
    expect(answers.filter(has_text=re.compile(r"\b5\b"))).to_have_count(0)
