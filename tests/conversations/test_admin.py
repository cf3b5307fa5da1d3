import pytest
from django.urls import reverse

from conversations.models import Message
from llm.admin_records import BoundedPaginator
from tests.factories import (
    make_contact,
    make_conversation,
    make_inbound,
)

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _no_collected_static_files(settings):
    settings.WHITENOISE_AUTOREFRESH = True


@pytest.fixture
def conversation():
    return make_conversation()


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

    @pytest.mark.parametrize(
        ("also", "may"), [((), False), (("change_agentsettings",), True)]
    )
    def test_are_named_commanders_by_who_may_switch_the_agent_off(
        self, staff, also, may
    ):
        contact = make_contact()
        url = reverse("admin:conversations_contact_change", args=[contact.pk])

        client = staff("view_contact", "change_contact", *also)
        client.post(url, {"name": "Ana", "access": "", "may_command": "on"})

        contact.refresh_from_db()
        assert contact.may_command is may


class TestMessages:
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
