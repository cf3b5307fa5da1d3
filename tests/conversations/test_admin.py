from datetime import timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from django.utils.html import escape

from conversations.models import AgentSettings, Conversation, Message
from llm.admin_records import BoundedPaginator
from llm.models import Decision
from tests.conversations.test_outbox import ask
from tests.factories import (
    make_contact,
    make_conversation,
    make_inbound,
    make_outbound,
    make_settings,
)

pytestmark = pytest.mark.django_db

LIST = reverse("admin:conversations_conversation_changelist")
SETTINGS = reverse("admin:conversations_agentsettings_changelist")


@pytest.fixture(autouse=True)
def _no_collected_static_files(settings):
    settings.WHITENOISE_AUTOREFRESH = True


@pytest.fixture
def conversation():
    return make_conversation()


@pytest.fixture
def staff(django_user_model):
    """Make a member of staff with these permissions."""

    def staff(*codenames: str):
        person = django_user_model.objects.create_user("member", is_staff=True)
        person.user_permissions.set(Permission.objects.filter(codename__in=codenames))
        return person

    return staff


def page(conversation: Conversation) -> str:
    return reverse("admin:conversations_conversation_change", args=[conversation.pk])


def steering(conversation: Conversation) -> str:
    return reverse("admin:conversations_conversation_steer", args=[conversation.pk])


def decide(message: Message, **fields) -> Decision:
    defaults = {
        "conversation": message.conversation,
        "step": "relevance",
        "source": "model",
        "outcome": "silent",
        "p": 0.35,
        "threshold": 0.6,
        "why": "They ask each other",
        "provider": "openai",
        "model": "small-1",
        "input": "the secret prompt",
        "output": "the raw answer",
    }
    decision = Decision.objects.create(**{**defaults, **fields})
    decision.messages.add(message)
    return decision


class TestAccess:
    def test_strangers_are_sent_to_sign_in(self, client, conversation):
        for url in (page(conversation), steering(conversation)):
            response = client.post(url, {"action": "pause"})

            assert response.status_code == 302
            assert "/login/" in response.url

    def test_who_is_not_staff_is_sent_to_sign_in(
        self, client, conversation, django_user_model
    ):
        client.force_login(django_user_model.objects.create_user("guest"))

        response = client.post(steering(conversation), {"action": "pause"})

        assert "/login/" in response.url

    @pytest.mark.parametrize(
        ("codenames", "status"),
        [
            ([], 403),
            (["view_conversation"], 403),
            (["change_conversation"], 302),
        ],
        ids=["without permission", "who may look", "who may change"],
    )
    def test_staff_steer_with_permission(
        self, client, conversation, staff, codenames, status
    ):
        client.force_login(staff(*codenames))

        response = client.post(steering(conversation), {"action": "pause"})

        conversation.refresh_from_db()
        assert response.status_code == status
        assert conversation.is_paused == (status == 302)

    def test_a_superuser_may_steer(self, admin_client, conversation):
        admin_client.post(steering(conversation), {"action": "pause"})

        conversation.refresh_from_db()
        assert conversation.is_paused

    def test_who_may_only_look_sees_no_buttons(self, client, conversation, staff):
        make_inbound(conversation, "Hello there", outcome="paused")
        client.force_login(staff("view_conversation"))

        response = client.get(page(conversation))

        assert "Hello there" in response.text
        assert "Judge again" not in response.text
        assert "Pause for an hour" not in response.text

    def test_prompts_are_for_who_may_see_decisions(self, client, conversation, staff):
        decide(make_inbound(conversation))
        client.force_login(staff("view_conversation"))

        response = client.get(page(conversation))

        assert "They ask each other" in response.text
        assert "the secret prompt" not in response.text

    def test_who_may_see_decisions_reads_prompt_and_answer(
        self, client, conversation, staff
    ):
        decide(make_inbound(conversation))
        client.force_login(staff("view_conversation", "view_decision"))

        response = client.get(page(conversation))

        assert "the secret prompt" in response.text
        assert "the raw answer" in response.text

    def test_nothing_changes_on_get(self, admin_client, conversation):
        response = admin_client.get(steering(conversation), {"action": "pause"})

        conversation.refresh_from_db()
        assert response.status_code == 405
        assert not conversation.is_paused

    def test_forged_posts_are_refused(self, client, admin_user, conversation):
        client.force_login(admin_user)
        client.handler.enforce_csrf_checks = True

        response = client.post(steering(conversation), {"action": "pause"})

        assert response.status_code == 403

    def test_what_is_gone_is_not_found(self, admin_client):
        url = reverse("admin:conversations_conversation_steer", args=[12345])

        assert admin_client.post(url, {"action": "pause"}).status_code == 404


