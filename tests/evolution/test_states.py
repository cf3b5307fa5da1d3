"""What webhooks leave in the rows of instances."""

from datetime import timedelta

import pytest
from django.utils import timezone

from conversations.whatsapp import Address
from evolution import states
from evolution.connection import OwnAddressLearned
from evolution.models import Instance
from tests.evolution import recorded

CONNECTING = "webhooks/conn/restart_when_open/01-connection.update"
OPEN = "webhooks/conn/restart_when_open/02-connection.update"
QR = "webhooks/conn/connect_after_logout/02-qrcode.updated"
UNLINKED = "webhooks/terminal/unlinked_on_phone"
CLOSE = f"{UNLINKED}/01-connection.update"
LOGOUT = f"{UNLINKED}/02-logout.instance"
STATUS = f"{UNLINKED}/03-status.instance"
OWN_IN_GROUP = "webhooks/messages/group_fromMe_phone/01-messages.upsert"
TEXT = "webhooks/messages/dm_pn_conversation/01-messages.upsert"

pytestmark = pytest.mark.django_db


def receive(*paths):
    for path in paths:
        recorded.receive({**recorded.load(path), "instance": "wa1"})
    return Instance.objects.get()


def test_an_open_connection_tells_who_we_are():
    row = receive(CONNECTING, OPEN)

    assert (row.name, row.state, row.state_reason) == ("wa1", "open", "")
    assert row.phone_jid == "5511999990009@s.whatsapp.net"
    assert row.profile_name == "Clinic"
    assert row.state_at


def test_a_qr_code_can_be_shown():
    row = receive(CONNECTING, QR)

    assert row.qr_code.startswith("2@ACgiDsfgSnK")
    assert timezone.now() - row.qr_at < timedelta(seconds=5)


def test_a_pairing_code_can_be_shown():
    row = receive("webhooks/pairing_code/02-qrcode.updated")

    assert row.pairing_code == "6R4FJPG8"


def test_a_linked_phone_needs_no_qr_code():
    row = receive(CONNECTING, QR, OPEN)

    assert (row.qr_code, row.qr_at, row.pairing_code) == ("", None, "")


def test_a_qr_code_that_comes_late_is_not_shown():
    assert receive(OPEN, QR).qr_code == ""


@pytest.mark.parametrize(
    "order",
    [
        (CLOSE, LOGOUT, STATUS),
        (STATUS, LOGOUT, CLOSE),
        (LOGOUT, CLOSE, STATUS),
        (LOGOUT, STATUS, CLOSE),
    ],
    ids=["close first", "status first", "logout first", "close last"],
)
def test_the_end_keeps_its_reason_in_whatever_order_it_is_told(order):
    row = receive(OPEN, *order)

    assert row.state == "close"
    assert row.state_reason == (
        "401: unlinked on the phone or logged out"
        " (Stream Errored (conflict), device_removed)"
    )


def test_a_ban_is_called_one():
    row = receive("webhooks/login_refused/403_forbidden/04-connection.update")

    assert row.state_reason == "403: banned or refused by WhatsApp"


def test_a_new_connection_forgets_the_reason():
    assert receive(STATUS, CONNECTING).state_reason == ""


@pytest.mark.parametrize(
    "path",
    ["webhooks/qr_limit/04-qrcode.updated", "webhooks/qr_limit/05-connection.update"],
    ids=["as a QR code", "as a connection"],
)
def test_the_limit_of_qr_codes_says_what_to_do(path):
    row = receive(QR, path)

    assert row.state == "refused"
    assert row.state_reason.startswith("428: ")
    assert "connect again" in row.state_reason
    assert row.qr_code == ""


def test_a_removed_instance_stays_so_when_its_end_is_told_late():
    removed = "webhooks/pairing_code/06-remove.instance"

    assert receive(OPEN, removed, CLOSE, LOGOUT, STATUS).state == "removed"


def test_an_instance_made_anew_is_no_longer_removed():
    assert (
        receive("webhooks/pairing_code/06-remove.instance", CONNECTING).state
        == "connecting"
    )


def test_our_own_message_in_a_group_tells_our_lid():
    row = receive(OWN_IN_GROUP, TEXT)

    assert row.lid == "271357031895794@lid"
    assert row.phone_jid == "5511999990009@s.whatsapp.net"


def test_another_number_has_another_lid():
    receive(OWN_IN_GROUP)

    states.write(OwnAddressLearned("wa1", Address("551100@s.whatsapp.net")))

    row = Instance.objects.get()
    assert (row.phone_jid, row.lid, row.profile_name) == (
        "551100@s.whatsapp.net",
        "",
        "",
    )


def test_every_webhook_shows_that_they_arrive():
    row = receive("webhooks/messages/dm_pn_conversation/03-chats.update")

    assert timezone.now() - row.webhook_at < timedelta(seconds=5)


def test_that_they_arrive_is_not_written_every_time(
    django_capture_on_commit_callbacks, django_assert_num_queries
):
    with django_capture_on_commit_callbacks(execute=True):
        receive("webhooks/messages/dm_pn_conversation/03-chats.update")

    with django_assert_num_queries(0):
        recorded.receive(recorded.load("webhooks/messages/album/03-chats.update"))


def test_a_change_is_written_however_fast_it_comes(django_capture_on_commit_callbacks):
    for path, state in [
        (CONNECTING, "connecting"),
        (OPEN, "open"),
        (CONNECTING, "connecting"),
        (CLOSE, "close"),
        (CONNECTING, "connecting"),
        (STATUS, "close"),
        (CONNECTING, "connecting"),
    ]:
        with django_capture_on_commit_callbacks(execute=True):
            assert receive(path).state == state


def test_what_was_rolled_back_is_written_again(deliver, monkeypatch):
    with monkeypatch.context() as broken:
        broken.setattr(states, "mark_seen", lambda name: 1 / 0)
        deliver(recorded.load(OPEN))
    assert not Instance.objects.exists()

    deliver(recorded.load(OPEN))

    assert Instance.objects.get().state == "open"
