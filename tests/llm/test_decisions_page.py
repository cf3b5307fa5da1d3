import csv
import io
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from llm.admin_csv import cell
from llm.models import Decision
from tests.factories import make_conversation, make_inbound, make_outbound

pytestmark = pytest.mark.django_db

LIST = reverse("admin:llm_decision_changelist")
EXPORT = reverse("admin:llm_decision_export")


@pytest.fixture(autouse=True)
def _no_collected_static_files(settings):
    settings.WHITENOISE_AUTOREFRESH = True


@pytest.fixture
def conversation():
    return make_conversation()


def decide(conversation, *texts: str, **fields) -> Decision:
    defaults = {
        "step": "relevance",
        "source": "model",
        "outcome": "silent",
        "p": 0.35,
        "threshold": 0.6,
        "why": "They ask each other",
        "provider": "openai",
        "model": "small-1",
        "prompt_version": "relevance-1",
        "input": "the secret prompt",
        "output": "the raw answer",
    }
    decision = Decision.objects.create(
        conversation=conversation, **{**defaults, **fields}
    )
    decision.messages.set(make_inbound(conversation, text) for text in texts)
    return decision


def page(decision: Decision) -> str:
    return reverse("admin:llm_decision_change", args=[decision.pk])


def rows(response) -> list:
    return [row.decision for row in response.context["cl"].rows]


def table(response) -> list[dict]:
    """What a spreadsheet would read."""
    text = b"".join(response.streaming_content).decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text, newline="")))


class TestList:
    def test_tells_what_was_said_and_decided(self, admin_client, conversation):
        decide(conversation, "Does anyone know?", cost=Decimal("0.000410"))

        text = admin_client.get(LIST).text

        assert '<bdi class="words" dir="auto">Does anyone know?</bdi>' in text
        assert '<span dir="ltr">0.35 &lt; 0.60</span>' in text
        assert "They ask each other" in text
        assert ">0.00041<" in text

    def test_tells_the_last_message_of_a_burst(self, admin_client, conversation):
        decide(conversation, "Hello", "Is anybody there?", "It is me")

        text = admin_client.get(LIST).text

        assert "It is me" in text
        assert "and 2 more" in text

    def test_shows_only_the_beginning_of_what_was_said(
        self, admin_client, conversation
    ):
        decide(conversation, "word " * 1_000)

        assert admin_client.get(LIST).text.count("word") < 50

    def test_names_the_kind_of_what_has_no_text(self, admin_client, conversation):
        message = make_inbound(conversation, "", kind="voice")
        decide(conversation).messages.add(message)

        assert "[voice]" in admin_client.get(LIST).text

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("outcome__exact", "failed"),
            ("step__exact", "response"),
            ("source__exact", "rule"),
            ("model", "large-1"),
            ("provider", "anthropic"),
            ("prompt_version", "relevance-2"),
        ],
    )
    def test_is_filtered(self, admin_client, conversation, name, value):
        decide(conversation)
        wanted = decide(conversation, **{name.removesuffix("__exact"): value})

        response = admin_client.get(LIST, {name: value})

        assert rows(response) == [wanted]

    def test_is_filtered_by_time(self, admin_client, conversation):
        old, new = decide(conversation), decide(conversation)
        past = timezone.now() - timedelta(days=8)
        Decision.objects.filter(pk=old.pk).update(created_at=past)

        assert rows(admin_client.get(LIST, {"since": "week"})) == [new]

    def test_of_one_conversation_names_it(self, admin_client, conversation):
        decide(make_conversation(is_group=True))
        wanted = decide(conversation)
        query = {"conversation__id__exact": conversation.pk}

        response = admin_client.get(LIST, query)

        assert rows(response) == [wanted]
        assert "<b><bdi>Ana</bdi></b>" in response.text
        assert "Show all conversations" in response.text

    @pytest.mark.parametrize("pk", ["x", "-1", "9" * 30, "²", "12345"])
    def test_of_no_conversation_is_empty(self, admin_client, conversation, pk):
        decide(conversation)

        response = admin_client.get(LIST, {"conversation__id__exact": pk})

        assert rows(response) == []
        assert "No decision matches" in response.text

    def test_says_so_when_there_is_nothing(self, admin_client):
        assert "Nothing has been decided yet" in admin_client.get(LIST).text

    def test_costs_as_many_queries_with_many_rows(self, admin_client, conversation):
        def queries() -> int:
            with CaptureQueriesContext(connection) as captured:
                admin_client.get(LIST)
            return len(captured)

        decide(conversation, "One")
        queries()
        few = queries()
        for number in range(10):
            other = make_conversation(is_group=True, jid=f"{number}@g.us")
            decide(other, "One", "Two")

        assert queries() == few

    def test_reads_no_prompts(self, admin_client, conversation):
        decide(conversation, "One")

        with CaptureQueriesContext(connection) as captured:
            admin_client.get(LIST)

        assert not [one for one in captured if '"llm_decision"."input"' in one["sql"]]

    @pytest.mark.parametrize("name", ["input__startswith", "output__contains"])
    def test_answers_no_questions_about_prompts(self, admin_client, conversation, name):
        decide(conversation)

        response = admin_client.get(LIST, {name: "the"})

        assert response.status_code == 400

    def test_loads_no_jquery(self, admin_client, conversation):
        decide(conversation)

        assert "jquery" not in admin_client.get(LIST).text.lower()


