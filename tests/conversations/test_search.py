import importlib
from datetime import timedelta

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from conversations import hot, intake, search
from conversations.admin import conversation_list
from conversations.models import Message
from conversations.whatsapp import MessageDeleted, MessageEdited
from tests.factories import (
    ANA,
    INSTANCE,
    make_contact,
    make_conversation,
    make_inbound,
    make_outbound,
)

pytestmark = pytest.mark.django_db

LIST = reverse("admin:conversations_conversation_changelist")
MESSAGES = reverse("admin:conversations_message_changelist")
MIGRATION = importlib.import_module("conversations.migrations.0004_search")
NASTY = [
    '"',
    '""',
    '"unclosed',
    "a AND",
    "NOT",
    "NEAR(a b)",
    "(",
    "text:a",
    "a*",
    "^a",
    "-a",
    "a' OR 'x'='x",
    "a & | ! <-> b:*",
    "\\",
    "\\'",
    "a\\",
    "%s %",
    "!!!",
    "👍",
    "\0",
    "a\0b",
    "x" * 5000,
    "a " * 500,
]


@pytest.fixture
def conversation():
    return make_conversation()


def found(query: str, most: int = 100, before: int | None = None) -> list[str]:
    messages = search.find(Message.objects.all(), query, most, before)
    return [message.text for message in messages.order_by("-pk")]


def marked(text: str, query: str) -> str:
    pieces = search.excerpt(text, query)
    return "".join(f"[{piece}]" if is_hit else piece for piece, is_hit in pieces)


class TestFinding:
    def test_finds_the_newest_first(self, conversation):
        make_inbound(conversation, "one needle")
        make_inbound(conversation, "hay")
        make_outbound(conversation, "another needle")

        assert found("needle") == ["another needle", "one needle"]

    def test_needs_all_words_in_any_order(self, conversation):
        make_inbound(conversation, "bring the red ball")
        make_inbound(conversation, "the ball is blue")

        assert found("ball red") == ["bring the red ball"]

    def test_finds_what_the_last_word_begins(self, conversation):
        make_inbound(conversation, "an invoice")

        assert found("invo") == ["an invoice"]
        assert found("invo an") == []

    @pytest.mark.sqlite  # PostgreSQL tells accents apart
    @pytest.mark.parametrize("query", ["cafe", "CAFÉ", "cafe\u0301"])
    def test_minds_neither_case_nor_accents(self, conversation, query):
        make_inbound(conversation, "Café amanhã?")

        assert found(query) == ["Café amanhã?"]

    @pytest.mark.parametrize(
        "text", ["नमस्ते दुनिया", "привет мир", "مرحبا بالعالم", "你好 世界", "สวัสดี"]
    )
    def test_finds_every_script(self, conversation, text):
        make_inbound(conversation, text)

        assert found(text.split()[0]) == [text]

    def test_finds_words_in_quotes_only_side_by_side(self, conversation):
        make_inbound(conversation, "the red ball")
        make_inbound(conversation, "a ball, all red")

        assert found('"red ball"') == ["the red ball"]

    @pytest.mark.parametrize(
        "query", ["don't", "a.b@example.com", "well-known", "24/7"]
    )
    def test_finds_what_holds_signs(self, conversation, query):
        make_inbound(conversation, f"so {query} it is")

        assert found(query) == [f"so {query} it is"]

    @pytest.mark.parametrize("query", NASTY)
    def test_takes_anything_for_words(self, conversation, query):
        make_inbound(conversation, "some of the kind")

        assert found(query) == []

    @pytest.mark.parametrize("query", ["", " ", "!?", '"" -'])
    def test_finds_nothing_without_words(self, conversation, query):
        make_inbound(conversation, "anything")

        assert found(query) == []

    def test_goes_on_before_a_message(self, conversation):
        keys = [make_inbound(conversation, f"needle {n}").pk for n in range(4)]

        assert found("needle", most=2) == ["needle 3", "needle 2"]
        assert found("needle", most=2, before=keys[2]) == ["needle 1", "needle 0"]


