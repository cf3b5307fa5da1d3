from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families

from conversations.models import Worker
from evolution.models import Instance, RefusedWebhook
from llm.models import Decision
from tests.factories import make_conversation, make_inbound, make_outbound

pytestmark = pytest.mark.django_db


def samples(client: Client) -> dict[tuple, float]:
    """By name and labels."""
    text = client.get("/metrics").content.decode()
    return {
        (
            sample.name.removeprefix("whatsapp_agent_"),
            *sample.labels.values(),
        ): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_messages_are_counted_by_what_became_of_them(client: Client):
    chat = make_conversation()
    make_inbound(chat, outcome="replied")
    make_inbound(chat, outcome="replied")
    make_inbound(chat)
    make_outbound(chat, status="sent")
    old = timezone.now() - timedelta(hours=2)
    make_inbound(chat, outcome="replied", received_at=old)

    found = samples(client)

    assert found["messages_last_hour", "in", "replied"] == 2
    assert found["messages_last_hour", "in", "pending"] == 1
    assert found["messages_last_hour", "out", "sent"] == 1
    assert found["messages_total",] >= 5


def test_what_waits_is_counted(client: Client):
    chat = make_conversation()
    make_inbound(chat, received_at=timezone.now() - timedelta(seconds=90))
    make_inbound(chat)
    make_outbound(chat, status="unknown")

    found = samples(client)

    assert found["messages_pending",] == 2
    assert 89 < found["oldest_pending_seconds",] < 100
    assert found["outbox", "unknown"] == 1
    assert found["outbox", "queued"] == 0


def test_the_decisions_of_today_are_counted_with_their_cost(client: Client):
    chat = make_conversation()
    fields = {"conversation": chat, "step": "relevance", "source": "model"}
    Decision.objects.create(**fields, outcome="silent", cost="0.25")
    Decision.objects.create(**fields, outcome="silent", cost="0.5")
    yesterday = Decision.objects.create(**fields, outcome="silent", cost="9")
    Decision.objects.filter(pk=yesterday.pk).update(
        created_at=timezone.now() - timedelta(days=1)
    )

    found = samples(client)

    assert found["decisions_today", "silent", "model", "relevance"] == 2
    assert found["cost_today", "silent", "model", "relevance"] == 0.75


def test_the_calls_of_models_are_counted_for_each_number(client: Client):
    fields = {"step": "relevance", "source": "model", "outcome": "silent"}
    sales = make_conversation(is_group=True, instance="sales")
    helping = make_conversation(is_group=True, instance="help")
    for chat, cost in ((sales, "0.25"), (sales, "0.5"), (helping, None)):
        Decision.objects.create(conversation=chat, cost=cost, **fields)
    Decision.objects.create(conversation=helping, **fields | {"source": "rule"})

    found = samples(client)

    assert found["instance_calls_today", "sales"] == 2
    assert found["instance_cost_today", "sales"] == 0.75
    assert found["instance_calls_today", "help"] == 1
    assert found["decisions_today", "silent", "model", "relevance"] == 3


def test_worker_bridge_and_refusals_are_told_of(client: Client):
    moment = timezone.now() - timedelta(seconds=10)
    Worker.objects.create(slot="one", started_at=moment, seen_at=moment)
    Instance.objects.create(name="sales", state="open", webhook_at=moment)
    RefusedWebhook.objects.create(reason="secret", source="203.0.113.9", count=7)

    found = samples(client)

    assert 9 < found["worker_seen_seconds", "one"] < 20
    assert found["instance_state", "sales", "open"] == 1
    assert found["instance_state", "sales", "close"] == 0
    assert 9 < found["webhook_seen_seconds", "sales"] < 20
    assert found["webhooks_refused_total", "secret"] == 7


def test_they_take_the_same_queries_however_much_there_is(
    client: Client, django_assert_max_num_queries
):
    chat = make_conversation()
    for _ in range(20):
        make_inbound(chat)
        make_outbound(chat)

    with django_assert_max_num_queries(20):
        client.get("/metrics")


def test_an_empty_installation_has_metrics_too(client: Client):
    assert samples(client)["messages_pending",] == 0


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Forwarded-For": "203.0.113.9"},
        {"X-Forwarded-For": "127.0.0.1"},
        {"Forwarded": "for=203.0.113.9"},
        {"X-Real-Ip": "203.0.113.9"},
    ],
)
def test_there_are_none_for_whoever_comes_through_a_proxy(client: Client, headers):
    assert client.get("/metrics", headers=headers).status_code == 404


def test_there_are_none_for_other_machines(client: Client):
    assert client.get("/metrics", REMOTE_ADDR="203.0.113.9").status_code == 404


def test_behind_an_unknown_proxy_this_machine_is_not_enough(client: Client, settings):
    settings.SECURE = True

    assert client.get("/metrics").status_code == 404


def test_a_token_opens_them_from_anywhere(client: Client, settings):
    settings.METRICS_TOKEN = "token-of-the-monitoring"
    headers = {
        "Authorization": "Bearer token-of-the-monitoring",
        "X-Forwarded-For": "203.0.113.9",
    }

    assert client.get("/metrics", headers=headers).status_code == 200


@pytest.mark.parametrize(
    "given", ["", "Bearer", "Bearer wrong", "Basic token", "Bearer \xfc"]
)
def test_with_a_token_nothing_else_opens_them(client: Client, settings, given: str):
    settings.METRICS_TOKEN = "token"

    response = client.get("/metrics", headers={"Authorization": given})

    assert response.status_code == 404
