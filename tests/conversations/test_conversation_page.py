import re
from datetime import timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from django.utils.html import escape

from conversations.models import FOREVER, Conversation, Message
from llm.models import Decision
from tests.conversations.test_outbox import ask
from tests.factories import (
    BEN,
    make_contact,
    make_conversation,
    make_inbound,
    make_outbound,
    make_settings,
)

pytestmark = pytest.mark.django_db

HTMX = {"HX-Request": "true"}
READER = ["view_conversation"]
OPERATOR = [*READER, "steer_conversation"]


@pytest.fixture
def conversation():
    return make_conversation()


@pytest.fixture
def staff(django_user_model, client):
    """Sign in a member of staff with these permissions."""

    def staff(*codenames: str):
        person = django_user_model.objects.create_user("member", is_staff=True)
        person.user_permissions.set(Permission.objects.filter(codename__in=codenames))
        client.force_login(person)
        return client

    return staff


def url(conversation: Conversation, view: str = "change", **also: int) -> str:
    name = f"admin:conversations_conversation_{view}"
    key = "object_id" if view == "change" else "pk"
    return reverse(name, kwargs={key: conversation.pk, **also})


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


def say(conversation: Conversation, count: int) -> list[Message]:
    """As many messages, a second apart."""
    start = timezone.now() - timedelta(hours=1)
    return [
        make_inbound(
            conversation, f"message {n};", sent_at=start + timedelta(seconds=n)
        )
        for n in range(count)
    ]


def react(message: Message, emoji: str, **fields) -> Message:
    return make_inbound(
        message.conversation,
        emoji,
        kind="reaction",
        quoted_id=message.whatsapp_id,
        outcome="filtered",
        reason="A reaction",
        **fields,
    )


def bubble(text: str, message: Message) -> str:
    """The part of a page that is about one message."""
    found = re.search(rf'<article id="message-{message.pk}".*?</article>', text, re.S)
    return found[0] if found else ""


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

        older = admin_client.get(url(conversation), {"before": messages[10].pk}).text

        assert f"?before={messages[10].pk}" in latest
        assert "message 10;" in latest
        assert "message 9;" not in latest
        assert "message 9;" in older
        assert "message 10;" not in older
        assert "Older messages" not in older

    def test_older_messages_come_alone(self, admin_client, conversation):
        messages = say(conversation, 120)

        part = admin_client.get(
            url(conversation, "older"), {"before": messages[70].pk}
        ).text

        assert part.count("<article") == 50
        assert "message 69;" in part
        assert f"?before={messages[20].pk}" in part
        assert "<html" not in part

    def test_leads_back_to_newer_messages(self, admin_client, conversation):
        messages = say(conversation, 120)
        page = url(conversation)

        older = admin_client.get(page, {"before": messages[60].pk}).text
        newer = admin_client.get(page, {"after": messages[59].pk}).text

        assert f"?after={messages[59].pk}" in older
        assert newer.count("<article") == 50
        assert "message 60;" in newer
        assert "message 110;" not in newer

    def test_opens_round_a_message(self, admin_client, conversation):
        messages = say(conversation, 120)

        text = admin_client.get(url(conversation), {"message": messages[60].pk}).text

        assert "message 35;" in text
        assert "message 34;" not in text
        assert "message 84;" in text
        assert "message 85;" not in text
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
        older = admin_client.get(url(conversation), {"before": messages[10].pk}).text

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


