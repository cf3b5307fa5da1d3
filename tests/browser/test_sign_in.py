"""Signing in through Cognito, in a browser, from the button to the end of the session."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.browser import cognito
from tests.browser.cognito import Pool
from tests.browser.installation import PASSWORD, Installation, open_when_up, prepare
from tests.browser.screenshots import LOOKS
from tests.browser.test_every_page import axe_faults, complaint, too_wide

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture(scope="module")
def fresh(tmp_path_factory) -> Installation:
    return prepare(tmp_path_factory.mktemp("sign-in"))


@pytest.fixture(scope="module")
def pool(fresh: Installation, tmp_path_factory) -> Iterator[Pool]:
    with cognito.started(tmp_path_factory.mktemp("cognito")) as address:
        yield cognito.make_pool(address, fresh.url)


@pytest.fixture(scope="module")
def installation(fresh: Installation, pool: Pool) -> Iterator[Installation]:
    """People sign in both ways."""
    both = replace(fresh, environment=fresh.environment | pool.environment)
    with both.started():
        yield both


@pytest.fixture
def context(browser: Browser, installation: Installation) -> Iterator[BrowserContext]:
    context = browser.new_context(base_url=installation.url)
    yield context
    context.close()


@pytest.fixture
def page(context: BrowserContext) -> Page:
    page = context.new_page()
    open_when_up(page, "/admin/")
    return page


def sign_in(page: Page, email: str) -> None:
    page.get_by_role("link", name="Sign in with Cognito").click()
    page.get_by_label("Username").fill(email)
    page.get_by_label("Password").fill(cognito.PASSWORD)
    page.get_by_role("button", name="Sign in").click()


def sign_out(page: Page) -> None:
    page.goto("/admin/")
    page.get_by_role("button", name="Log out").first.click()


def test_signs_in_and_returns_to_the_page_that_was_asked_for(page: Page, pool: Pool):
    pool.add_person("olu@example.org", "whatsapp-agent-operator")
    page.goto("/admin/llm/decision/")
    sign_in(page, "olu@example.org")

    page.wait_for_url("**/admin/llm/decision/")
    expect(page.get_by_role("heading", level=1)).to_be_visible()


def test_may_do_what_the_group_allows(page: Page, pool: Pool):
    pool.add_person("vera@example.org", "whatsapp-agent-viewer")
    pool.add_person("ada@example.org", "whatsapp-agent-admin")
    sign_in(page, "vera@example.org")
    page.wait_for_url("**/admin/")
    assert page.goto("/admin/auth/user/").status == 403

    sign_out(page)
    page.get_by_role("link", name="To the sign-in").click()
    sign_in(page, "ada@example.org")
    page.wait_for_url("**/admin/")
    assert page.goto("/admin/auth/user/").status == 200
    row = page.get_by_role("row").filter(has_text="vera@example.org")
    expect(row.first).to_contain_text("through Cognito")


def test_signs_out_here_and_there_without_a_complaint_of_the_browser(
    page: Page, pool: Pool, installation: Installation
):
    pool.add_person("sol@example.org", "whatsapp-agent-viewer")
    said: list[str] = []
    asked: list[str] = []
    page.on("console", lambda message: said.extend(complaint(page, message)))
    page.on("request", lambda request: asked.append(request.url))
    sign_in(page, "sol@example.org")
    page.wait_for_url("**/admin/")
    sign_out(page)

    page.wait_for_url("**/oidc/signed-out/")
    expect(page.get_by_role("heading", name="You are signed out")).to_be_visible()
    assert any(url.startswith(f"{pool.cognito}/logout?") for url in asked)
    # Cognito's own page has no icon, and the browser says so.
    assert [one for one in said if one.startswith(installation.url)] == []
    page.goto("/admin/")
    expect(page.get_by_role("link", name="Sign in with Cognito")).to_be_visible()


@pytest.mark.parametrize(
    ("email", "groups", "verified", "told"),
    [
        ("nobody@example.org", [], "true", "You have no role here"),
        (
            "new@example.org",
            ["whatsapp-agent-admin"],
            "false",
            "Your e-mail address is not verified",
        ),
        # The address of nobody here, but the name of the local superuser.
        ("admin@localhost", ["superuser"], "true", "You have no role here"),
    ],
)
def test_stays_out_and_reads_why(
    page: Page, pool: Pool, email: str, groups: list[str], verified: str, told: str
):
    known = [group for group in groups if group in cognito.GROUPS]
    pool.add_person(email, *known, verified=verified)
    sign_in(page, email)

    expect(page.get_by_role("heading", name=told)).to_be_visible()
    page.goto("/admin/")
    expect(page.get_by_role("link", name="Sign in with Cognito")).to_be_visible()


def test_loses_the_role_with_the_group(page: Page, pool: Pool):
    pool.add_person("tom@example.org", "whatsapp-agent-admin")
    sign_in(page, "tom@example.org")
    page.wait_for_url("**/admin/")
    pool.remove_from_group("tom@example.org", "whatsapp-agent-admin")
    page.goto("/oidc/authenticate/")
    page.get_by_label("Username").fill("tom@example.org")
    page.get_by_label("Password").fill(cognito.PASSWORD)
    page.get_by_role("button", name="Sign in").click()

    expect(page.get_by_role("heading", name="You have no role here")).to_be_visible()


def test_is_out_at_the_next_click_once_deactivated(
    page: Page, context: BrowserContext, browser: Browser, installation, pool: Pool
):
    pool.add_person("ben@example.org", "whatsapp-agent-operator")
    sign_in(page, "ben@example.org")
    page.wait_for_url("**/admin/")

    other = browser.new_context(base_url=installation.url)
    boss = other.new_page()
    boss.goto("/admin/")
    boss.fill("#id_username", "admin")
    boss.fill("#id_password", PASSWORD)
    boss.get_by_role("button", name="Log in").click()
    boss.wait_for_url("**/admin/")
    boss.goto("/admin/auth/user/?q=ben@example.org")
    boss.get_by_role("link", name="ben@example.org").first.click()
    boss.get_by_label("Active").uncheck()
    boss.get_by_role("button", name="Save", exact=True).click()
    boss.wait_for_url("**/admin/auth/user/**")
    other.close()

    # The open page asks for what is new, and finds itself outside.
    page.wait_for_url("**/admin/login/**")
    expect(page.get_by_role("link", name="Sign in with Cognito")).to_be_visible()


@pytest.mark.parametrize("look", LOOKS)
def test_shows_pages_that_pass_axe(
    browser: Browser, installation: Installation, page: Page, look: str
):
    context = browser.new_context(base_url=installation.url, **LOOKS[look])
    shown = context.new_page()
    faults = []
    for path in ("/admin/login/", "/oidc/signed-out/", "/oidc/callback/?state=old"):
        shown.goto(path)
        faults += [f"{path}: {one}" for one in axe_faults(shown) + too_wide(shown)]
    context.close()

    assert faults == []


def test_breaks_the_glass_where_the_provider_does_not_answer(
    browser: Browser, tmp_path_factory
):
    fresh = prepare(tmp_path_factory.mktemp("only-provider"))
    environment = fresh.environment | {
        "SIGN_IN": "oidc",
        "BREAK_GLASS_USERNAME": "admin",
        "OIDC_ISSUER": "http://localhost:9",
        "OIDC_NAME": "our provider",
        "OIDC_CLIENT_ID": "some-client",
    }
    with replace(fresh, environment=environment).started():
        context = browser.new_context(base_url=fresh.url)
        page = context.new_page()
        open_when_up(page, "/admin/")
        expect(page.get_by_label("Password")).to_have_count(0)
        page.get_by_role("link", name="Sign in with our provider").click()
        told = page.get_by_role("heading", name="does not answer")
        expect(told).to_be_visible()

        page.goto("/admin/login/?local")
        page.fill("#id_username", "admin")
        page.fill("#id_password", PASSWORD)
        page.get_by_role("button", name="Log in").click()
        page.wait_for_url("**/admin/")
        context.close()
