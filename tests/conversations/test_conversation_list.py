from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from conversations.admin import rows
from conversations.models import Conversation
from tests.factories import (
    BEN,
    make_contact,
    make_conversation,
    make_inbound,
    make_outbound,
    make_settings,
)

pytestmark = pytest.mark.django_db

LIST = reverse("admin:conversations_conversation_changelist")
LIVE = reverse("admin:conversations_conversation_list")
OPERATOR = ["view_conversation", "steer_conversation"]


@pytest.fixture
def conversation():
    return make_conversation()


def group(name: str, **fields) -> Conversation:
    return make_conversation(is_group=True, jid=f"{name}@g.us", name=name, **fields)


def row(client, **asked) -> rows.Row:
    return client.get(LIST, asked).context_data["rows"][0]


def chips(client) -> list[str]:
    return [str(chip.text) for chip in row(client).chips]


def names(client, **asked) -> list[str]:
    """Of the conversations that the list shows, in alphabetical order."""
    found = client.get(LIST, asked).context_data["rows"]
    return sorted(str(one.conversation) for one in found)


class TestRows:
    def test_begin_with_the_newest(self, admin_client):
        now = timezone.now()
        for name, ago in (("old", 2), ("new", 1), ("silent", None)):
            at = ago and now - timedelta(days=ago)
            group(name, last_message_at=at)

        found = admin_client.get(LIST).context_data["rows"]

        assert [str(one.conversation) for one in found] == ["new", "old", "silent"]

    def test_tell_the_last_message(self, admin_client, conversation):
        now = timezone.now()
        make_inbound(conversation, "the last\nwords", sent_at=now)
        make_inbound(conversation, "the first", sent_at=now - timedelta(hours=1))

        found = row(admin_client)

        assert (found.author, found.preview) == ("", "the last words")

    def test_tell_who_spoke_in_a_group(self, admin_client):
        make_inbound(group("Trip"), sender=make_contact(name="Ana"))

        assert row(admin_client).author == "Ana"

    def test_tell_that_the_agent_spoke(self, admin_client, conversation):
        make_settings(bot_name="Juno")
        make_outbound(conversation)

        assert row(admin_client).author == "Juno"

    def test_name_what_is_not_text(self, admin_client, conversation):
        make_inbound(conversation, "the pier", kind="image")

        assert row(admin_client).preview == "Photo: the pier"

    def test_do_not_show_what_was_deleted(self, admin_client, conversation):
        make_inbound(conversation, "a secret", deleted_at=timezone.now())

        text = admin_client.get(LIST).text

        assert "a secret" not in text
        assert "Deleted message" in text

    def test_take_no_notice_of_reactions(self, admin_client, conversation):
        make_inbound(conversation, "words", outcome="replied")
        make_inbound(conversation, "👍", kind="reaction", outcome="filtered")

        found = row(admin_client)

        assert (found.preview, found.unread) == ("words", "1")

    @pytest.mark.parametrize(
        ("days", "expected"),
        [(0, "noon"), (1, "Yesterday"), (3, "Tuesday"), (30, "08/19/2026")],
        ids=["today", "yesterday", "this week", "long ago"],
    )
    def test_tell_the_time_as_short_as_it_is_clear(self, time_machine, days, expected):
        now = datetime(2026, 9, 18, 12, tzinfo=UTC)
        time_machine.move_to(now)

        assert rows.when(now - timedelta(days=days)) == expected

    def test_show_what_strangers_write_only_as_text(self, admin_client):
        hostile = "<script>alert(1)</script>"
        contact = make_contact(name=hostile)
        make_inbound(make_conversation(contact=contact), hostile)

        assert "<script>alert" not in admin_client.get(LIST).text

    def test_cost_as_many_queries_however_many_there_are(
        self, admin_client, conversation
    ):
        def queries() -> int:
            with CaptureQueriesContext(connection) as captured:
                admin_client.get(LIST)
            return len(captured)

        make_inbound(conversation)
        queries()
        few = queries()
        for number in range(10):
            make_inbound(group(str(number)))
            make_outbound(group(f"{number} failed"), status="failed")

        assert queries() == few


