"""A voice note from the sandbox phone is heard, answered, and can be played again."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.test_every_page import axe_faults, too_wide
from tests.browser.test_staff import SLOW, bubble, open_conversation, phone, write

__all__ = ["phone"]

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def test_hear_a_voice_note_and_answer_it(page: Page, phone: Page):
    write(phone, "The agent", "Hello")
    phone.get_by_label("Message", exact=True).fill("What is 12 times 12?")
    phone.get_by_role("button", name="Voice note").click()
    open_conversation(page, "Ana")

    said = bubble(page, "What is 12 times 12?")
    expect(said.locator("details summary")).to_contain_text("Replied", timeout=SLOW)
    expect(said.get_by_text("Voice message")).to_be_visible()
    expect(bubble(page, "144")).to_be_visible(timeout=SLOW)
    sound = said.locator("audio")
    expect(sound).to_be_visible()
    # It can be played: neither the policy nor the headers are in its way.
    length = sound.evaluate(
        "one => new Promise((done, fail) => {"
        " one.onloadedmetadata = () => done(one.duration);"
        " one.onerror = () => fail(one.error.message); one.preload = 'metadata'; one.load()})"
    )
    assert 1 < length < 4


def test_see_a_picture_and_download_a_page(page: Page, phone: Page):
    write(phone, "The agent", "Look")
    phone.get_by_role("button", name="Picture").click()
    phone.locator("summary", has_text="File").click()
    phone.locator("#sandbox-file").set_input_files(
        {"name": "page.html", "mimeType": "text/html", "buffer": b"<script>x</script>"}
    )
    phone.get_by_role("button", name="Send the file").click()
    open_conversation(page, "Ana")

    shown = page.locator(".file img").last
    expect(shown).to_be_visible(timeout=SLOW)
    assert shown.evaluate("one => one.naturalWidth") == 320
    link = page.get_by_role("link", name=re.compile("Download page.html"))
    expect(link).to_be_visible(timeout=SLOW)
    with page.expect_download() as download:
        link.click()
    assert download.value.suggested_filename == "page.html"


def test_what_people_sent_passes_axe(page: Page, phone: Page):
    write(phone, "The agent", "Once more")
    phone.get_by_role("button", name="Picture").click()
    open_conversation(page, "Ana")
    expect(page.locator(".file img").last).to_be_visible(timeout=SLOW)

    assert axe_faults(page) + too_wide(page) == []
