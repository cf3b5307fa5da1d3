"""Whatever strangers write, in whichever field: on every page it is only text."""

from html.parser import HTMLParser

import pytest
from django.contrib import admin
from django.test import Client
from django.urls import reverse

from bench.pages.addresses import Address, addresses
from conversations.models import KnowledgeVersion, Message
from evolution.models import UnreadableEvent
from llm.models import Decision
from tests.whatsapp_agent.everything import make_everything

pytestmark = pytest.mark.django_db

LONG = 60_000
# Short enough for a name; each begins with what shows that it got to a page.
TEXTS = {
    "elements": "<hostile onload=hostile()>Hi</hostile><script>hostile()</script>--></title>"
    "</textarea></pre></script></svg><hostile>]]><img src=x onerror=hostile()>",
    "attributes": "\"'`><hostile hostile=1>' onclick=hostile() x=\" hostile=1 "
    "javascript:hostile() https://h.example/?a=<hostile>&b=\"><hostile>'",
    "placeholders": "{{ hostile }}<hostile>{% hostile %}{# #}${hostile}{0}{}{x}%(x)s%s%"
    "&lt;hostile&gt;&#60;hostile&#62;&amp;lt;hostile&quot;onload=hostile()",
    "characters": "\u202e<hostile>\u2066\u2067elitsoh\u2069\u200f\u200b<hos\u200btile>\u200d"
    "\ufeff\u00ad\x01<hostile>\x07\x08\x0b\x0c\x1b[31m\x7f\x85\u2028\u2029\t\r\n<hostile>"
    "👩‍👩‍👧‍👦🏳️‍🌈🇧🇷🇧🤷🏾‍♀️👍🏽<hostile>e\u0301\u0489\u0489\u0489 مرحبا שלום ١٢٣",
}
# Where staff read what strangers write.
READ = {
    "conversations_contact_changelist",
    "conversations_conversation_changelist",
    "conversations_conversation_change",
    "conversations_message_changelist",
    "conversations_message_change",
    "evolution_instance_change",
    "evolution_unreadableevent_changelist",
    "evolution_unreadableevent_change",
    "llm_decision_changelist",
    "llm_decision_change",
}
IDENTITY = {"object_id", "pk", "id"}
# They would open someone else's site, leave the session, or take a POST only.
LEFT_OUT = {"logout", "view_on_site", "lab_undo"}


class Page(HTMLParser):
    """The elements and attributes that a browser would make of it."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.hostile: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = dict(attrs)
        is_foreign = tag.startswith("hos") or "hostile" in names
        is_data = (names.get("type") or "").endswith("json")
        is_ours = (names.get("src") or "").startswith(("/static/", "/admin/"))
        is_script = tag == "script" and not (is_data or is_ours)
        leads_astray = any(
            (value or "").strip().lower().startswith(("javascript:", "data:"))
            for name, value in attrs
            if name in ("href", "src", "action", "formaction", "hx-get", "hx-post")
        )
        listens = any(name.startswith("on") or name == "style" for name in names)
        if is_foreign or is_script or leads_astray or listens:
            self.hostile.append(self.get_starttag_text() or tag)


def pages() -> list[Address]:
    return [one for one in addresses() if one.name and str(one) not in LEFT_OUT]


def urls(address: Address) -> list[str]:
    """Of a page of one row: that of each row."""
    known = {"app_label": "conversations"}
    if "decision" in address.arguments:
        found = Decision.objects.all()
        return [address.url(pk=one.conversation_id, decision=one.pk) for one in found]
    if "version" in address.arguments:
        return [address.url(version=one.pk) for one in KnowledgeVersion.objects.all()]
    if not set(address.arguments) <= IDENTITY | known.keys():
        return []
    if not IDENTITY & set(address.arguments):
        return [address.url(**known)]
    return [
        address.url(**dict.fromkeys(address.arguments, row.pk))
        for row in address.model._default_manager.all()
    ]


def read(client: Client, address: Address) -> list[str]:
    """Each page there is at the address, as text; what only takes POST has none."""
    found = [client.get(url) for url in urls(address)]
    shown = [one for one in found if one.status_code not in (302, 403, 405)]
    assert {one.status_code for one in shown} <= {200, 204}, str(address)
    return [
        b"".join(one).decode() if one.streaming else one.text
        for one in shown
        if one.get("Content-Type", "").startswith("text/html")
    ]


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS.keys())
def test_is_only_text_on_every_page(admin_client, text):
    make_everything(text)
    shown = set()

    for address in pages():
        for html in read(admin_client, address):
            assert Page(html).hostile == [], str(address)
            if "hostile" in html:
                shown.add(str(address))

    assert shown >= READ


def test_a_very_long_text_does_not_fill_a_page_many_times(admin_client):
    make_everything()
    long = {letter: letter * LONG for letter in "ABCDEF"}
    message = Message.objects.inbound().filter(decisions__isnull=False).first()
    message.text, message.quoted_text = long["A"], long["B"]
    message.media = {"file_name": long["C"]}
    message.save()
    message.decisions.update(input=long["D"], output=long["E"])
    UnreadableEvent.objects.update(body=long["F"])

    for address in pages():
        for html in read(admin_client, address):
            assert len(html) < 8 * LONG, str(address)
            for text in long.values():
                assert html.count(text) < 5, (str(address), text[0])


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS.keys())
def test_can_be_searched_for(admin_client, text):
    make_everything(text)

    for model in admin.site._registry:
        page = f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist"
        answer = admin_client.get(reverse(page), {"q": text}, follow=True)

        assert answer.status_code == 200, page
        assert Page(answer.text).hostile == [], page
