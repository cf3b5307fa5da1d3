"""Ten messages labelled with nothing but the keyboard, and the page without a script."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.utils import timezone
from playwright.sync_api import Browser, Page, expect

from tests.browser.installation import Installation, sign_in
from tests.browser.test_every_page import RULES

pytestmark = [pytest.mark.browser, pytest.mark.slow]

QUEUE = "/admin/conversations/conversation/label/"


def judge() -> None:
    """Runs in the installation: a group in which a model has judged enough."""
    from conversations.models import Contact, Conversation, Message
    from llm.models import Decision
    from tests.factories import INSTANCE, whatsapp_id

    group = Conversation.objects.create(
        instance=INSTANCE, jid="1@g.us", name="Chess club", is_group=True
    )
    people = [Contact.objects.create(name=name) for name in ("Ada", "Bo", "Cy")]
    for n in range(40):
        at = timezone.now() - timedelta(minutes=40 - n)
        message = Message.objects.create(
            conversation=group,
            direction="in",
            sender=people[n % 3],
            text=f"Question {n}: who plays on board {n % 7}?",
            whatsapp_id=whatsapp_id(),
            sent_at=at,
            outcome="below_threshold",
        )
        decision = Decision.objects.create(
            conversation=group,
            step="relevance",
            source="model",
            outcome="silent",
            p=n / 40,
            provider="openai",
            model="judge",
            prompt_version="3",
        )
        decision.messages.add(message)
        # Newer than what the sandbox's own chats get judged meanwhile.
        Decision.objects.filter(pk=decision.pk).update(
            created_at=at + timedelta(days=1)
        )


@pytest.fixture(scope="module")
def judged(installation: Installation) -> Installation:
    code = "from tests.browser import test_labelling; test_labelling.judge()"
    installation.run("shell", "-v0", "-c", code)
    return installation


@pytest.fixture
def plain(browser: Browser, judged: Installation) -> Iterator[Page]:
    """Without a script, after signing in with one."""
    context = browser.new_context(base_url=judged.url)
    sign_in(context)
    state = context.storage_state()
    context.close()
    context = browser.new_context(
        base_url=judged.url, storage_state=state, java_script_enabled=False
    )
    yield context.new_page()
    context.close()


def labelled(page: Page) -> str:
    return page.locator("#progress + .big").inner_text()


def question(page: Page) -> str:
    return page.locator(".judged .text").last.inner_text()


def press(page: Page, key: str) -> None:
    with page.expect_navigation():
        page.keyboard.press(key)


def test_ten_messages_are_labelled_by_keyboard(judged: Installation, page: Page):
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.goto(QUEUE)
    asked = []

    for key in "wnrwnnwrnw":
        expect(page.locator(".judged").last).to_be_in_viewport()
        asked.append(question(page))
        press(page, key)

    assert labelled(page) == "10"
    assert len(set(asked)) == 10
    assert Axe().run(page, options={"runOnly": RULES}).response["violations"] == []

    press(page, "z")

    assert labelled(page) == "9"
    assert question(page) == asked[-1]

    press(page, "u")  # unsure is not reckoned with

    assert labelled(page) == "9"
    assert question(page) not in asked
    assert said == []


def test_keys_typed_elsewhere_answer_nothing(judged: Installation, page: Page):
    page.goto(QUEUE)
    before = labelled(page)

    page.locator("#conversation").focus()
    page.keyboard.press("w")
    page.locator("#label-log").focus()
    page.keyboard.press("Control+w")
    page.wait_for_timeout(300)

    assert page.url.endswith(QUEUE)
    page.reload()
    assert labelled(page) == before


def test_buttons_do_it_without_a_script(plain: Page):
    plain.goto(QUEUE)
    before, asked = int(labelled(plain)), question(plain)

    plain.get_by_role("button", name="Not wanted").click()
    assert int(labelled(plain)) == before + 1

    plain.get_by_role("button", name="Undo the last").click()
    assert (int(labelled(plain)), question(plain)) == (before, asked)