class TestBubbles:
    def test_name_who_speaks_once_in_a_run(self, admin_client):
        group = make_conversation(is_group=True)
        ana, ben = make_contact(), make_contact(BEN, "Ben")
        first = make_inbound(group, "One", sender=ana)
        second = make_inbound(group, "Two", sender=ana)
        third = make_inbound(group, "Three", sender=ben)

        text = admin_client.get(url(group)).text

        assert "named" in bubble(text, first)
        assert "named" not in bubble(text, second)
        assert "named" in bubble(text, third)

    def test_stand_under_their_day(self, admin_client, conversation):
        now = timezone.now()
        make_inbound(conversation, sent_at=now - timedelta(days=1))
        make_inbound(conversation, sent_at=now)
        make_inbound(conversation, sent_at=now)

        assert admin_client.get(url(conversation)).text.count("chat-day") == 2

    @pytest.mark.parametrize(
        ("status", "label"),
        [
            ("queued", "Queued"),
            ("sending", "Sending"),
            ("unknown", "Not known whether it was sent"),
            ("sent", "Sent"),
            ("delivered", "Delivered"),
            ("read", "Read"),
            ("failed", "Failed"),
            ("dropped", "Dropped"),
        ],
    )
    def test_tell_how_far_they_got(self, admin_client, conversation, status, label):
        message = make_outbound(conversation, status=status)

        text = bubble(admin_client.get(url(conversation)).text, message)

        assert f'aria-label="{label}"' in text

    def test_tell_why_they_failed(self, admin_client, conversation):
        make_outbound(conversation, status="failed", error="Not on WhatsApp")

        assert "Not on WhatsApp" in admin_client.get(url(conversation)).text

    @pytest.mark.parametrize(
        ("fields", "words"),
        [
            ({"author": "agent"}, "Juno"),
            ({"author": "staff"}, "by hand"),
            ({"author": "phone"}, "typed on the phone"),
        ],
        ids=["agent", "staff", "phone"],
    )
    def test_tell_whose_they_are(self, admin_client, conversation, fields, words):
        make_settings(bot_name="Juno")
        message = make_outbound(conversation, status="sent", **fields)

        assert words in bubble(admin_client.get(url(conversation)).text, message)

    def test_tell_who_approved_them(self, admin_client, conversation, admin_user):
        message = make_outbound(conversation, status="sent", staff=admin_user)

        text = bubble(admin_client.get(url(conversation)).text, message)

        assert "approved by <bdi>admin</bdi>" in text

    @pytest.mark.parametrize(
        ("field", "word"), [("edited_at", "edited"), ("deleted_at", "deleted")]
    )
    def test_tell_what_was_done_to_them(self, admin_client, conversation, field, word):
        message = make_inbound(conversation, **{field: timezone.now()})

        text = bubble(admin_client.get(url(conversation)).text, message)

        assert f"<span>{word}</span>" in text

    def test_lead_to_what_they_quote(self, admin_client, conversation):
        first = make_inbound(conversation, "Is it on?")
        answer = make_inbound(conversation, "Yes", quoted_id=first.whatsapp_id)

        text = bubble(admin_client.get(url(conversation)).text, answer)

        assert f'href="#message-{first.pk}"' in text
        assert "Is it on?" in text

    def test_lead_to_what_they_quote_elsewhere(self, admin_client, conversation):
        messages = say(conversation, 60)
        answer = make_inbound(conversation, quoted_id=messages[0].whatsapp_id)

        text = bubble(admin_client.get(url(conversation)).text, answer)

        place = f"?message={messages[0].pk}#message-{messages[0].pk}"
        assert f"{url(conversation)}{place}" in text

    def test_quote_what_is_not_stored(self, admin_client, conversation):
        make_inbound(conversation, quoted_id="unknown", quoted_text="Before our time")

        assert "Before our time" in admin_client.get(url(conversation)).text

    def test_stand_for_media(self, admin_client, conversation):
        media = {"seconds": 72, "file_name": "rain.ogg", "bytes": 2_000_000}
        make_inbound(conversation, "Listen", kind="voice", media=media)

        text = admin_client.get(url(conversation)).text

        assert "Voice message" in text
        assert "1:12" in text
        assert "rain.ogg" in text
        assert "Listen" in text

    @pytest.mark.parametrize("media", [[], "x", {"seconds": "long", "bytes": -1}])
    def test_bear_media_of_any_shape(self, admin_client, conversation, media):
        make_inbound(conversation, "", kind="image", media=media)

        assert "Photo" in admin_client.get(url(conversation)).text

    @pytest.mark.parametrize(
        ("text", "is_big"),
        [
            ("👍", True),
            ("👨‍👩‍👧❤️", True),
            ("👍 ok", False),
            ("123", False),
            ("😀" * 4, False),
        ],
    )
    def test_enlarge_a_lonely_emoji(self, admin_client, conversation, text, is_big):
        message = make_inbound(conversation, text)

        shown = bubble(admin_client.get(url(conversation)).text, message)

        assert ("text big" in shown) == is_big

    @pytest.mark.parametrize(
        "hostile",
        [
            "<script>alert(1)</script>",
            "\u202eevil",
            "</pre>",
            "\u200b\u200b",
            "{{ 1 }}",
        ],
        ids=["markup", "turned around", "a closing tag", "zero width", "a template"],
    )
    def test_show_what_strangers_write_only_as_text(self, admin_client, hostile):
        contact = make_contact(name=hostile[:200])
        conversation = make_conversation(contact=contact, name=hostile[:200])
        message = make_inbound(
            conversation, hostile, quoted_text=hostile, media={"file_name": hostile}
        )
        react(message, hostile[:20])
        decide(message, why=hostile[:500], model=hostile[:100])

        response = admin_client.get(url(conversation))

        assert response.status_code == 200
        assert "<script>alert" not in response.text
        assert f'dir="auto">{escape(hostile)}</div>' in response.text

    def test_fold_a_very_long_text(self, admin_client, conversation):
        message = make_inbound(conversation, "x" * 60_000)

        text = bubble(admin_client.get(url(conversation)).text, message)

        assert "Show all" in text
        assert f"{'x' * 60_000}</div></details>" in text


