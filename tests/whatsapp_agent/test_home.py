"""Home: what it tells, to whom, and at what price."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from conversations import gates
from conversations.gates import Spent
from conversations.models import Message, Worker
from evolution.models import (
    Instance,
    MissedSearch,
    RefusedWebhook,
    Silence,
    UnreadableEvent,
)
from llm.models import Decision
from tests.factories import (
    make_conversation,
    make_inbound,
    make_outbound,
    make_settings,
)
from whatsapp_agent.home import attention, chats, day, health, spending
from whatsapp_agent.home.page import home

pytestmark = pytest.mark.django_db

LONG_AGO = timedelta(days=2)
HOME = "/admin/"
LIVE = "/admin/home/"


@pytest.fixture
def conversation():
    return make_conversation(last_message_at=timezone.now())


def decide(conversation, message=None, **fields) -> Decision:
    defaults = {
        "step": "relevance",
        "source": "model",
        "outcome": "reply",
        "provider": "openai",
    }
    decision = Decision.objects.create(conversation=conversation, **defaults | fields)
    if message:
        decision.messages.add(message)
    return decision


def staff(django_user_model, *permissions: str) -> Client:
    user = django_user_model.objects.create_user("viewer", is_staff=True)
    for permission in permissions:
        app, _, codename = permission.partition(".")
        user.user_permissions.add(
            Permission.objects.get(content_type__app_label=app, codename=codename)
        )
    client = Client()
    client.force_login(user)
    return client


class TestHealth:
    def test_tells_that_no_worker_runs(self, admin_client):
        assert "Not running" in admin_client.get(HOME).text

    def test_tells_that_a_worker_runs(self, admin_client):
        now = timezone.now()
        Worker.objects.create(slot="1", started_at=now, seen_at=now)

        assert "Not running" not in admin_client.get(HOME).text

    def test_tells_since_when_a_worker_is_missed(self, admin_client):
        gone = timezone.now() - timedelta(minutes=7)
        Worker.objects.create(slot="1", started_at=gone, seen_at=gone)

        assert "last sign of life 7\xa0minutes ago" in admin_client.get(HOME).text

    def test_counts_the_conversations_that_wait_for_a_worker(self, conversation):
        conversation.due_at = timezone.now() - timedelta(seconds=1)
        conversation.save()

        assert health.worker().waiting == 1

    def test_does_not_count_the_one_that_is_worked_on(self, conversation):
        conversation.due_at = timezone.now() - timedelta(seconds=1)
        conversation.lease_token = "mine"
        conversation.lease_until = timezone.now() + timedelta(seconds=30)
        conversation.save()

        assert health.worker().waiting == 0

    def test_tells_that_the_agent_is_off(self, admin_client):
        make_settings(is_on=False)

        assert "nothing is answered" in admin_client.get(HOME).text

    def test_tells_which_numbers_are_off_by_themselves(self, admin_client):
        Instance.objects.create(name="second", state="open")
        own = {"second": {"is_on": False}, "third": {"is_on": True}}
        make_settings(own_values=own)

        response = admin_client.get(HOME)

        assert response.context["home"].switched_off == ["second"]
        assert "One number is switched off" in response.text

    def test_shows_each_number_with_its_state(self, admin_client):
        phone = "5511999990009@s.whatsapp.net"
        Instance.objects.create(name="one", state="open", phone_jid=phone)
        Instance.objects.create(name="spare", state="close", state_reason="401: gone")

        text = admin_client.get(HOME).text

        assert "+5511999990009" in text
        assert "401: gone" in text

    def test_tells_what_a_model_provider_lacks(self, admin_client, settings):
        settings.LLM_PROVIDERS["openai"]["api_key"] = ""
        make_settings(response_provider="openai")

        assert "OPENAI_API_KEY is not set" in admin_client.get(HOME).text

    def test_tells_that_a_model_answers(self, conversation, settings):
        settings.LLM_PROVIDERS["openai"]["api_key"] = "key"
        agent = make_settings(relevance_provider="openai", response_provider="openai")
        decide(conversation, outcome="failed", error="down")
        decide(conversation)

        relevance, response, _ = health.models(agent).steps

        assert (relevance.answered, relevance.failures) == ("less than a minute", 0)
        assert (response.answered, response.failures) == ("", 0)

    def test_tells_that_a_model_fails(self, conversation, settings):
        settings.LLM_PROVIDERS["openai"]["api_key"] = "key"
        agent = make_settings(relevance_provider="openai")
        decide(conversation)
        decide(conversation, outcome="failed", error="down")
        decide(conversation, outcome="failed", error="still down")

        models = health.models(agent)

        assert models.label == "Failing"
        assert (models.steps[0].failures, models.steps[0].error) == (2, "still down")

    def test_forgets_the_failures_of_another_provider(self, conversation):
        agent = make_settings(relevance_provider="scripted")
        decide(conversation, outcome="failed", error="down")

        assert health.models(agent).state == "open"

    def test_tells_of_the_model_that_transcribes(self, conversation):
        agent = make_settings(transcription_provider="openai")
        failed = {"step": "transcript", "outcome": "failed", "error": "no sound"}
        decide(conversation, **failed)

        hearing = health.models(agent).steps[-1]

        assert (hearing.model, hearing.failures) == ("whisper-1", 1)
        assert hearing.error == "no sound"

    def test_leaves_out_the_model_that_is_never_to_transcribe(self):
        agent = make_settings(transcribe="never")

        assert len(health.models(agent).steps) == 2

    def test_tells_what_transcription_lacks(self, admin_client, settings):
        settings.TRANSCRIPTION = {**settings.TRANSCRIPTION, "api_key": ""}
        make_settings(transcription_provider="openai")

        models = admin_client.get(HOME).context["home"].models

        assert (models.label, models.steps[-1].state) == ("Not set up", "close")

    @pytest.fixture
    def second(self):
        Instance.objects.create(name="second", state="open")
        own = {"response_provider": "anthropic", "response_model": "large"}
        make_settings(
            relevance_provider="openai",
            response_provider="openai",
            own_values={"second": own, "gone": {"response_model": "old"}},
        )
        return make_conversation(is_group=True, instance="second")

    def test_tells_a_number_s_own_model_apart(self, conversation, second, admin_client):
        decide(conversation, step="response", outcome="failed", error="down")
        decide(second, step="response", provider="anthropic", outcome="written")
        decide(second, outcome="silent")

        response = admin_client.get(HOME)

        steps = response.context["home"].models.steps
        found = [(one.step, one.numbers, one.failures, one.answered) for one in steps]
        now = "less than a minute"
        assert found[:3] == [
            ("relevance", [], 0, now),
            ("response", [], 1, ""),
            ("response", ["second"], 0, now),
        ]
        assert "(<bdi>second</bdi>): <bdi>large</bdi>" in response.text

    def test_makes_no_query_more_for_the_models_of_many_numbers(
        self, second, django_assert_max_num_queries
    ):
        names = [f"number-{n}" for n in range(12)]
        for name in names:
            Instance.objects.create(name=name, state="open")
        own = {name: {"response_model": name} for name in names}
        agent = make_settings(own_values=own)

        with django_assert_max_num_queries(2):  # and whose numbers are ours
            assert len(health.models(agent).steps) == 15


class TestDay:
    def test_counts_the_last_24_hours(self, conversation):
        long_ago = timezone.now() - LONG_AGO
        make_inbound(conversation)
        make_inbound(conversation, outcome="below_threshold")
        make_inbound(conversation, outcome="over_budget")
        make_inbound(conversation, outcome="gate_failed")
        make_inbound(conversation, sent_at=long_ago, outcome="too_old")
        for status in ("sent", "failed", "draft"):
            make_outbound(conversation, status=status)
        make_outbound(conversation, status="failed", sent_at=long_ago)

        assert day.day().counts == {
            "inbound": 4,
            "replies": 1,
            "left_alone": 2,
            "failed": 1,
            "unanswered": 1,
            "over_budget": 1,
            "drafts": 1,
        }

    def test_counts_a_reply_in_parts_once(self, conversation):
        make_outbound(conversation, status="sent", part=1)
        make_outbound(conversation, status="sent", part=2)

        assert day.day().counts["replies"] == 1

    def test_sorts_what_came_in_by_hours(self, conversation):
        make_inbound(conversation)
        make_inbound(conversation, sent_at=timezone.now() - timedelta(hours=3))

        hours = day.day().hours

        assert (len(hours), hours[-1], hours[-4], sum(hours)) == (25, 1, 1, 2)

    def test_finds_the_newest_failure(self, conversation):
        make_outbound(conversation, status="failed")
        newest = make_outbound(conversation, status="failed")

        assert day.day().newest == {"failed": newest.pk}

    def test_reads_nothing_where_nothing_happened(
        self, conversation, django_assert_num_queries
    ):
        make_inbound(conversation, sent_at=timezone.now() - LONG_AGO)

        with django_assert_num_queries(1):
            assert day.day().counts["inbound"] == 0


class TestWaiting:
    def test_names_who_waits_longest_first(self, conversation):
        group = make_conversation(is_group=True)
        make_inbound(group, sender=conversation.contact)
        before = timezone.now() - timedelta(minutes=9)
        first = make_inbound(conversation, "Anybody?", sent_at=before)
        make_inbound(conversation, "Hello?")

        waiting = chats.waiting()

        assert [one.conversation for one in waiting] == [conversation, group]
        assert (waiting[0].message, waiting[0].count) == (first, 2)
        assert waiting[0].since == "9\xa0minutes"

    def test_does_not_name_who_was_answered(self, conversation):
        make_inbound(conversation, outcome="replied")

        assert chats.waiting() == []


class TestLatest:
    def test_shows_a_message_once_however_many_steps_it_took(self, conversation):
        question = make_inbound(conversation, outcome="replied")
        decide(conversation, question, p=0.8, threshold=0.6)
        decide(conversation, question, step="response", outcome="written")

        (one,) = chats.latest()

        assert (one.message, one.p, one.threshold) == (question, 0.8, 0.6)
        assert (one.outcome, one.tone) == ("Replied", "ok")

    def test_leads_to_the_message_in_its_conversation(self, admin_client, conversation):
        question = make_inbound(conversation, outcome="below_threshold")
        decide(conversation, question, p=0.2, threshold=0.6)

        page = reverse(
            "admin:conversations_conversation_change", args=[conversation.pk]
        )
        assert f'href="{page}#message-{question.pk}"' in admin_client.get(HOME).text

    def test_shows_the_newest_first(self, conversation):
        questions = [make_inbound(conversation, outcome="replied") for _ in range(3)]
        for question in questions:
            decide(conversation, question)

        assert [one.message for one in chats.latest()] == questions[::-1]


class TestSpending:
    def test_counts_the_calls_of_models_since_midnight(self, conversation):
        decide(conversation, cost=Decimal("0.5"))
        decide(conversation)
        decide(conversation, source="rule")
        old = decide(conversation, cost=Decimal(7))
        Decision.objects.filter(pk=old.pk).update(created_at=timezone.now() - LONG_AGO)

        found = spending.today(make_settings(), [conversation.instance])

        assert (found.whole.calls, found.whole.cost) == (2, Decimal("0.5"))
        assert found.numbers == []

    def test_tells_them_for_each_of_several_numbers(self, conversation, admin_client):
        for name in (conversation.instance, "second"):
            Instance.objects.create(name=name, state="open")
        make_settings(own_values={"second": {"daily_spend_limit": "5"}})
        decide(conversation, cost=Decimal("0.25"))
        decide(make_conversation(is_group=True, instance="second"), cost=Decimal("1.5"))

        shown = admin_client.get(HOME).context["home"].spending.shown

        assert [(one.name, one.calls, one.cost, one.most_cost) for one in shown] == [
            ("second", 1, Decimal("1.5"), Decimal(5)),
            (conversation.instance, 1, Decimal("0.25"), None),
        ]

    def test_is_for_those_who_see_the_settings(self, django_user_model):
        client = staff(django_user_model, "conversations.view_message")

        assert "Model calls, today" not in client.get(HOME).text

    def test_makes_one_query_however_many_numbers(
        self, conversation, django_assert_num_queries
    ):
        names = [f"number-{n}" for n in range(20)]
        own = {name: {"daily_call_limit": 3} for name in names}
        agent = make_settings(own_values=own)
        for name in names:
            decide(make_conversation(is_group=True, instance=name))

        with django_assert_num_queries(1):
            assert len(spending.today(agent, names).numbers) == 20


class TestNeedsAPerson:
    @pytest.fixture
    def concerns(self, conversation, admin_user):
        def concerns() -> dict[str, attention.Concern]:
            return {one.text: one for one in home(admin_user).concerns}

        return concerns

    @pytest.mark.parametrize(
        ("status", "text"),
        [
            ("failed", "1 message was not sent"),
            ("unknown", "Whether 1 message left is unknown"),
            ("draft", "1 draft waits for approval"),
        ],
    )
    def test_tells_of_replies_that_did_not_leave(
        self, conversation, concerns, status, text
    ):
        reply = make_outbound(conversation, status=status)

        assert concerns()[text].newest == reply

    def test_tells_of_messages_that_a_model_failed_on(self, conversation, concerns):
        make_inbound(conversation, outcome="response_failed")

        assert "The model failed on 1 message" in concerns()

    def test_tells_of_messages_beyond_a_budget(self, conversation, concerns):
        make_inbound(conversation, outcome="over_budget")
        make_inbound(conversation, outcome="over_budget")

        assert "A budget was spent: 2 messages got no answer" in concerns()

    def test_does_not_tell_that_it_kept_from_speaking_twice_in_a_row(
        self, conversation, concerns
    ):
        just_now = Spent(
            replies=[], unprompted=[timezone.now()], calls=0, cost=Decimal(0)
        )
        silence = gates._unprompted_budget(make_settings(), just_now)
        make_inbound(conversation, outcome=silence[0], reason=silence[1])

        assert concerns() == {}

    def test_tells_of_webhooks_that_could_not_be_read(self, concerns):
        UnreadableEvent.objects.create(body="?", digest="1", error="?")
        UnreadableEvent.objects.create(
            body="!", digest="2", error="?", replayed_at=timezone.now()
        )

        assert "1 webhook could not be read" in concerns()

    def test_tells_of_refused_webhooks(self, concerns):
        long_ago = timezone.now() - LONG_AGO
        RefusedWebhook.objects.create(reason="secret", source="192.0.2.1")
        RefusedWebhook.objects.create(
            reason="secret", source="192.0.2.2", last_at=long_ago
        )

        assert "Webhooks of 1 sender were refused" in concerns()

    def test_tells_of_a_bridge_that_is_silent_until_it_is_heard_again(self, concerns):
        linked = Instance.objects.create(name="wa1")
        now = timezone.now()
        text = "wa1 is silent: messages come late, by looking for them"
        Silence.objects.create(instance=linked, began_at=now)
        url = reverse("admin:evolution_instance_change", args=[linked.pk])
        assert concerns()[text].url == url

        Silence.objects.update(ended_at=now)

        assert text not in concerns()

    def test_tells_why_missed_messages_cannot_be_looked_for(self, concerns):
        linked = Instance.objects.create(name="wa1")
        now = timezone.now()
        span = {"since": now, "until": now, "position": now}
        MissedSearch.objects.create(instance=linked, **span)
        assert not any("Missed messages" in text for text in concerns())

        MissedSearch.objects.update(error="It is not reachable.")

        assert (
            "Missed messages of wa1 cannot be looked for: It is not reachable."
            in concerns()
        )

    def test_tells_that_the_calls_of_the_day_are_used_up(self, conversation, concerns):
        make_settings(daily_call_limit=2)
        decide(conversation)
        decide(conversation)

        assert "Today's 2 model calls are used up" in concerns()

    def test_tells_that_the_money_of_the_day_is_spent(self, conversation, concerns):
        make_settings(daily_spend_limit=Decimal(1))
        decide(conversation, cost=Decimal("1.5"))

        assert "Today's 1.00 are spent" in concerns()

    def test_tells_whose_own_limit_is_used_up(self, conversation, concerns):
        make_settings(own_values={"second": {"daily_call_limit": 1}, "third": {}})
        decide(conversation)
        assert concerns() == {}

        decide(make_conversation(is_group=True, instance="second"))

        text = "Today's 1 model calls of second are used up"
        assert concerns()[text].url.endswith("?instance=second#limits")

    def test_tells_of_no_limit_that_is_not_reached(self, conversation, concerns):
        make_settings(daily_call_limit=2, daily_spend_limit=Decimal(1))
        decide(conversation, cost=Decimal("0.5"))

        assert concerns() == {}

    def test_tells_where_the_agent_is_paused(self, conversation, concerns):
        conversation.paused_until = timezone.now() + timedelta(hours=1)
        conversation.save()

        assert "The agent is paused in 1 active conversation" in concerns()

    def test_leads_to_lists_of_as_many_rows(self, admin_client, conversation, concerns):
        for status in ("failed", "failed", "unknown", "draft", "sent"):
            make_outbound(conversation, status=status)
        for outcome in ("over_budget", "gate_failed", "response_failed", "replied"):
            make_inbound(conversation, outcome=outcome)
        UnreadableEvent.objects.create(body="?", digest="1", error="?")
        RefusedWebhook.objects.create(reason="secret", source="192.0.2.1")

        for text, concern in concerns().items():
            response = admin_client.get(concern.url)

            assert response.status_code == 200, text
            shown = response.context_data["cl"].result_count
            assert f" {shown} " in f" {text} ", text


class TestAccess:
    def test_shows_nothing_to_staff_without_permissions(self, django_user_model):
        conversation = make_conversation(name="Secret club")
        make_inbound(conversation, "Top secret")
        Instance.objects.create(name="spare", state="open")

        text = staff(django_user_model).get(HOME).text

        assert "Secret" not in text
        assert "secret" not in text
        assert "spare" not in text
        assert "wa-card" not in text.replace("wa-cards", "")

    def test_shows_numbers_to_those_who_may_see_messages(self, django_user_model):
        client = staff(django_user_model, "conversations.view_message")

        text = client.get(HOME).text

        assert "Messages, last 24 h" in text
        assert "Waiting for an answer" not in text
        assert "/evolution/" not in text

    def test_sends_strangers_to_sign_in(self, client):
        assert client.get(HOME).status_code == 302
        assert client.get(LIVE).status_code == 302


class TestLive:
    def test_answers_204_while_nothing_changes(self, admin_client, conversation):
        make_inbound(conversation, outcome="replied")

        seen = admin_client.get(LIVE)["X-Seen"]

        assert admin_client.get(LIVE, {"seen": seen}).status_code == 204

    def test_shows_what_came_in_meanwhile(self, admin_client, conversation):
        seen = admin_client.get(LIVE)["X-Seen"]
        make_inbound(conversation, "Is anybody there?")

        assert "Is anybody there?" in admin_client.get(LIVE, {"seen": seen}).text

    def test_carries_no_token_of_a_form(self, admin_client):
        assert "csrfmiddlewaretoken" not in admin_client.get(LIVE).text

    def test_shows_strangers_text_as_text(self, admin_client, conversation):
        make_inbound(conversation, "<script>alert(1)</script>")

        assert "<script>alert" not in admin_client.get(LIVE).text


def test_costs_as_many_queries_with_many_rows_as_with_one(
    admin_client, django_assert_num_queries, django_assert_max_num_queries
):
    conversation = make_conversation(last_message_at=timezone.now())
    fill(conversation, 1)
    admin_client.get(LIVE)  # the applied migrations are looked up once
    with django_assert_max_num_queries(27) as before:
        admin_client.get(LIVE)

    fill(conversation, 30)

    with django_assert_num_queries(len(before.captured_queries)):
        admin_client.get(LIVE)


def fill(conversation, rows: int) -> None:
    for _ in range(rows):
        group = make_conversation(
            is_group=True,
            jid=f"{Message.objects.count()}@g.us",
            last_message_at=timezone.now(),
        )
        sender = conversation.contact
        question = make_inbound(group, sender=sender, outcome="replied")
        decide(group, question, p=0.7, threshold=0.6)
        make_inbound(group, sender=sender)
        for status in ("failed", "unknown", "draft", "sent"):
            make_outbound(group, status=status)
        number = UnreadableEvent.objects.count()
        UnreadableEvent.objects.create(body="?", digest=str(number), error="?")
        RefusedWebhook.objects.create(reason="secret", source=f"192.0.2.{number}")