class TestUnread:
    def test_counts_what_came_after_somebody_looked(self, admin_client, conversation):
        now = timezone.now()
        for minutes in (1, 2, 10):
            make_inbound(conversation, sent_at=now - timedelta(minutes=minutes))
        make_outbound(conversation)
        Conversation.objects.update(read_until=now - timedelta(minutes=5))

        assert row(admin_client).unread == "2"

    def test_counts_no_further_than_anybody_reads(
        self, admin_client, conversation, monkeypatch
    ):
        monkeypatch.setattr(rows, "MOST_UNREAD", 2)
        for _ in range(4):
            make_inbound(conversation)

        assert row(admin_client).unread == "2+"

    def test_says_nothing_when_all_is_read(self, admin_client, conversation):
        make_inbound(conversation)
        Conversation.objects.update(read_until=timezone.now())

        assert row(admin_client).unread == ""


class TestChips:
    def test_tell_how_long_a_message_is_unanswered(self, admin_client, conversation):
        make_inbound(conversation, sent_at=timezone.now() - timedelta(minutes=5))

        assert chips(admin_client) == ["5\xa0minutes"]

    def test_are_gone_with_the_answer(self, admin_client, conversation):
        now = timezone.now()
        make_inbound(conversation, sent_at=now - timedelta(minutes=5))
        make_outbound(conversation, sent_at=now, status="sent", author="phone")

        assert chips(admin_client) == []

    @pytest.mark.parametrize(
        ("outcome", "direct", "in_group"),
        [
            ("", True, True),
            ("response_failed", True, True),
            ("taken_over", True, False),
            ("paused", True, False),
            ("not_addressed", False, False),
            ("replied", False, False),
        ],
    )
    def test_know_when_a_reply_was_due(
        self, admin_client, conversation, outcome, direct, in_group
    ):
        make_inbound(conversation, outcome=outcome)
        make_inbound(group("Trip"), outcome=outcome)

        due = names(admin_client, waiting="unanswered")

        assert ("Ana" in due, "Trip" in due) == (direct, in_group)

    def test_tell_of_drafts(self, admin_client, conversation):
        make_outbound(conversation, status="draft")
        make_outbound(conversation, status="draft", part=2)

        assert chips(admin_client) == ["1 draft waits"]

    def test_tell_of_what_could_not_be_sent(self, admin_client, conversation):
        make_outbound(conversation, status="failed")

        assert chips(admin_client) == ["Not sent"]

    def test_forget_old_failures(self, admin_client, conversation):
        long_ago = timezone.now() - timedelta(days=2)
        make_outbound(conversation, status="failed", sent_at=long_ago)

        assert chips(admin_client) == []

    @pytest.mark.parametrize(
        ("fields", "expected"),
        [
            ({"paused_until": timedelta(hours=1)}, ["Paused"]),
            ({"taken_over_until": timedelta(hours=1)}, ["Taken over"]),
            ({"paused_until": -timedelta(hours=1)}, []),
            ({"mode": "shadow"}, ["Shadow"]),
            ({"mode": "live"}, []),
        ],
    )
    def test_tell_why_the_agent_is_silent(self, admin_client, fields, expected):
        now = timezone.now()
        group(
            "Trip",
            **{
                name: now + value if isinstance(value, timedelta) else value
                for name, value in fields.items()
            },
        )

        assert chips(admin_client) == expected


class TestFilters:
    @pytest.mark.parametrize(
        ("value", "expected"), [("group", ["Trip"]), ("direct", ["Ana"])]
    )
    def test_by_kind(self, admin_client, conversation, value, expected):
        group("Trip")

        assert names(admin_client, kind=value) == expected

    def test_by_what_is_unread(self, admin_client, conversation):
        now = timezone.now()
        for name, read_until in (("unread", None), ("read", now)):
            one = group(name, read_until=read_until, last_message_at=now)
            make_inbound(one, sent_at=now)

        assert names(admin_client, waiting="unread") == ["unread"]

    @pytest.mark.parametrize("status", ["draft", "failed"])
    def test_by_what_waits(self, admin_client, status):
        for one in ("draft", "failed", "sent"):
            make_outbound(group(one), status=one)

        assert names(admin_client, waiting=status) == [status]

    @pytest.mark.parametrize("value", ["paused", "taken_over"])
    def test_by_who_stands_back(self, admin_client, value):
        soon = timezone.now() + timedelta(hours=1)
        for name in ("paused", "taken_over"):
            group(name, **{f"{name}_until": soon})
        group("neither")

        assert names(admin_client, standing_back=value) == [value]

    def test_by_mode(self, admin_client):
        for mode in ("live", "shadow"):
            group(mode, mode=mode)

        assert names(admin_client, mode="shadow") == ["shadow"]

    def test_by_instance_where_there_are_several(self, admin_client):
        group("one")
        alone = admin_client.get(LIST).text
        Conversation.objects.create(instance="second", jid="2@g.us", name="two")

        assert "Any instance" not in alone
        assert "Any instance" in admin_client.get(LIST).text
        assert names(admin_client, instance="second") == ["two"]

    def test_together(self, admin_client):
        group("Trip", mode="shadow")
        group("Work", mode="live")
        make_conversation(mode="shadow")

        assert names(admin_client, kind="group", mode="shadow") == ["Trip"]

    def test_keep_one_another_in_their_links(self, admin_client, conversation):
        text = admin_client.get(LIST, {"kind": "group"}).text

        assert "?kind=group&amp;mode=shadow" in text


