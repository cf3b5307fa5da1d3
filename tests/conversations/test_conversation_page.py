import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from conversations.models import Conversation, Message
from tests.conversations.pages import (
    HTMX,
    OPERATOR,
    READER,
    decide,
    react,
    say,
    url,
)
from tests.conversations.test_outbox import ask
from tests.factories import (
    BEN,
    make_contact,
    make_conversation,
    make_inbound,
    make_settings,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def conversation():
    return make_conversation()


def queries(client, *args, **kwargs) -> int:
    with CaptureQueriesContext(connection) as captured:
        client.get(*args, **kwargs)
    return len(captured)


class TestAccess:
    @pytest.mark.parametrize("view", ["steer", "read"])
    def test_strangers_are_sent_to_sign_in(self, client, conversation, view):
        response = client.post(url(conversation, view), {"action": "pause"})

        assert response.status_code == 302
        assert "/login/" in response.url

    @pytest.mark.parametrize("view", ["live", "older", "beside"])
    def test_who_is_not_staff_is_sent_to_sign_in(
        self, client, conversation, django_user_model, view
    ):
        client.force_login(django_user_model.objects.create_user("guest"))

        assert "/login/" in client.get(url(conversation, view)).url

    @pytest.mark.parametrize("view", ["change", "live", "older", "beside"])
    def test_who_may_not_look_sees_nothing(self, staff, conversation, view):
        assert staff("steer_conversation").get(url(conversation, view)).status_code == (
            403
        )

    @pytest.mark.parametrize(
        ("codenames", "status"),
        [([], 403), (READER, 403), (["change_conversation"], 403), (OPERATOR, 302)],
        ids=["nobody", "who may look", "who may change", "who may steer"],
    )
    def test_staff_steer_with_permission(self, staff, conversation, codenames, status):
        response = staff(*codenames).post(
            url(conversation, "steer"), {"action": "pause"}
        )

        conversation.refresh_from_db()
        assert response.status_code == status
        assert conversation.is_paused == (status == 302)

    def test_who_may_only_look_sees_no_buttons(self, staff, conversation):
        make_inbound(conversation, "Hello there", outcome="paused")

        text = staff(*READER).get(url(conversation)).text

        assert "Hello there" in text
        assert "Judge again" not in text
        assert "For an hour" not in text
        assert 'name="text"' not in text

    def test_who_may_steer_does_not_set_up(self, staff, conversation):
        client = staff(*OPERATOR)

        response = client.post(url(conversation), {"mode": "off"})

        assert response.status_code == 403
        assert 'name="mode"' not in client.get(url(conversation)).text

    def test_nothing_changes_on_get(self, admin_client, conversation):
        make_inbound(conversation)

        refused = admin_client.get(url(conversation, "steer"), {"action": "pause"})
        admin_client.get(url(conversation))

        conversation.refresh_from_db()
        assert refused.status_code == 405
        assert not conversation.is_paused
        assert conversation.read_until is None

    def test_forged_posts_are_refused(self, client, admin_user, conversation):
        client.force_login(admin_user)
        client.handler.enforce_csrf_checks = True

        for view in ("steer", "read"):
            response = client.post(url(conversation, view), {"action": "pause"})
            assert response.status_code == 403

    def test_what_is_gone_is_not_found(self, admin_client):
        gone = Conversation(pk=12345)

        assert admin_client.post(url(gone, "steer")).status_code == 404
        assert admin_client.get(url(gone, "live")).status_code == 404


class TestPrompts:
    def test_are_not_on_the_page(self, admin_client, conversation):
        decide(make_inbound(conversation))

        text = admin_client.get(url(conversation)).text

        assert "They ask each other" in text
        assert "the secret prompt" not in text

    def test_are_offered_to_who_may_read_them(self, staff, conversation):
        decision = decide(make_inbound(conversation))
        prompt = url(conversation, "prompt", decision=decision.pk)
        client = staff(*READER, "view_prompt")

        assert prompt in client.get(url(conversation)).text
        assert "the secret prompt" in client.get(prompt).text
        assert "the raw answer" in client.get(prompt).text

    def test_are_for_nobody_else(self, staff, conversation):
        decision = decide(make_inbound(conversation))
        prompt = url(conversation, "prompt", decision=decision.pk)
        client = staff(*OPERATOR, "view_decision")

        assert prompt not in client.get(url(conversation)).text
        assert client.get(prompt).status_code == 403

    def test_of_another_conversation_are_not_found(self, admin_client, conversation):
        other = decide(make_inbound(make_conversation(is_group=True), sender=None))
        prompt = url(conversation, "prompt", decision=other.pk)

        assert admin_client.get(prompt).status_code == 404


class TestWindow:
    def test_shows_messages_in_order(self, admin_client, conversation):
        now = timezone.now()
        make_inbound(conversation, "second", sent_at=now)
        make_inbound(conversation, "first", sent_at=now - timedelta(minutes=1))

        text = admin_client.get(url(conversation)).text

        assert text.index("first") < text.index("second")

    def test_leads_to_older_messages(self, admin_client, conversation):
        messages = say(conversation, 60)
        latest = admin_client.get(url(conversation)).text

        older = admin_client.get(url(conversation), {"before": messages[30].pk}).text

        assert f"?before={messages[30].pk}" in latest
        assert "message 30;" in latest
        assert "message 29;" not in latest
        assert "message 29;" in older
        assert "message 30;" not in older
        assert "Older messages" not in older

    def test_older_messages_come_alone(self, admin_client, conversation):
        messages = say(conversation, 120)

        part = admin_client.get(
            url(conversation, "older"), {"before": messages[70].pk}
        ).text

        assert part.count("<article") == 30
        assert "message 69;" in part
        assert f"?before={messages[40].pk}" in part
        assert "<html" not in part

    def test_leads_back_to_newer_messages(self, admin_client, conversation):
        messages = say(conversation, 120)
        page = url(conversation)

        older = admin_client.get(page, {"before": messages[60].pk}).text
        newer = admin_client.get(page, {"after": messages[59].pk}).text

        assert f"?after={messages[59].pk}" in older
        assert newer.count("<article") == 30
        assert "message 60;" in newer
        assert "message 90;" not in newer

    def test_opens_round_a_message(self, admin_client, conversation):
        messages = say(conversation, 120)

        text = admin_client.get(url(conversation), {"message": messages[60].pk}).text

        assert "message 45;" in text
        assert "message 44;" not in text
        assert "message 74;" in text
        assert "message 75;" not in text
        assert "Newer messages" in text

    def test_round_the_last_message_is_live(self, admin_client, conversation):
        messages = say(conversation, 60)

        text = admin_client.get(url(conversation), {"message": messages[-1].pk}).text

        assert "Newer messages" not in text
        assert "every 3s" in text

    def test_messages_of_one_moment_are_all_reached(self, admin_client, conversation):
        moment = timezone.now()
        messages = [
            make_inbound(conversation, f"message {n};", sent_at=moment)
            for n in range(60)
        ]

        latest = admin_client.get(url(conversation)).text
        older = admin_client.get(url(conversation), {"before": messages[30].pk}).text

        shown = re.findall(r'<article id="message-(\d+)', older + latest)
        assert shown == [str(message.pk) for message in messages]

    @pytest.mark.parametrize("value", ["x", "-1", "9" * 30, "²", ""])
    @pytest.mark.parametrize("name", ["before", "after", "message"])
    def test_shrugs_at_a_nonsense_place(self, admin_client, conversation, name, value):
        make_inbound(conversation, "still here")

        assert "still here" in admin_client.get(url(conversation), {name: value}).text

    def test_does_not_lead_to_messages_of_others(self, admin_client, conversation):
        make_inbound(conversation, "mine")
        other = make_inbound(make_conversation(is_group=True), "theirs", sender=None)

        text = admin_client.get(url(conversation), {"message": other.pk}).text

        assert "mine" in text

    @pytest.mark.parametrize("view", ["change", "live"])
    def test_costs_as_many_queries_with_many_messages(
        self, admin_client, conversation, view
    ):
        def fill(count: int) -> None:
            for _ in range(count):
                question = ask(conversation, sender=conversation.contact)
                react(question, "❤️")
                decide(question)
                make_inbound(conversation, quoted_id=question.whatsapp_id)
            conversation.messages.filter(direction="out").update(status="draft")

        fill(1)
        queries(admin_client, url(conversation, view))
        few = queries(admin_client, url(conversation, view))
        fill(12)

        assert queries(admin_client, url(conversation, view)) == few

    def test_shows_the_neighbours(self, admin_client, conversation):
        now = timezone.now()
        group = make_conversation(is_group=True, name="Bowls club", last_message_at=now)
        make_inbound(group, "who brings the cake?", sender=make_contact(BEN, "Ben"))
        Conversation.objects.filter(pk=conversation.pk).update(last_message_at=now)

        text = admin_client.get(url(conversation)).text

        assert url(group) in text
        assert "who brings the cake?" in text
        assert f'{url(conversation)}" aria-current="page"' in text


class TestSettings:
    def test_show_the_threshold_in_force(self, admin_client, conversation):
        make_settings(threshold=0.7)

        assert 'placeholder="0.7"' in admin_client.get(url(conversation)).text

    def test_save_only_what_was_changed(self, admin_client, conversation):
        due_at = timezone.now()
        form = {"name": "Ana", "mode": "draft", "access": "", "threshold": "0.9"}
        Conversation.objects.filter(pk=conversation.pk).update(due_at=due_at)

        response = admin_client.post(
            url(conversation), {**form, "instructions": "Be kind"}
        )

        conversation.refresh_from_db()
        assert response.url == url(conversation)
        assert (conversation.mode, conversation.threshold) == ("draft", 0.9)
        assert conversation.instructions == "Be kind"
        assert conversation.due_at == due_at

    @pytest.mark.parametrize("threshold", ["1.1", "-0.1", "nan"])
    def test_refuse_a_threshold_that_is_no_probability(
        self, admin_client, conversation, threshold
    ):
        form = {"mode": "draft", "access": "", "threshold": threshold}

        response = admin_client.post(url(conversation), form)

        assert response.context_data["adminform"].form.errors.keys() == {"threshold"}


class TestReadMark:
    def mark(self, client, message: Message, **kwargs):
        read = url(message.conversation, "read")
        return client.post(read, {"message": message.pk}, **kwargs)

    def test_goes_to_the_message_shown(self, staff, conversation):
        message = make_inbound(conversation)

        response = self.mark(staff(*OPERATOR), message, headers=HTMX)

        conversation.refresh_from_db()
        assert response.status_code == 204
        assert conversation.read_until == message.sent_at

    def test_leads_back_without_a_script(self, admin_client, conversation):
        response = self.mark(admin_client, make_inbound(conversation))

        assert response.url == f"{url(conversation)}#latest"

    def test_goes_only_forward(self, admin_client, conversation):
        old, new = say(conversation, 2)

        self.mark(admin_client, new)
        self.mark(admin_client, old)

        conversation.refresh_from_db()
        assert conversation.read_until == new.sent_at

    def test_is_not_for_who_may_only_look(self, staff, conversation):
        response = self.mark(staff(*READER), make_inbound(conversation))

        conversation.refresh_from_db()
        assert response.status_code == 403
        assert conversation.read_until is None

    def test_is_offered_while_something_is_unread(self, admin_client, conversation):
        message = make_inbound(conversation)
        Conversation.objects.update(last_message_at=message.sent_at)
        before = admin_client.get(url(conversation)).text

        self.mark(admin_client, message)

        assert "Mark as read" in before
        assert "Mark as read" not in admin_client.get(url(conversation)).text

    @pytest.mark.parametrize("message", ["x", ""])
    def test_of_nonsense_is_not_found(self, admin_client, conversation, message):
        response = admin_client.post(url(conversation, "read"), {"message": message})

        assert response.status_code == 404