class TestPage:
    def test_shows_messages_in_order(self, admin_client, conversation):
        now = timezone.now()
        make_inbound(conversation, "second", sent_at=now)
        make_inbound(conversation, "first", sent_at=now - timedelta(minutes=1))

        text = admin_client.get(page(conversation)).text

        assert text.index("first") < text.index("second")

    def test_leads_to_older_messages(self, admin_client, conversation):
        now = timezone.now()
        for number in range(60):
            sent_at = now + timedelta(seconds=number)
            make_inbound(conversation, f"message {number};", sent_at=sent_at)

        latest = admin_client.get(page(conversation))
        before = latest.context_data["history"].before
        older = admin_client.get(page(conversation), {"before": before})

        assert "message 10;" in latest.text
        assert "message 9;" not in latest.text
        assert "message 9;" in older.text
        assert "message 10;" not in older.text
        assert older.context_data["history"].before is None

    @pytest.mark.parametrize("before", ["x", "-1", "9" * 30, "²"])
    def test_shrugs_at_a_nonsense_page(self, admin_client, conversation, before):
        make_inbound(conversation, "still here")

        response = admin_client.get(page(conversation), {"before": before})

        assert "still here" in response.text

    def test_tells_outcome_and_decisions(self, admin_client, conversation):
        message = make_inbound(
            conversation, outcome="below_threshold", reason="p 0.35, threshold 0.60"
        )
        decide(message)

        text = admin_client.get(page(conversation)).text

        assert "Below threshold" in text
        assert "0.35 against 0.60" in text
        assert "They ask each other" in text

    def test_tells_status_and_error_of_what_was_sent(self, admin_client, conversation):
        make_outbound(conversation, status="failed", error="Not on WhatsApp")

        text = admin_client.get(page(conversation)).text

        assert "Failed" in text
        assert "Not on WhatsApp" in text

    def test_shows_the_prompt_of_a_burst_once(self, admin_client, conversation):
        decision = decide(make_inbound(conversation))
        decision.messages.add(make_inbound(conversation))

        text = admin_client.get(page(conversation)).text

        assert text.count("the secret prompt") == 1

    def test_stands_for_media(self, admin_client, conversation):
        make_inbound(conversation, "", kind="voice", media={"seconds": 12})

        assert "[voice: seconds 12]" in admin_client.get(page(conversation)).text

    @pytest.mark.parametrize(
        "hostile",
        ["<script>alert(1)</script>", "\u202e" + "evil", "x" * 60_000, "</pre>"],
        ids=["markup", "turned around", "very long", "a closing tag"],
    )
    def test_shows_what_strangers_write_only_as_text(self, admin_client, hostile):
        contact = make_contact(name=hostile[:200])
        conversation = make_conversation(contact=contact, name=hostile[:200])
        message = make_inbound(
            conversation, hostile, quoted_text=hostile, media={"file_name": hostile}
        )
        decide(message, why=hostile[:500], input=hostile, output=hostile)

        response = admin_client.get(page(conversation))

        assert response.status_code == 200
        assert "<script>alert" not in response.text
        assert (
            f'<div class="message-text" dir="auto">{escape(hostile)}</div>'
            in response.text
        )

    def test_costs_as_many_queries_with_many_messages(self, admin_client, conversation):
        def fill(count: int) -> None:
            for _ in range(count):
                decide(ask(conversation, sender=conversation.contact))
            conversation.messages.filter(direction="out").update(status="draft")

        def queries() -> int:
            with CaptureQueriesContext(connection) as captured:
                admin_client.get(page(conversation))
            return len(captured)

        fill(1)
        queries()
        few = queries()
        fill(10)

        assert queries() == few

    def test_saves_only_what_was_changed(self, admin_client, conversation):
        due_at = timezone.now()
        form = {"name": "Ana", "mode": "draft", "access": "", "threshold": "0.9"}
        Conversation.objects.filter(pk=conversation.pk).update(due_at=due_at)

        admin_client.post(page(conversation), {**form, "instructions": "Be kind"})

        conversation.refresh_from_db()
        assert (conversation.mode, conversation.threshold) == ("draft", 0.9)
        assert conversation.instructions == "Be kind"
        assert conversation.due_at == due_at

    @pytest.mark.parametrize("threshold", ["1.1", "-0.1", "nan"])
    def test_refuses_a_threshold_that_is_no_probability(
        self, admin_client, conversation, threshold
    ):
        form = {"mode": "draft", "access": "", "threshold": threshold}

        response = admin_client.post(page(conversation), form)

        assert response.context_data["adminform"].form.errors.keys() == {"threshold"}


