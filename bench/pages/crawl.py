"""The pages worth opening: each address of the admin, and what they lead to themselves.

From a page come its filters, its older and last pages, its live parts, its search and
its CSV, without anybody having to list them.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from html import unescape
from urllib.parse import parse_qsl, unquote, urlencode, urljoin, urlsplit

from django.contrib import admin
from django.db.models import Model
from django.http import HttpResponse
from django.test import Client
from django.urls import Resolver404, resolve

from bench.pages.addresses import Address, addresses
from bench.pages.chats import BIG_GROUP
from bench.pages.words import ABSENT, COMMON, RARE
from conversations.models import Conversation

LEFT_OUT = {
    "lab_undo",
    "login",
    "logout",
    "password_change",
    "password_change_done",
    "autocomplete",
    "jsi18n",
    "view_on_site",
    "app_list",
    "<url>",
}
LINK = re.compile(r'(?:href|hx-get)="([^"#]+)')
ACTION = re.compile(r'<option value="(\w*(?:csv|export)\w*)"')
CHOICE = re.compile(r'name="_selected_action" value="([^"]+)"')
SEARCH = re.compile(r'<input[^>]* name="q"')
# Keys, times and cursors differ from database to database.
OWN_NUMBER = re.compile(r"\d{2,}[\w.:+-]*|[0-9a-f]{16}")
MOST_LINKS = 60


@dataclass(frozen=True)
class Page:
    label: str
    url: str
    chosen: dict = field(default_factory=dict)  # sent with POST, where there is any

    def open(self, client: Client) -> HttpResponse:
        if self.chosen:
            return client.post(self.url, self.chosen)
        return client.get(self.url)


@dataclass
class Crawl:
    client: Client
    only: str = ""  # a regular expression
    follows: bool = True  # what pages lead to
    left_out: dict[str, int] = field(default_factory=dict)  # label: its status

    def pages(self) -> Iterator[Page]:
        found: set[str] = set()
        for start in self._starts():
            response = start.open(self.client)
            if response.status_code not in (200, 204):
                self.left_out[start.label] = response.status_code
                continue
            further = _led_to(start, response) if self.follows else ()
            for page in (start, *further):
                if page.label not in found:
                    found.add(page.label)
                    yield page

    def _starts(self) -> Iterator[Page]:
        for address in addresses():
            if not address.name or str(address) in LEFT_OUT:
                continue
            if len(address.arguments) > 1:  # pages lead to these themselves
                continue
            for about, row in _rows(address):
                values = dict.fromkeys(address.arguments, row and row.pk)
                label = f"{address}{about}"
                if re.search(self.only, label):
                    yield Page(label, address.url(**values))


def _rows(address: Address) -> Iterator[tuple[str, Model | None]]:
    if not address.arguments:
        yield "", None
    elif address.model is Conversation:
        # What is measured must not grow with the conversation.
        by_key = Conversation.objects.order_by("pk")
        yield " of the big group", by_key.get(pk=BIG_GROUP)
        yield " of a small chat", by_key.last()
    elif row := address.model._default_manager.order_by("-pk").first():
        yield "", row


def _led_to(page: Page, response: HttpResponse) -> Iterator[Page]:
    if seen := response.get("X-Seen"):
        query = f"{'&' if '?' in page.url else '?'}seen={seen}"
        yield Page(f"{page.label}, unchanged", page.url + query)
    if response.streaming or not response.get("Content-Type", "").startswith("text"):
        return
    html = response.text
    if SEARCH.search(html):
        for kind, word in (("common", COMMON), ("rare", RARE), ("absent", ABSENT)):
            yield Page(f"{page.label} ?q={kind}", f"{page.url}?q={word}")
    for action in ACTION.findall(html):
        chosen = {"action": action, "_selected_action": CHOICE.findall(html)}
        yield Page(f"{page.label}: {action}", page.url, chosen)
    yield from _links(page, html)


def _links(page: Page, html: str) -> list[Page]:
    found: dict[str, Page] = {}
    for link in LINK.findall(html):
        url = urljoin(page.url, unescape(link))
        label = _label(page, url)
        if label and "_facets" not in url:
            # Of pages 2 to 200: the first and the last.
            label = f"{label} (last)" if label in found else label
            found[label] = Page(label, url)
    return list(found.values())[:MOST_LINKS]


def _label(page: Page, url: str) -> str:
    """Of another state of the page, or of a part of it; "" for other pages."""
    parts = urlsplit(url)
    query = parse_qsl(parts.query, keep_blank_values=True)
    shown = _shown([(key, OWN_NUMBER.sub("N", value)) for key, value in query])
    if parts.netloc:
        return ""
    if parts.path == urlsplit(page.url).path:
        return f"{page.label}{shown}" if shown else ""
    try:
        found = resolve(parts.path)
    except Resolver404:
        return ""
    name = found.url_name or ""
    if admin.site.name not in found.app_names or _is_page(name):
        return ""
    return f"{name}{shown}, from {page.label}" if shown else name


def _shown(query: list[tuple[str, str]]) -> str:
    # Of pages, and of columns to sort by, the first and the last will do.
    shown = urlencode(
        [(key, "N" if key in ("o", "p") else value) for key, value in query]
    )
    return f" ?{unquote(shown)}" if query else ""


def _is_page(name: str) -> bool:
    """Reached by links from everywhere, and opened by itself."""
    ends = ("_changelist", "_change", "_add", "_delete", "_history")
    return not name or name in LEFT_OUT or name.endswith(ends)
