"""A day of staff, in two windows: the dashboard, and the sandbox phone."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Locator, Page, expect

pytestmark = [pytest.mark.browser, pytest.mark.slow]

SLOW = 60_000  # milliseconds


@pytest.fixture
def phone(page: Page) -> Iterator[Page]:
    """The sandbox phone in a window of its own."""
    window = page.context.new_page()
    window.goto("/admin/sandbox/")
    expect(window.get_by_role("navigation", name="Chats")).to_be_visible(timeout=SLOW)
    # It is linked, a moment after the start.
    expect(window.get_by_role("button", name="Unlink")).to_be_visible(timeout=SLOW)
    yield window
    window.close()


def write(phone: Page, chat: str, text: str) -> None:
    # A group in which nobody has spoken yet names its members, the agent among them.
    name = re.compile(f"^{chat}")
    phone.get_by_role("navigation", name="Chats").get_by_role("link", name=name).click()
    phone.get_by_label("Message", exact=True).fill(text)
    phone.keyboard.press("Enter")
    expect(on_phone(phone, text)).to_be_visible()


def on_phone(phone: Page, text: str) -> Locator:
    return phone.get_by_role("log", name="Messages").get_by_text(text, exact=True)


def open_conversation(page: Page, name: str) -> None:
    page.goto("/admin/conversations/conversation/")
    page.get_by_role("link", name=name).first.click()
    expect(page.get_by_role("log", name="Messages")).to_be_visible()


def bubble(page: Page, text: str) -> Locator:
    return page.locator("article").filter(has_text=text).last


def test_link_the_phone_anew(page: Page, phone: Page):
    phone.get_by_role("button", name="Unlink").click()
    expect(phone.get_by_text("Not linked")).to_be_visible(timeout=SLOW)

    page.goto("/admin/evolution/instance/")
    state = page.get_by_role("region", name="State")
    expect(state.get_by_text("No phone is linked")).to_be_visible(timeout=SLOW)
    state.get_by_role("button", name="Connect").click()
    expect(state.get_by_role("img", name="QR code")).to_be_visible(timeout=SLOW)
    phone.get_by_role("button", name="Scan the QR code").click(timeout=SLOW)

    expect(state.get_by_text("linked for")).to_be_visible(timeout=SLOW)


def test_watch_a_decision_appear_in_a_group(page: Page, phone: Page):
    open_conversation(page, "Weekend trip")
    page.get_by_label("Reply by hand").fill("half-typed")

    write(phone, "Weekend trip", "Nobody is asked anything by this")

    said = bubble(page, "Nobody is asked anything by this")
    expect(said).to_be_visible(timeout=SLOW)
    outcome = said.locator("details summary")
    expect(outcome).to_contain_text(re.compile("Below threshold|budget"), timeout=SLOW)
    expect(page.get_by_label("Reply by hand")).to_have_value("half-typed")
    expect(page.get_by_label("Reply by hand")).to_be_focused()
    outcome.click()
    expect(said.get_by_text(re.compile("Relevance|Rule")).first).to_be_visible()


def test_pause_and_resume(page: Page, phone: Page):
    write(phone, "The agent", "Good morning")
    open_conversation(page, "Ana")
    page.get_by_text("Pause", exact=True).click()
    page.get_by_role("button", name="Until resumed").click()
    expect(page.get_by_role("button", name="Resume")).to_be_visible(timeout=SLOW)

    write(phone, "The agent", "Are you there?")
    said = bubble(page, "Are you there?")
    expect(said.locator("details summary")).to_contain_text("Paused", timeout=SLOW)

    page.get_by_role("button", name="Resume").click()
    write(phone, "The agent", "And now? What is 2 plus 3?")
    expect(bubble(page, "And now?").locator("details summary")).to_contain_text(
        "Replied", timeout=SLOW
    )


def test_reply_by_hand(page: Page, phone: Page):
    write(phone, "The agent", "Can a person answer, please?")
    open_conversation(page, "Ana")
    page.get_by_label("Reply by hand").fill("Sam here, what can I do for you?")
    page.keyboard.press("Enter")

    expect(bubble(page, "Sam here")).to_be_visible(timeout=SLOW)
    expect(on_phone(phone, "Sam here, what can I do for you?")).to_be_visible(
        timeout=SLOW
    )
    expect(page.get_by_label("Reply by hand")).to_have_value("")
    expect(page.get_by_label("Reply by hand")).to_be_focused()
    page.get_by_role("button", name="Resume").click(timeout=SLOW)


def test_approve_a_draft(page: Page, phone: Page):
    write(phone, "The agent", "Hello again")
    open_conversation(page, "Ana")
    page.locator("summary", has_text="Settings of this conversation").click()
    page.get_by_label("Mode").select_option("draft")
    page.get_by_role("button", name="Save", exact=True).click()

    write(phone, "The agent", "What is 6 times 9?")
    approve = page.get_by_role("button", name="Approve and send")
    expect(approve).to_be_visible(timeout=SLOW)
    assert phone.locator(".sandbox-message.api").filter(has_text="54").count() == 0
    approve.click()

    reply = phone.locator(".sandbox-message.api").filter(has_text="54")
    expect(reply).to_be_visible(timeout=SLOW)


def test_the_history_of_a_chats_settings_is_a_click_away(page: Page, phone: Page):
    write(phone, "The agent", "Who changed what here?")
    open_conversation(page, "Ana")
    page.locator("summary", has_text="Settings of this conversation").click()

    page.locator("#chat-settings").get_by_role("link", name="History").click()

    expect(page).to_have_url(re.compile("/history/"))


def test_command_from_the_phone(page: Page, phone: Page):
    write(phone, "The agent", "Who may command here?")
    open_conversation(page, "Ana")
    page.locator("summary", has_text="Settings of this conversation").click()
    page.locator("#chat-settings").get_by_role("link", name="The contact").click()
    page.get_by_label("May command").check()
    page.get_by_role("button", name="Save", exact=True).click()

    write(phone, "The agent", "/pause")
    answer = "Paused here until somebody resumes."
    expect(on_phone(phone, answer)).to_be_visible(timeout=SLOW)
    open_conversation(page, "Ana")
    said = bubble(page, "/pause")
    expect(said.locator("details summary")).to_contain_text("Command", timeout=SLOW)
    expect(page.locator("#standing")).to_contain_text("Paused until somebody resumes")

    write(phone, "The agent", "/resume")
    expect(on_phone(phone, "Resumed here.")).to_be_visible(timeout=SLOW)