class TestSearch:
    @pytest.mark.parametrize(
        "query",
        ["Ana", "ana", "5511988887777", "+55 11 98888-7777", "239513548562601"],
    )
    def test_finds_by_name_and_number(self, admin_client, conversation, query):
        make_conversation(contact=make_contact(BEN, "Ben"))

        assert names(admin_client, q=query) == ["Ana"]

    def test_does_not_find_by_what_is_in_every_address(
        self, admin_client, conversation
    ):
        assert names(admin_client, q="whatsapp") == []

    def test_leads_to_all_of_a_name(self, admin_client):
        for number in range(7):
            group(f"Trip {number}")

        first = admin_client.get(LIST, {"q": "trip"})
        url = first.context_data["named_url"]

        assert len(first.context_data["rows"]) == 5
        assert len(admin_client.get(LIST + url).context_data["rows"]) == 7


class TestMany:
    @pytest.mark.parametrize(
        ("action", "field", "value"),
        [
            ("set_live", "mode", "live"),
            ("set_draft", "mode", "draft"),
            ("set_shadow", "mode", "shadow"),
            ("set_off", "mode", "off"),
            ("pause", "is_paused", True),
            ("resume", "is_paused", False),
        ],
    )
    def test_are_steered_at_once(
        self, admin_client, conversation, action, field, value
    ):
        other = group("Trip")
        chosen = {
            "index": "0",
            "action": action,
            "_selected_action": [conversation.pk, other.pk],
        }

        admin_client.post(LIST, chosen)

        for one in (conversation, other):
            one.refresh_from_db()
            assert getattr(one, field) == value
        assert LogEntry.objects.count() == 2

    @pytest.mark.parametrize(
        ("codenames", "action", "is_done"),
        [
            (["view_conversation"], "pause", False),
            (OPERATOR, "pause", True),
            (OPERATOR, "set_off", False),
            (["view_conversation", "change_conversation"], "set_off", True),
        ],
        ids=[
            "who may look does not pause",
            "who may steer pauses",
            "who may steer sets no mode",
            "who may change sets the mode",
        ],
    )
    def test_need_permission(self, staff, conversation, codenames, action, is_done):
        chosen = {"index": "0", "action": action, "_selected_action": conversation.pk}

        staff(*codenames).post(LIST, chosen)

        conversation.refresh_from_db()
        assert (conversation.is_paused or conversation.mode == "off") == is_done

    def test_cannot_be_chosen_by_who_may_only_look(self, staff, conversation):
        text = staff("view_conversation").get(LIST).text

        assert "_selected_action" not in text
        assert "list-actions" not in text


class TestLive:
    def test_says_nothing_when_nothing_has_changed(self, admin_client, conversation):
        seen = admin_client.get(LIVE)["X-Seen"]

        assert admin_client.get(LIVE, {"seen": seen}).status_code == 204

    def test_shows_what_is_new(self, admin_client, conversation):
        seen = admin_client.get(LIVE)["X-Seen"]
        make_inbound(conversation, "news")

        assert "news" in admin_client.get(LIVE, {"seen": seen}).text

    def test_narrows_as_the_page_does(self, admin_client, conversation):
        group("Trip")

        text = admin_client.get(LIVE, {"kind": "group"}).text

        assert "Trip" in text
        assert "Ana" not in text

    def test_is_asked_by_the_page(self, admin_client, conversation):
        text = admin_client.get(LIST, {"kind": "direct"}).text

        assert f'hx-get="{LIVE}?kind=direct"' in text

    @pytest.mark.parametrize("url", [LIST, LIVE])
    def test_is_for_who_may_see_conversations(self, client, staff, url):
        assert "/login/" in client.get(url).url
        assert staff("view_contact").get(url).status_code == 403
