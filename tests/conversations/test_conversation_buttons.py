import re
from datetime import timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.utils import timezone

from conversations.models import FOREVER, Conversation, Message
from tests.conversations.pages import (
    HTMX,
    bubble,
    decide,
    react,
    say,
    url,
)
from tests.conversations.test_outbox import ask
from tests.factories import (
    make_conversation,
    make_inbound,
    make_outbound,
    make_settings,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def conversation():
    return make_conversation()


class TestButtons:
    @pytest.fixture
    def press(self, admin_client, conversation):
        def press(action: str, message: Message | None = None, **fields):
            about = {"message": message.pk} if message else {}
            return admin_client.post(
                url(conversation, "steer"),
                {"action": action, **about, **fields},
                follow=True,
            )

        return press

    @pytest.fixture
    def draft(self, conversation):
        ask(conversation)
        conversation.messages.filter(direction="out").update(status="draft")
        Message.objects.inbound().update(outcome="drafted")
        return conversation.messages.get(text="One")

    def test_reply_by_hand(self, press, conversation, admin_user):
        response = press("reply", text="From us")

        message = conversation.messages.get()
        assert (message.text, message.status) == ("From us", "queued")
        assert message.staff == admin_user
        assert "Your reply is on its way" in response.text

    def test_a_reply_marks_as_read(self, press, conversation):
        message = make_inbound(conversation)

        press("reply", text="From us")

        conversation.refresh_from_db()
        assert conversation.read_until >= message.sent_at

    def test_pause_for_an_hour(self, press, conversation):
        press("pause_hour")

        conversation.refresh_from_db()
        hour = timezone.now() + timedelta(hours=1)
        assert abs(conversation.paused_until - hour) < timedelta(minutes=1)

    def test_pause_until_resumed(self, press, conversation):
        press("pause")

        conversation.refresh_from_db()
        assert conversation.paused_until == FOREVER

    def test_pause_until_tomorrow(self, press, conversation):
        press("pause_day")

        conversation.refresh_from_db()
        until = timezone.localtime(conversation.paused_until)
        assert until.date() == timezone.localdate() + timedelta(days=1)
        assert (until.hour, until.minute) == (0, 0)

    def test_resume(self, press, conversation):
        press("reply", text="From us")
        press("pause")
        press("resume")

        conversation.refresh_from_db()
        assert not conversation.is_paused
        assert not conversation.is_taken_over

    def test_approve(self, press, draft):
        press("approve", draft)

        statuses = set(Message.objects.filter(direction="out").values_list("status"))
        assert statuses == {("queued",)}

    def test_edit_and_approve(self, press, draft):
        press("approve_edited", draft, text="Better\r\nby far")

        message = Message.objects.get(direction="out")
        assert (message.text, message.status) == ("Better\nby far", "queued")

    def test_a_draft_approved_as_it_stands_keeps_its_parts(self, press, draft):
        press("approve_edited", draft, text="One\r\n\r\nTwo")

        assert Message.objects.filter(direction="out", status="queued").count() == 2

    def test_the_whole_draft_can_be_edited(self, admin_client, draft):
        text = admin_client.get(url(draft.conversation)).text

        assert "\nOne\n\nTwo</textarea>" in text

    def test_discard(self, press, draft):
        press("discard", draft)

        assert Message.objects.inbound().get().outcome == "discarded"

    def test_send_again(self, press, conversation):
        message = make_outbound(conversation, status="failed")

        press("send_again", message)

        message.refresh_from_db()
        assert message.status == "queued"

    def test_drop(self, press, conversation):
        message = make_outbound(conversation, status="unknown")

        press("drop", message)

        message.refresh_from_db()
        assert message.status == "dropped"

    def test_edit_what_was_sent(self, press, conversation, admin_user):
        message = make_outbound(conversation, status="sent", whatsapp_id="OUT1")

        response = press("edit", message, text="At ten.")

        change = message.changes.get()
        assert (change.text, change.staff) == ("At ten.", admin_user)
        assert "Being edited for everybody" in response.text

    def test_delete_what_was_sent(self, press, conversation):
        message = make_outbound(conversation, status="sent", whatsapp_id="OUT1")

        response = press("delete", message)

        assert message.changes.get().is_deletion
        assert "Being deleted for everybody" in response.text

    def test_a_change_that_failed_says_why_and_can_be_tried_again(
        self, admin_client, conversation
    ):
        message = make_outbound(conversation, status="sent", whatsapp_id="OUT1")
        message.changes.create(state="failed", error="The bridge is down.")

        shown = bubble(admin_client.get(url(conversation)).text, message)

        assert "Not edited: The bridge is down." in shown
        assert 'value="delete"' in shown

    def test_what_is_too_old_to_edit_says_so(self, admin_client, conversation):
        hour_ago = timezone.now() - timedelta(hours=1)
        message = make_outbound(
            conversation, status="sent", whatsapp_id="OUT1", sent_at=hour_ago
        )

        shown = bubble(admin_client.get(url(conversation)).text, message)

        assert "after 15 minutes" in shown
        assert 'value="edit"' not in shown

    def test_judge_again(self, press, conversation):
        message = make_inbound(conversation, outcome="gate_failed")

        press("judge_again", message)

        message.refresh_from_db()
        assert message.outcome == ""

    def test_lead_back_to_where_they_were(self, admin_client, conversation):
        messages = say(conversation, 60)
        Message.objects.update(outcome="paused")
        place = f"?before={messages[10].pk}"

        older = admin_client.get(f"{url(conversation)}{place}").text
        response = admin_client.post(
            f"{url(conversation, 'steer')}{place}",
            {"action": "judge_again", "message": messages[3].pk},
        )

        assert f'action="{url(conversation, "steer")}{place}"' in older
        assert response.url == f"{url(conversation)}{place}#message-{messages[3].pk}"

    def test_what_is_not_possible_is_explained(self, press, draft):
        press("discard", draft)

        response = press("approve_edited", draft, text="Typed with care")

        assert response.status_code == 409
        assert "This draft has been dealt with." in response.text
        assert "\nTyped with care</textarea>" in response.text

    def test_messages_of_other_conversations_stay_alone(self, press):
        message = make_outbound(make_conversation(is_group=True), status="failed")

        assert "That message is gone." in press("send_again", message).text

    @pytest.mark.parametrize(
        "fields",
        [
            {"action": "explode"},
            {"action": "reply", "text": " "},
            {"action": ""},
            {"action": "drop", "message": "x"},
        ],
        ids=["unknown", "empty reply", "none", "no message"],
    )
    @pytest.mark.parametrize("headers", [{}, HTMX], ids=["plain", "htmx"])
    def test_nonsense_is_explained(self, admin_client, conversation, fields, headers):
        response = admin_client.post(
            url(conversation, "steer"), fields, headers=headers
        )

        assert 'class="wa-chip bad"' in response.text
        assert "HX-Trigger" not in response.headers

    def test_are_recorded(self, press, conversation):
        press("pause")

        entry = LogEntry.objects.get()
        assert entry.object_id == str(conversation.pk)
        assert "Paused" in entry.change_message


class TestLive:
    @pytest.fixture
    def opened(self, admin_client, conversation):
        """Open the page, and ask for what is new on it as it does."""
        make_inbound(conversation, "the first")
        return self.open(admin_client, conversation)

    def open(self, client, conversation):
        text = client.get(url(conversation)).text
        asked = {
            "from": re.search(r'"from": "([^"]*)"', text)[1]
            .encode()
            .decode("unicode_escape"),
            "seen": re.search(r'id="live"[^>]*data-seen="(\w+)"', text)[1],
        }
        return lambda: client.get(url(conversation, "live"), asked)

    def test_nothing_new_is_told_in_few_queries(
        self, opened, admin_client, django_assert_max_num_queries
    ):
        # Two of them are the session and the person.
        with django_assert_max_num_queries(5):
            assert opened().status_code == 204

    @pytest.mark.parametrize(
        "change",
        [
            lambda first: make_inbound(first.conversation),
            lambda first: react(first, "🎂"),
            lambda first: Message.objects.update(outcome="paused", reason="Paused"),
            lambda first: Message.objects.update(edited_at=timezone.now(), text="x"),
            lambda first: Message.objects.update(deleted_at=timezone.now()),
            lambda first: decide(first),
            lambda first: Conversation.objects.update(mode="off"),
            lambda first: Conversation.objects.update(paused_until=FOREVER),
            lambda first: make_settings(is_on=False),
        ],
        ids=[
            "a message",
            "a reaction",
            "an outcome",
            "an edit",
            "a deletion",
            "a decision",
            "the mode",
            "a pause",
            "switched off",
        ],
    )
    def test_what_changed_is_told_once(self, opened, conversation, change):
        change(conversation.messages.get())

        response = opened()

        assert response.status_code == 200
        assert "the first" in response.text or "x" in response.text
        assert response.headers["X-Seen"]

    def test_a_receipt_is_told(self, admin_client, conversation):
        message = make_outbound(conversation, status="sent")
        opened = self.open(admin_client, conversation)
        Message.objects.update(status="read")

        assert 'aria-label="Read"' in bubble(opened().text, message)

    def test_goes_on_where_the_page_began(self, admin_client, conversation):
        messages = say(conversation, 60)
        opened = self.open(admin_client, conversation)
        make_inbound(conversation, "brand new")

        text = opened().text

        assert text.count("<article") == 31
        assert bubble(text, messages[30])
        assert not bubble(text, messages[29])

    def test_stays_within_bounds(self, admin_client, conversation):
        say(conversation, 60)
        opened = self.open(admin_client, conversation)
        for _ in range(60):
            make_inbound(conversation)

        text = opened().text

        assert text.count("<article") == 60
        assert "Messages before these" in text

    @pytest.mark.parametrize("cursor", ["x", "2026-99-99T00:00:00Z_1", "_", "é" * 99])
    def test_shrugs_at_a_nonsense_cursor(self, admin_client, conversation, cursor):
        make_inbound(conversation, "still here")

        response = admin_client.get(url(conversation, "live"), {"from": cursor})

        assert "still here" in response.text

    def test_answers_a_button_in_place(self, admin_client, conversation):
        response = admin_client.post(
            url(conversation, "steer"),
            {"action": "reply", "text": "From us"},
            headers=HTMX,
        )

        assert response.headers["HX-Trigger"] == '{"steered": "reply"}'
        assert "From us" in response.text
        assert "Your reply is on its way" in response.text
        assert "<html" not in response.text

    def test_redraws_an_older_message_too(self, admin_client, conversation):
        messages = say(conversation, 60)
        Message.objects.update(outcome="paused")
        cursor = f"{messages[9].sent_at:%Y-%m-%dT%H:%M:%S.%fZ}_{messages[9].pk}"

        response = admin_client.post(
            url(conversation, "steer"),
            {"action": "judge_again", "message": messages[3].pk, "from": cursor},
            headers=HTMX,
        )

        assert "hx-swap-oob" in bubble(response.text, messages[3])
        assert not bubble(response.text, messages[4])

    def test_tells_what_is_beside_only_when_it_changed(
        self, admin_client, conversation
    ):
        first = admin_client.get(url(conversation, "beside"))
        seen = {"seen": first.headers["X-Seen"]}

        assert admin_client.get(url(conversation, "beside"), seen).status_code == 204