class TestReactions:
    def test_are_chips_on_their_message(self, admin_client, conversation):
        message = make_inbound(conversation, "Cake!")
        reaction = react(message, "🎂")

        text = admin_client.get(url(conversation)).text

        assert '<span title="Ana">🎂' in bubble(text, message)
        assert f"message-{reaction.pk}" not in text

    def test_count_the_newest_of_each_person(self, admin_client):
        group = make_conversation(is_group=True)
        ana, ben = make_contact(), make_contact(BEN, "Ben")
        message = make_inbound(group, "Cake!", sender=ana)
        react(message, "👎", sender=ana)
        react(message, "🎂", sender=ana)
        react(message, "🎂", sender=ben)

        text = bubble(admin_client.get(url(group)).text, message)

        assert '<span title="Ana, Ben">🎂 2' in text
        assert "👎" not in text

    def test_can_be_taken_back(self, admin_client, conversation):
        message = make_inbound(conversation, "Cake!")
        react(message, "🎂")
        react(message, "")

        assert "reactions" not in bubble(
            admin_client.get(url(conversation)).text, message
        )

    def test_to_what_is_not_shown_are_a_line(self, admin_client, conversation):
        messages = say(conversation, 60)
        react(messages[0], "🎂")

        text = admin_client.get(url(conversation)).text

        assert "</bdi> reacted 🎂 to" in text
        assert f"?message={messages[0].pk}#message-{messages[0].pk}" in text

    def test_that_came_later_are_on_older_pages(self, admin_client, conversation):
        messages = say(conversation, 60)
        react(messages[0], "🎂")

        older = admin_client.get(url(conversation), {"before": messages[10].pk}).text

        assert "🎂" in bubble(older, messages[0])


class TestChain:
    def test_tells_the_outcome_with_its_probability(self, admin_client, conversation):
        message = make_inbound(conversation, outcome="below_threshold", reason="Quiet")
        decide(message)

        text = bubble(admin_client.get(url(conversation)).text, message)

        assert "Below threshold" in text
        assert 'dir="ltr"><b>0.35</b> &lt; 0.60</span>' in text
        assert "wa-meter" in text
        assert "They ask each other" in text

    def test_tells_the_reason_where_no_model_was_asked(
        self, admin_client, conversation
    ):
        make_inbound(conversation, outcome="too_old", reason="Older than 10 minutes")

        assert "Older than 10 minutes" in admin_client.get(url(conversation)).text

    def test_tells_what_the_model_took(self, admin_client, conversation):
        decide(
            make_inbound(conversation),
            prompt_version="7",
            tokens_in=410,
            tokens_cached=205,
            tokens_out=42,
            cost="0.0012",
            latency_ms=700,
            attempts=2,
            error="Timed out once",
        )

        text = admin_client.get(url(conversation)).text

        assert "openai · small-1 · prompt 7 · 700 ms · 2 attempts" in text
        assert "410 tokens in (205 cached), 42 out · cost 0.0012" in text
        assert "Timed out once" in text

    def test_tells_what_was_judged_together(self, admin_client, conversation):
        one, two = make_inbound(conversation, "One"), make_inbound(conversation, "Two")
        decide(one).messages.add(two)

        text = bubble(admin_client.get(url(conversation)).text, two)

        assert "Judged together with" in text
        assert f'href="#message-{one.pk}"><bdi>One</bdi>' in text

    def test_leads_to_what_was_sent(self, admin_client, conversation):
        question = make_inbound(conversation)
        response = decide(question, step="response", outcome="written", p=None)
        reply = make_outbound(conversation, "At ten.", decision=response, status="read")

        text = bubble(admin_client.get(url(conversation)).text, question)

        assert f'href="#message-{reply.pk}"><bdi>At ten.</bdi>' in text
        assert 'aria-label="Read"' in text


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

    @pytest.mark.parametrize(
        ("action", "ends_after"),
        [("pause_hour", timedelta(hours=1)), ("pause", FOREVER - timezone.now())],
    )
    def test_pause(self, press, conversation, action, ends_after):
        press(action)

        conversation.refresh_from_db()
        expected = timezone.now() + ends_after
        assert abs(conversation.paused_until - expected) < timedelta(minutes=1)

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

        assert text.count("<article") == 51
        assert bubble(text, messages[10])
        assert not bubble(text, messages[9])

    def test_stays_within_bounds(self, admin_client, conversation):
        say(conversation, 60)
        opened = self.open(admin_client, conversation)
        for _ in range(60):
            make_inbound(conversation)

        text = opened().text

        assert text.count("<article") == 100
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