class TestPage:
    def test_tells_the_chain(self, admin_client, conversation):
        relevance = decide(conversation, "Does anyone know?", outcome="reply", p=0.9)
        response = decide(
            conversation, step="response", outcome="written", p=None, why=""
        )
        response.messages.set(relevance.messages.all())
        make_outbound(conversation, "It is open", decision=response, status="read")

        text = admin_client.get(page(response)).text

        told = ["Does anyone know?", "They ask each other", "Written", "It is open"]
        assert sorted(told, key=text.index) == told
        assert "0.90 ≥ 0.60" in text
        assert page(relevance) in text

    def test_shows_prompt_and_answer_to_who_may_see_them(self, staff, conversation):
        client = staff("view_decision", "view_prompt")

        text = client.get(page(decide(conversation))).text

        assert "the secret prompt" in text
        assert "the raw answer" in text

    def test_hides_prompt_and_answer_from_others(self, staff, conversation):
        client = staff("view_decision")

        text = client.get(page(decide(conversation))).text

        assert "They ask each other" in text
        assert "the secret prompt" not in text
        assert "the raw answer" not in text

    def test_is_not_for_everybody(self, staff, conversation):
        client = staff("view_prompt")

        assert client.get(page(decide(conversation))).status_code == 403

    def test_takes_nothing(self, admin_client, conversation):
        decision = decide(conversation)

        response = admin_client.post(page(decision), {"p": "1"})

        assert response.status_code == 403

    def test_of_what_is_gone_leads_home(self, admin_client, conversation):
        decision = decide(conversation)
        url = page(decision)
        decision.delete()

        assert admin_client.get(url).status_code == 302

    def test_costs_as_many_queries_for_a_long_burst(self, admin_client, conversation):
        def queries(decision: Decision) -> int:
            with CaptureQueriesContext(connection) as captured:
                admin_client.get(page(decision))
            return len(captured)

        short = decide(conversation, "One")
        long = decide(conversation, *"abcdefgh")
        queries(short)

        assert queries(long) == queries(short)


