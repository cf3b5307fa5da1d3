from datetime import timedelta

import pytest
from django.utils import timezone
from django.utils.html import escape

from tests.conversations.pages import (
    bubble,
    decide,
    react,
    say,
    url,
)
from tests.factories import (
    BEN,
    make_contact,
    make_conversation,
    make_inbound,
    make_outbound,
    make_settings,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def conversation():
    return make_conversation()


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
