"""Two numbers in one installation, each with a voice of its own."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.installation import Installation, sign_in
from tests.browser.test_every_page import axe_faults, too_wide
from tests.browser.test_staff import SLOW, on_phone

pytestmark = [pytest.mark.browser, pytest.mark.slow]

SECOND = "second"
SETTINGS = "/admin/conversations/agentsettings/1/change/"


@pytest.fixture(scope="module")
def two_numbers(browser: Browser, installation: Installation) -> Installation:
    """A second one is created and linked as staff do it."""
    context = browser.new_context(base_url=installation.url)
    page, phone = sign_in(context), context.new_page()
    page.goto("/admin/evolution/instance/add/")
    page.get_by_label("Name").fill(SECOND)
    page.get_by_role("button", name="Save", exact=True).click()
    state = page.get_by_role("region", name="State")
    state.get_by_role("button", name="Create").click()
    state.get_by_role("button", name="Connect").click(timeout=SLOW)
    phone.goto(f"/admin/sandbox/?instance={SECOND}")
    phone.get_by_role("button", name="Scan the QR code").click(timeout=SLOW)
    expect(state.get_by_text("linked for")).to_be_visible(timeout=SLOW)
    context.close()
    return installation


@pytest.fixture
def page(browser: Browser, two_numbers: Installation) -> Iterator[Page]:
    context = browser.new_context(base_url=two_numbers.url)
    yield sign_in(context)
    context.close()


def ask(page: Page, number: str, text: str) -> Page:
    """Write to one of the numbers, as Ana."""
    phone = page.context.new_page()
    phone.goto("/admin/sandbox/")
    phone.get_by_label("Write to").select_option(number)
    phone.wait_for_url(f"**instance={number}**")
    phone.get_by_role("link", name=re.compile("^The agent")).click()
    phone.get_by_label("Message", exact=True).fill(text)
    phone.keyboard.press("Enter")
    expect(on_phone(phone, text)).to_be_visible(timeout=SLOW)
    return phone


def save(page: Page) -> None:
    page.get_by_role("button", name="Save", exact=True).click()
    expect(
        page.get_by_text("are saved").or_(page.get_by_text("successfully"))
    ).to_be_visible()


def test_each_answers_in_its_own_voice(page: Page):
    page.goto(SETTINGS)
    page.get_by_label("Instructions").fill("The office opens at nine.")
    save(page)
    page.get_by_role("navigation", name="Whose settings").get_by_role(
        "link", name=SECOND
    ).click()
    page.get_by_label("Name", exact=True).fill("Juno")
    page.get_by_label("Instructions", exact=True).fill("The shop opens at seven.")
    save(page)

    first = ask(page, "whatsapp-agent", "When is it that you open?")
    second = ask(page, SECOND, "When is it that you open?")

    nine, seven = (
        first.get_by_text("opens at nine"),
        second.get_by_text("opens at seven"),
    )
    expect(nine).to_be_visible(timeout=SLOW)
    expect(seven).to_be_visible(timeout=SLOW)
    expect(second.get_by_text("opens at nine")).to_have_count(0)
    expect(first.get_by_text("opens at seven")).to_have_count(0)
    expect(second.locator(".sandbox-message.api").last).to_contain_text("Juno")


def test_a_value_of_its_own_is_seen_and_given_back(page: Page):
    page.goto(f"{SETTINGS}?instance={SECOND}")
    row = page.locator("#row-takeover_minutes")
    value, tick = row.locator("#id_takeover_minutes"), row.get_by_role("checkbox")
    expect(value).to_have_value("30")
    expect(row).to_contain_text("As common")
    value.fill("7")
    save(page)

    expect(value).to_have_value("7")
    expect(tick).to_be_checked()
    expect(row).to_contain_text("Common: 30")
    expect(
        page.locator("#row-longest_wait").get_by_role("checkbox")
    ).not_to_be_checked()
    page.get_by_role("navigation", name="Whose settings").get_by_role(
        "link", name="Common"
    ).click()
    expect(value).to_have_value("30")

    page.goto(f"{SETTINGS}?instance={SECOND}")
    tick.uncheck()
    save(page)
    expect(value).to_have_value("30")
    expect(tick).not_to_be_checked()
    newest = page.locator("#history li").first
    expect(newest).to_contain_text("Stand back after a person writes")
    assert axe_faults(page) + too_wide(page) == []