class TestIndex:
    def test_knows_what_is_stored_by_hand(self, conversation):
        message = Message(
            conversation=conversation,
            direction="in",
            text="needle",
            whatsapp_id="1",
            sent_at=timezone.now(),
        )

        assert hot.insert(message)
        assert found("needle") == ["needle"]

    def test_is_not_confused_by_a_repeated_delivery(self, conversation):
        stored = make_inbound(conversation, "needle", whatsapp_id="1")
        stored.pk = None

        assert not hot.insert(stored)
        assert found("needle") == ["needle"]

    def test_follows_an_edit(self, conversation):
        message = make_inbound(conversation, "before")

        intake.receive([MessageEdited(INSTANCE, message.whatsapp_id, "afterwards")])

        assert found("before") == []
        assert found("afterwards") == ["afterwards"]

    def test_forgets_what_was_deleted_for_everyone(self, conversation):
        message = make_inbound(conversation, "a secret")

        intake.receive([MessageDeleted(INSTANCE, message.whatsapp_id)])

        assert found("secret") == []

    def test_stays_in_order_when_a_deleted_message_changes(self, conversation):
        message = make_inbound(conversation, "a secret", deleted_at=timezone.now())
        keep = make_inbound(conversation, "no secret")

        message.text = "still a secret"
        message.save()
        message.delete()

        assert found("secret") == [keep.text]

    def test_forgets_removed_rows(self, conversation):
        make_inbound(conversation, "needle")

        Message.objects.all().delete()

        assert found("needle") == []

    def test_forgets_what_is_rolled_back(self, conversation):
        def twice() -> None:
            for _ in range(2):
                make_inbound(conversation, "needle", whatsapp_id="1")

        with pytest.raises(IntegrityError), transaction.atomic():
            twice()

        assert found("needle") == []

    def test_takes_in_a_text_of_any_length(self, conversation):
        message = make_inbound(conversation, "first " + "wörd " * 400_000)

        assert search.find(Message.objects.all(), "first", 1).get() == message

    @pytest.mark.django_db(transaction=True)
    def test_is_made_of_what_is_there(self):
        conversation = make_conversation()
        with connection.schema_editor() as editor:
            MIGRATION.remove(None, editor)
        make_inbound(conversation, "needle")
        make_inbound(conversation, "needle, deleted", deleted_at=timezone.now())

        with connection.schema_editor() as editor:
            MIGRATION.index(None, editor)

        assert found("needle") == ["needle"]


class TestExcerpt:
    def test_marks_each_word(self):
        assert marked("The red ball is red", "red ball") == "The [red] [ball] is [red]"

    def test_marks_what_the_last_word_begins(self):
        assert marked("An invoice", "invo") == "An [invoice]"

    def test_marks_without_accents_and_case(self):
        assert marked("Um CAFÉ por favor", "café") == "Um [CAFÉ] por favor"
        assert marked("Um Café por favor", "cafe") == "Um [Café] por favor"

    def test_shows_what_is_round_the_first_hit(self):
        text = "before " * 50 + "needle" + " after" * 50

        shown = marked(text, "needle")

        assert shown.startswith("…before")
        assert "before [needle] after" in shown
        assert shown.endswith("…")
        assert len(shown) < 250

    def test_puts_lines_into_one(self):
        assert marked("one\n\ntwo\tneedle", "needle") == "one two [needle]"

    def test_begins_at_the_start_where_nothing_is_to_be_marked(self):
        assert marked("Something else", "needle") == "Something else"