class TestButtons:
    @pytest.fixture
    def press(self, admin_client, conversation):
        def press(action: str, message: Message | None = None, **fields) -> str:
            about = {"message": message.pk} if message else {}
            response = admin_client.post(
                steering(conversation),
                {"action": action, **about, **fields},
                follow=True,
            )
            return " ".join(map(str, response.context["messages"]))

        return press

    @pytest.fixture
    def draft(self, conversation):
        ask(conversation)
        conversation.messages.filter(direction="out").update(status="draft")
        Message.objects.inbound().update(outcome="drafted")
        return conversation.messages.get(text="One")

    def test_reply_by_hand(self, press, conversation, admin_user):
        press("reply", text="From us")

        message = conversation.messages.get()
        assert (message.text, message.status) == ("From us", "queued")
        assert message.staff == admin_user

    def test_an_empty_reply_is_explained(self, press):
        assert press("reply", text=" ") == "There is nothing to send."

    def test_pause_for_an_hour(self, press, conversation):
        press("pause_hour")

        conversation.refresh_from_db()
        hour = timezone.now() + timedelta(hours=1)
        assert abs(conversation.paused_until - hour) < timedelta(minutes=1)

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
        text = admin_client.get(page(draft.conversation)).text

        assert "\nOne\n\nTwo</textarea>" in text

    def test_discard(self, press, draft):
        press("discard", draft)

        assert Message.objects.inbound().get().outcome == "discarded"

    def test_what_is_not_possible_is_explained(self, press, draft):
        press("discard", draft)

        assert press("approve", draft) == "This draft has been dealt with."

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

    def test_judge_again(self, press, conversation):
        message = make_inbound(conversation, outcome="gate_failed")

        press("judge_again", message)

        message.refresh_from_db()
        assert message.outcome == ""

    def test_messages_of_other_conversations_stay_alone(self, press):
        other = make_conversation(is_group=True)
        message = make_outbound(other, status="failed")

        assert press("send_again", message) == "That message is gone."

    @pytest.mark.parametrize(
        "fields",
        [{"action": "explode"}, {"action": ""}, {"action": "drop", "message": "x"}],
        ids=["unknown", "none", "no message"],
    )
    def test_nonsense_is_explained(self, admin_client, conversation, fields):
        response = admin_client.post(steering(conversation), fields, follow=True)

        assert [message.level_tag for message in response.context["messages"]] == [
            "error"
        ]

    def test_are_recorded(self, press, conversation):
        press("pause")

        entry = LogEntry.objects.get()
        assert entry.object_id == str(conversation.pk)
        assert "Paused" in entry.change_message


class TestList:
    def test_tells_what_is_unanswered(self, admin_client, conversation):
        make_inbound(conversation)

        rows = admin_client.get(LIST).context_data["cl"].result_list

        assert [row.has_pending for row in rows] == [True]

    def test_costs_as_many_queries_with_many_rows(self, admin_client, conversation):
        def queries() -> int:
            with CaptureQueriesContext(connection) as captured:
                admin_client.get(LIST)
            return len(captured)

        queries()
        few = queries()
        for number in range(10):
            make_inbound(make_conversation(is_group=True, jid=f"{number}@g.us"))

        assert queries() == few

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
    def test_steers_what_is_chosen(
        self, admin_client, conversation, action, field, value
    ):
        chosen = {"action": action, "_selected_action": [conversation.pk]}

        admin_client.post(LIST, chosen)

        conversation.refresh_from_db()
        assert getattr(conversation, field) == value
        assert LogEntry.objects.count() == 1

    def test_does_not_steer_for_who_may_only_look(self, client, conversation, staff):
        client.force_login(staff("view_conversation"))
        chosen = {"action": "pause", "_selected_action": [conversation.pk]}

        client.post(LIST, chosen)

        conversation.refresh_from_db()
        assert not conversation.is_paused

    @pytest.mark.parametrize("search", ["Ana", "5511988887777", "239513548562601"])
    def test_finds_by_contact(self, admin_client, conversation, search):
        make_conversation(is_group=True)

        found = admin_client.get(LIST, {"q": search}).context_data["cl"].result_list

        assert list(found) == [conversation]

    @pytest.mark.parametrize(
        ("value", "field"),
        [("paused", "paused_until"), ("taken_over", "taken_over_until"), ("no", "")],
    )
    def test_filters_by_who_stands_back(self, admin_client, value, field):
        soon = timezone.now() + timedelta(hours=1)
        for number, name in enumerate(["paused_until", "taken_over_until", ""]):
            fields = {name: soon} if name else {}
            make_conversation(is_group=True, jid=f"{number}@g.us", name=name, **fields)

        found = admin_client.get(LIST, {"standing_back": value}).context_data["cl"]

        assert [row.name for row in found.result_list] == [field]


