"""What was sent is edited and deleted from the dashboard, and the phone shows it."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser.test_every_page import axe_faults, too_wide
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


def test_edit_and_delete_what_was_sent(page: Page, phone: Page):
    write(phone, "The agent", "Hello")
    open_conversation(page, "Ana")
    page.get_by_label("Reply by hand").fill("We meet at nine.")
    page.get_by_role("button", name="Send", exact=True).click()
    expect(on_phone(phone, "We meet at nine.")).to_be_visible(timeout=SLOW)

    sent = bubble(page, "We meet at nine.")
    sent.locator("summary", has_text="Change…").click(timeout=SLOW)
    assert axe_faults(page) + too_wide(page) == []
    sent.get_by_label("The text").fill("We meet at ten.")
    sent.get_by_role("button", name="Edit for everybody").click()

    edited = bubble(page, "We meet at ten.")
    expect(edited.get_by_text("edited", exact=True)).to_be_visible(timeout=SLOW)
    expect(on_phone(phone, "We meet at ten.")).to_be_visible(timeout=SLOW)

    page.reload()  # whether the box is still open depends on what came meanwhile
    edited.locator("summary", has_text="Change…").click(timeout=SLOW)
    edited.get_by_role("button", name="Delete for everybody").click()

    expect(edited.get_by_text("deleted", exact=True)).to_be_visible(timeout=SLOW)
    expect(on_phone(phone, "We meet at ten.")).not_to_be_visible(timeout=SLOW)