class TestPage:
    def test_shows_conversations_and_messages(self, admin_client, conversation):
        group = make_conversation(is_group=True, name="Needle work")
        message = make_inbound(conversation, "a needle here")

        text = admin_client.get(LIST, {"q": "needle"}).text

        page = reverse("admin:conversations_conversation_change", args=[group.pk])
        assert page in text
        assert "a <mark>needle</mark> here" in text
        assert f"?message={message.pk}#message-{message.pk}" in text

    def test_shows_what_strangers_write_only_as_text(self, admin_client):
        contact = make_contact(ANA, "<b>Ana</b>")
        conversation = make_conversation(contact=contact)
        make_inbound(conversation, "<script>alert(1)</script> needle<img>")

        text = admin_client.get(LIST, {"q": "needle script"}).text

        assert "<script>alert" not in text
        assert "<img>" not in text
        assert "<b>Ana" not in text
        assert "&lt;<mark>script</mark>&gt;" in text

    def test_leads_to_older_messages(self, admin_client, conversation, monkeypatch):
        monkeypatch.setattr(conversation_list, "HITS", 2)
        for number in range(3):
            make_inbound(conversation, f"needle {number};")

        first = admin_client.get(LIST, {"q": "needle"})
        older = first.context_data["older"]
        second = admin_client.get(LIST, {"q": "needle", "before": older})

        assert [hit.message.text for hit in first.context_data["hits"]] == [
            "needle 2;",
            "needle 1;",
        ]
        assert f"before={older}" in first.text
        assert [hit.message.text for hit in second.context_data["hits"]] == [
            "needle 0;"
        ]
        assert second.context_data["older"] == ""

    def test_shows_a_page_in_the_order_of_its_times(self, admin_client, conversation):
        now = timezone.now()
        make_inbound(conversation, "needle now", sent_at=now)
        make_inbound(conversation, "needle before", sent_at=now - timedelta(days=1))

        hits = admin_client.get(LIST, {"q": "needle"}).context_data["hits"]

        assert [hit.message.text for hit in hits] == ["needle now", "needle before"]

    @pytest.mark.parametrize("before", ["x", "-1", "9" * 30, "²", ""])
    def test_shrugs_at_a_nonsense_page(self, admin_client, conversation, before):
        make_inbound(conversation, "needle")

        response = admin_client.get(LIST, {"q": "needle", "before": before})

        assert len(response.context_data["hits"]) == 1

    @pytest.mark.parametrize("query", NASTY)
    def test_takes_anything_for_words(self, admin_client, conversation, query):
        make_inbound(conversation)

        assert admin_client.get(LIST, {"q": query}).status_code == 200
        assert admin_client.get(MESSAGES, {"q": query}).status_code == 200

    def test_costs_as_many_queries_with_many_hits(self, admin_client, conversation):
        def queries() -> int:
            with CaptureQueriesContext(connection) as captured:
                admin_client.get(LIST, {"q": "needle"})
            return len(captured)

        make_inbound(conversation, "needle")
        queries()
        few = queries()
        for number in range(10):
            group = make_conversation(is_group=True, jid=f"{number}@g.us")
            make_inbound(group, "needle", sender=conversation.contact)

        assert queries() == few


class TestListOfMessages:
    def test_are_found_by_their_words(self, admin_client, conversation):
        make_inbound(conversation, "needle")
        make_inbound(conversation, "hay")

        response = admin_client.get(MESSAGES, {"q": "needle"})

        found = response.context_data["cl"].result_list
        assert [message.text for message in found] == ["needle"]
        assert "<mark>needle</mark>" in response.text

    def test_can_be_narrowed_too(self, admin_client, conversation):
        make_inbound(conversation, "needle of theirs")
        make_outbound(conversation, "needle of ours")

        asked = {"q": "needle", "direction__exact": "out"}
        found = admin_client.get(MESSAGES, asked).context_data["cl"].result_list

        assert [message.text for message in found] == ["needle of ours"]

    def test_tell_what_became_of_each(self, admin_client, conversation):
        make_inbound(conversation, outcome="below_threshold")
        make_outbound(conversation, status="failed")

        text = admin_client.get(MESSAGES).text

        assert "Below threshold" in text
        assert "Failed" in text