class TestContacts:
    def test_can_be_blocked(self, admin_client):
        contact = make_contact()
        url = reverse("admin:conversations_contact_change", args=[contact.pk])

        admin_client.post(
            url, {"name": "Ana", "access": "blocked", "phone_jid": "1@s.whatsapp.net"}
        )

        contact.refresh_from_db()
        assert contact.access == "blocked"
        assert contact.phone_jid == "5511988887777@s.whatsapp.net"


class TestMessages:
    def test_are_found_by_their_text(self, admin_client, conversation):
        make_inbound(conversation, "needle")
        make_inbound(conversation, "hay")
        url = reverse("admin:conversations_message_changelist")

        found = admin_client.get(url, {"q": "needle"}).context_data["cl"].result_list

        assert [message.text for message in found] == ["needle"]

    def test_are_counted_only_so_far(self, conversation, monkeypatch):
        monkeypatch.setattr(BoundedPaginator, "most", 2)
        for _ in range(3):
            make_inbound(conversation)

        assert BoundedPaginator(Message.objects.order_by("pk"), 1).count == 2

    def test_cannot_be_changed(self, admin_client, conversation):
        message = make_inbound(conversation, "as it was")
        url = reverse("admin:conversations_message_change", args=[message.pk])

        response = admin_client.post(url, {"text": "forged"})

        message.refresh_from_db()
        assert response.status_code == 403
        assert message.text == "as it was"


class TestSettings:
    @pytest.fixture
    def save(self, admin_client):
        """Post the settings' form with these fields changed."""
        response = admin_client.get(SETTINGS, follow=True)
        form = response.context_data["adminform"].form
        before = {
            name: form.get_initial_for_field(field, name)
            for name, field in form.fields.items()
        }
        filled = {
            name: "on" if value is True else value
            for name, value in before.items()
            if value is not None and value is not False
        }
        url = response.redirect_chain[-1][0]
        return lambda **fields: admin_client.post(
            url, {**filled, **fields}, follow=True
        )

    def test_have_one_page(self, admin_client):
        response = admin_client.get(SETTINGS, follow=True)

        assert response.status_code == 200
        assert AgentSettings.objects.count() == 1

    def test_can_be_saved_as_they_are(self, save):
        assert save().redirect_chain

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("threshold", "1.01"),
            ("threshold", "-1"),
            ("direct_wait", "-1"),
            ("direct_wait", "13"),
            ("group_wait", "12.5"),
            ("context_messages", "0"),
            ("context_messages", "201"),
            ("temperature", "2.1"),
            ("relevance_timeout", "0"),
            ("response_timeout", "-3"),
            ("response_price_in", "-1"),
            ("daily_spend_limit", "-1"),
            ("bot_name", " "),
        ],
    )
    def test_refuse_what_cannot_be(self, save, name, value):
        response = save(**{name: value})

        assert response.context_data["adminform"].form.errors.keys() == {name}

    def test_warn_of_a_provider_without_a_key(self, save, settings):
        settings.LLM_PROVIDERS["anthropic"]["api_key"] = ""

        response = save(response_provider="anthropic")

        assert AgentSettings.load().response_provider == "anthropic"
        assert "ANTHROPIC_API_KEY is not set" in " ".join(
            map(str, response.context["messages"])
        )

    def test_record_what_was_changed(self, save):
        save(threshold="0.7")

        assert "Threshold" in LogEntry.objects.get().get_change_message()

    def test_cannot_be_deleted(self, admin_client):
        make_settings()
        url = reverse("admin:conversations_agentsettings_delete", args=[1])

        assert admin_client.post(url, {"post": "yes"}).status_code == 403

    def test_cannot_be_doubled(self, admin_client):
        url = reverse("admin:conversations_agentsettings_add")

        assert admin_client.get(url).status_code == 403

    def test_can_be_looked_at_without_the_right_to_change(self, client, staff):
        make_settings()
        client.force_login(staff("view_agentsettings"))

        assert client.get(SETTINGS, follow=True).status_code == 200
