from datetime import timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from conversations.models import Message
from llm.admin_records import BoundedPaginator
from tests.factories import (
    make_contact,
    make_conversation,
    make_inbound,
)

pytestmark = pytest.mark.django_db

LIST = reverse("admin:conversations_conversation_changelist")


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
