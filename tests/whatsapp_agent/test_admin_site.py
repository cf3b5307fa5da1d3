import pytest
from django.contrib import admin
from django.contrib.admin import ModelAdmin
from django.urls import reverse
from django.utils import timezone

from conversations.models import AgentSettings, Message, Worker
from evolution.models import Instance, RefusedWebhook, UnreadableEvent
from llm.models import Decision
from tests.factories import (
    make_conversation,
    make_inbound,
    make_outbound,
)

pytestmark = pytest.mark.django_db

ADMINS = sorted(admin.site._registry.items(), key=lambda item: item[0]._meta.label)
HOSTILE = "<script>alert(1)</script>\u202e" + "x" * 100


@pytest.fixture
def data():
    """A row of everything of ours, with what a stranger may put into it."""
    AgentSettings.load()
    conversation = make_conversation(name=HOSTILE)
    make_conversation(is_group=True)
    question = make_inbound(conversation, HOSTILE, outcome="replied", reason=HOSTILE)
    decision = Decision.objects.create(
        conversation=conversation,
        step="response",
        source="model",
        outcome="written",
        provider="openai",
        model=HOSTILE[:100],
        input=HOSTILE,
        output=HOSTILE,
    )
    decision.messages.add(question)
    make_outbound(conversation, HOSTILE, decision=decision, status="sent")
    Instance.objects.create(name="spare", profile_name=HOSTILE)
    UnreadableEvent.objects.create(body=HOSTILE, digest="1", error=HOSTILE)
    RefusedWebhook.objects.create(reason="secret", source="192.0.2.1")
    now = timezone.now()
    Worker.objects.create(slot="host-1", started_at=now, seen_at=now)


def page(model, kind: str, *args) -> str:
    meta = model._meta
    return reverse(f"admin:{meta.app_label}_{meta.model_name}_{kind}", args=args)


@pytest.mark.parametrize(
    ("model", "model_admin"), ADMINS, ids=[m._meta.label_lower for m, _ in ADMINS]
)
class TestEveryRegisteredModel:
    def test_has_a_list(self, admin_client, data, model, model_admin: ModelAdmin):
        response = admin_client.get(page(model, "changelist"), follow=True)

        assert response.status_code == 200
        assert "<script>alert" not in response.text

    def test_can_be_searched(self, admin_client, data, model, model_admin):
        response = admin_client.get(page(model, "changelist"), {"q": "a"}, follow=True)

        assert response.status_code == 200

    def test_offers_filters_that_work(self, admin_client, data, model, model_admin):
        response = admin_client.get(page(model, "changelist"), follow=True)

        if "cl" not in (response.context_data or {}):
            return
        cl = response.context_data["cl"]
        for spec in cl.filter_specs:
            for choice in spec.choices(cl):
                answer = admin_client.get(
                    page(model, "changelist") + choice["query_string"]
                )
                assert answer.status_code == 200, choice["query_string"]

    def test_has_a_page_for_each_row(self, admin_client, data, model, model_admin):
        for row in model.objects.all():
            response = admin_client.get(page(model, "change", row.pk))

            assert response.status_code == 200
            assert "<script>alert" not in response.text

    def test_can_be_added_to_where_that_makes_sense(
        self, admin_client, rf, admin_user, model, model_admin
    ):
        request = rf.get("/")
        request.user = admin_user
        may_add = model_admin.has_add_permission(request)

        response = admin_client.get(page(model, "add"))

        assert response.status_code == (200 if may_add else 403)

    def test_is_closed_to_staff_without_permission(
        self, client, django_user_model, model, model_admin
    ):
        staff = django_user_model.objects.create_user("nobody", is_staff=True)
        client.force_login(staff)

        assert client.get(page(model, "changelist")).status_code == 403

    def test_carries_no_inline_script_or_style(
        self, admin_client, data, model, model_admin
    ):
        response = admin_client.get(page(model, "changelist"), follow=True)

        assert "<style" not in response.text
        assert "<script>" not in response.text
        assert ' style="' not in response.text


@pytest.mark.parametrize(
    "model", [Message, Decision, Worker], ids=lambda model: model.__name__
)
def test_what_is_recorded_cannot_be_deleted(admin_client, data, model):
    row = model.objects.first()

    assert admin_client.get(page(model, "delete", row.pk)).status_code == 403


def test_quarantine_is_not_for_staff():
    assert "Quarantine" not in {model.__name__ for model in admin.site._registry}