class TestExport:
    def test_has_all_that_the_filters_leave(self, admin_client, conversation):
        decide(conversation, "Loud", outcome="reply")
        wanted = [decide(conversation, "Quiet", "Hush").pk for _ in range(60)]

        response = admin_client.get(EXPORT, {"outcome__exact": "silent", "p": "2"})

        found = table(response)
        assert [int(row["id"]) for row in found] == wanted[::-1]
        assert found[0]["said"] == "Quiet\nHush"
        assert found[0]["conversation"] == "Ana"

    def test_can_be_of_those_chosen(self, admin_client, conversation):
        decide(conversation)
        wanted = decide(conversation)
        chosen = {"action": "export_chosen", "_selected_action": [wanted.pk]}

        found = table(admin_client.post(LIST, chosen))

        assert [int(row["id"]) for row in found] == [wanted.pk]

    def test_is_a_file_that_spreadsheets_read(self, admin_client, conversation):
        decision = decide(conversation, "مرحبا", cost=Decimal("0.5"), p=None)

        response = admin_client.get(EXPORT)

        assert response["Content-Type"] == "text/csv; charset=utf-8"
        assert response["Content-Disposition"].startswith("attachment")
        content = b"".join(response.streaming_content)
        assert content.startswith(b"\xef\xbb\xbf")
        (row,) = csv.DictReader(io.StringIO(content.decode("utf-8-sig")))
        moment = timezone.datetime.fromisoformat(row["created_at"])
        assert moment == decision.created_at
        assert (row["p"], row["threshold"]) == ("", "0.6")
        assert row["said"] == "مرحبا"

    def test_has_no_prompts_unless_asked_for(self, admin_client, conversation):
        decide(conversation)

        (row,) = table(admin_client.get(EXPORT))

        assert "the secret prompt" not in row.values()
        assert "the raw answer" not in row.values()

    def test_has_prompts_for_who_may_see_them(self, staff, conversation):
        decide(conversation)
        client = staff("view_decision", "view_prompt")

        (row,) = table(client.get(EXPORT, {"prompts": "1"}))

        assert row["input"] == "the secret prompt"
        assert row["output"] == "the raw answer"

    def test_refuses_prompts_to_others(self, staff, conversation):
        decision = decide(conversation)
        client = staff("view_decision")
        chosen = {
            "action": "export_chosen_with_prompts",
            "_selected_action": [decision.pk],
        }

        assert client.get(EXPORT, {"prompts": "1"}).status_code == 403
        assert not client.post(LIST, chosen).streaming

    def test_is_not_for_everybody(self, staff, conversation):
        assert staff("view_conversation").get(EXPORT).status_code == 403

    def test_takes_nothing(self, admin_client):
        assert admin_client.post(EXPORT).status_code == 405

    def test_does_not_answer_questions_about_prompts(self, admin_client, conversation):
        decide(conversation)

        response = admin_client.get(EXPORT, {"input__contains": "secret"})

        assert response.status_code == 400

    def test_of_nonsense_leads_to_the_list(self, admin_client):
        response = admin_client.get(EXPORT, {"since": "week", "nonsense": "1"})

        assert response.url == LIST

    def test_reads_in_few_queries(self, admin_client, conversation):
        def queries() -> int:
            with CaptureQueriesContext(connection) as captured:
                table(admin_client.get(EXPORT))
            return len(captured)

        decide(conversation, "One")
        queries()
        few = queries()
        for _ in range(20):
            decide(conversation, "One", "Two")

        assert queries() == few

    @pytest.mark.parametrize(
        "text",
        [
            "=1+1",
            "+1",
            "-1",
            "@SUM(A1)",
            "\t=1",
            "\r=1",
            "\n=1",
            "\tplain",
            "  =1",
            '"=1',
            "' =1",
            "\u00a0=1",
            "\u200b=1",
            "\ufeff=1",
            "＝1",
        ],
        ids=ascii,
    )
    def test_has_no_formulas(self, text):
        assert cell(text) == f"'{text}"

    @pytest.mark.parametrize(
        "value", ["plain", "a = b", "", 0.35, Decimal("0.5"), 3, "'quoted'"]
    )
    def test_leaves_other_cells_as_they_are(self, value):
        assert cell(value) == str(value)

    def test_strangers_start_no_formula(self, admin_client, conversation):
        conversation.name = "@evil"
        conversation.save()
        decide(conversation, '=HYPERLINK("https://h.example")', why="-2+3")

        (row,) = table(admin_client.get(EXPORT))

        assert row["said"].startswith("'=")
        assert row["conversation"] == "'@evil"
        assert row["why"] == "'-2+3"
