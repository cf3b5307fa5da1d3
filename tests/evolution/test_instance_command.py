import io
import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
import responses
import segno
import time_machine
from django.core.management import CommandError, call_command
from django.utils import timezone

from conversations.whatsapp import BridgeError
from evolution import client, instances
from evolution.models import Instance

RECORDINGS = Path(__file__).parent / "recordings"
URL = "http://evolution.test:9209"
WEBHOOK = "http://agent.test:9208/api/webhook/evolution"
NUMBER = "5511999990009"

pytestmark = pytest.mark.django_db


def recorded(name):
    return json.loads((RECORDINGS / "rest" / f"{name}.json").read_text())


def replay(name, instance="wa1"):
    """Answer as recorded, for another instance than the recorded one if need be."""
    request, response = recorded(name)["request"], recorded(name)["response"]
    path = request["url"].partition("?")[0]
    if path.count("/") == 3:
        path = f"{path.rpartition('/')[0]}/{instance}"
    return responses.add(
        request["method"], URL + path, status=response["status"], json=response["body"]
    )


def answer_states(*states):
    """Answer connectionState with one after the other, the last again and again."""
    for state in states:
        body = {"instance": {"instanceName": "wa1", "state": state}}
        responses.get(f"{URL}/instance/connectionState/wa1", json=body)


def answer_webhook(**changes):
    found = recorded("baileys_connection/006-webhook_set_base64_false")
    ours = {
        "url": WEBHOOK,
        "headers": {"X-Webhook-Secret": "webhook-secret"},
        "events": instances.EVENTS[::-1],
    }
    body = {**found["response"]["body"], **ours, **changes}
    responses.get(f"{URL}/webhook/find/wa1", json=body)


def asked():
    return [
        f"{call.request.method} {call.request.path_url}" for call in responses.calls
    ]


def body_of(path):
    [call] = [call for call in responses.calls if call.request.path_url == path]
    return json.loads(call.request.body)


def qr_code(name):
    return recorded(name)["response"]["body"]["code"]


def drawn(code):
    picture = io.StringIO()
    segno.make(code).terminal(out=picture, compact=True)
    return picture.getvalue()


def instance(action, *args, **options):
    out = io.StringIO()
    call_command("instance", action, *args, stdout=out, no_color=True, **options)
    return out.getvalue()


def failure(action, *args, **options):
    with pytest.raises(CommandError) as caught:
        instance(action, *args, **options)
    return str(caught.value)


@pytest.fixture(autouse=True)
def _evolution(settings, monkeypatch):
    settings.EVOLUTION_INSTANCE = "wa1"
    settings.WEBHOOK_URL = WEBHOOK
    monkeypatch.setattr(client, "_version", {URL: (float("inf"), "2.3.7")})
    with responses.mock:
        yield


@pytest.fixture
def clock(monkeypatch):
    """A clock that only sleep moves. What happens meanwhile is put into `events`."""
    events = {}
    start = datetime(2026, 11, 22, 12, tzinfo=UTC)
    with time_machine.travel(start, tick=False) as traveller:

        def sleep(seconds):
            traveller.shift(seconds)
            passed = (timezone.now() - start).total_seconds()
            for moment in [one for one in events if one <= passed]:
                events.pop(moment)()

        # Not for the threads that other tests have left.
        monkeypatch.setattr(instances, "time", SimpleNamespace(sleep=sleep))
        yield events


def webhook_says(**fields):
    """What the endpoint writes to the row when a webhook comes."""

    def write():
        fields.setdefault("webhook_at", timezone.now())
        Instance.objects.filter(name="wa1").update(**fields)

    return write


def test_tells_that_evolution_api_is_used():
    answer_states("open")
    replay("baileys_pairing/008-fetchInstances_open")
    answer_webhook()

    assert "Evolution API (https" in instance("status")


def test_wants_the_connection_to_be_configured(settings):
    settings.EVOLUTION_API_KEY = ""

    assert failure("status") == "Set EVOLUTION_URL and EVOLUTION_API_KEY first."


@pytest.mark.parametrize("action", ["create", "connect", "status", "webhook", "logout"])
def test_says_what_to_do_when_evolution_is_not_reachable(action, settings):
    responses.mock.stop(allow_assert=False)
    settings.EVOLUTION_URL = "http://127.0.0.1:1"

    said = failure(action)

    responses.mock.start()
    assert said == (
        "Evolution API is not reachable at http://127.0.0.1:1. "
        "Is it running? Is EVOLUTION_URL right?"
    )


@pytest.mark.parametrize(
    ("answer", "advice"),
    [
        pytest.param(
            "evolution_channel/013-create_wrong_key",
            "Set EVOLUTION_API_KEY to Evolution's AUTHENTICATION_API_KEY.",
            id="a wrong key",
        ),
        pytest.param(
            "evolution_channel/003-create_duplicate",
            "Choose another name, or link it with `manage.py instance connect wa1`.",
            id="a name in use",
        ),
    ],
)
def test_says_what_to_do_when_nothing_is_made_because_of(answer, advice):
    replay(answer)

    assert failure("create").endswith(advice)
    assert not Instance.objects.exists()


def test_says_what_to_do_when_a_licence_is_required():
    path = RECORDINGS / "reconstructed" / "rest.2.4.0.license_required.json"
    body = json.loads(path.read_text())["body"]
    responses.post(f"{URL}/instance/create", status=503, json=body)

    assert "activate it, or pin version 2.3.7" in failure("create")


@pytest.mark.parametrize("action", ["status", "delete"])
def test_says_what_to_do_when_there_is_no_instance(action):
    Instance.objects.create(name="wa1", state="open")
    replay("evolution_channel/018-fetchInstances_missing")

    said = failure(action, yes=True)

    assert said.endswith("Make it with `manage.py instance create wa1`.")
    assert Instance.objects.get().state == Instance.State.REMOVED


def test_creates_an_instance_with_our_webhook_and_nothing_more():
    replay("baileys_offline/001-create_noqr")

    said = instance("create")

    assert body_of("/instance/create") == {
        "instanceName": "wa1",
        "integration": "WHATSAPP-BAILEYS",
        "qrcode": False,
        "webhook": {
            "enabled": True,
            "url": WEBHOOK,
            "events": instances.EVENTS,
            "byEvents": False,
            "base64": False,
            "headers": {"X-Webhook-Secret": "webhook-secret"},
        },
    }
    assert "manage.py instance connect wa1" in said
    assert Instance.objects.get(name="wa1").state == Instance.State.CLOSE


@responses.activate
@pytest.mark.parametrize("name", ["a/b", " a", "a?b", "a%2Fb", "."])
def test_creates_no_instance_whose_name_no_address_can_carry(name):
    with pytest.raises(CommandError, match="the name becomes part of an address"):
        call_command("instance", "create", name)

    assert not responses.calls
    assert not Instance.objects.exists()


def test_does_not_ask_for_the_event_that_can_stall_an_instance():
    assert "MESSAGES_EDITED" not in instances.EVENTS


def test_creates_an_instance_with_a_pairing_code():
    replay("pairing_code/001-create_with_number")

    said = instance("create", number="+55 (11) 99999-0077")

    assert "Pairing code: 6R4F-JPG8" in said
    assert body_of("/instance/create")["number"] == "5511999990077"
    assert Instance.objects.get(name="wa1").pairing_code == "6R4FJPG8"


@pytest.mark.parametrize("number", ["me", "123", "1234567890123456"])
def test_takes_no_number_that_is_none(number):
    assert "wants digits" in failure("create", number=number)


def test_shows_the_status():
    answer_states("open")
    replay("baileys_connection/002-fetchInstances_after_unlink")
    answer_webhook()

    said = instance("status")

    assert "Evolution API 2.3.7" in said
    assert f"wa1: Open, {NUMBER}@s.whatsapp.net Clinic" in said
    assert "all is well" in said
    row = Instance.objects.get(name="wa1")
    assert (row.state, row.profile_name) == ("open", "Clinic")


def test_shows_how_to_link_a_number_that_is_not():
    answer_states("close")
    replay("baileys_offline/022-fetchInstances")
    answer_webhook()

    said = instance("status")

    assert "wa1: Closed, no number yet" in said
    assert "Link it with `manage.py instance connect wa1`." in said


def test_never_shows_a_token():
    answer_states("open")
    replay("baileys_pairing/008-fetchInstances_open")
    answer_webhook()

    said = instance("status")

    token = recorded("baileys_pairing/008-fetchInstances_open")["response"]["body"][0]
    assert token["token"] not in said
    assert "webhook-secret" not in said


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        pytest.param({"enabled": False}, "No webhook is registered.", id="off"),
        pytest.param(
            {"url": "http://x/"}, f"It goes to http://x/, not to {WEBHOOK}.", id="URL"
        ),
        pytest.param(
            {"headers": {"X-Webhook-Secret": "previous-secret"}},
            "It does not carry our current secret.",
            id="an old secret",
        ),
        pytest.param(
            {"headers": None}, "It does not carry our current secret.", id="no secret"
        ),
        pytest.param(
            {"events": ["MESSAGES_UPSERT"]},
            "Its events are not those that we use.",
            id="events",
        ),
        pytest.param(
            {"webhookBase64": True},
            "It splits its events by address, or carries media inside.",
            id="media",
        ),
    ],
)
def test_sees_that_the_webhook_is_not_ours_by_its(changes, problem):
    answer_states("open")
    replay("baileys_pairing/008-fetchInstances_open")
    answer_webhook(**changes)

    assert failure("status") == (
        f"The webhook is not ours. {problem} Run `manage.py instance webhook wa1`."
    )


def test_sees_that_there_is_no_webhook():
    answer_states("open")
    replay("baileys_pairing/008-fetchInstances_open")
    responses.get(f"{URL}/webhook/find/wa1", body="null")

    assert "No webhook is registered." in failure("status")


def test_keeps_the_reason_of_a_refusal_that_evolution_only_calls_closed():
    Instance.objects.create(name="wa1", state="refused", state_reason="QR codes")
    replay("qr_limit/007-state_after_limit")
    replay("qr_limit/008-fetch_after_limit")

    row = instances.refresh("wa1")

    assert (row.state, row.state_reason) == ("refused", "QR codes")


def test_forgets_the_lid_of_another_phone():
    Instance.objects.create(name="wa1", phone_jid="1@s.whatsapp.net", lid="2@lid")
    answer_states("open")
    replay("baileys_pairing/008-fetchInstances_open")

    row = instances.refresh("wa1")

    assert (row.phone_jid, row.lid) == (f"{NUMBER}@s.whatsapp.net", "")


@pytest.mark.parametrize(
    "state", ["", "a state that nobody ever heard of"], ids=["none", "unknown"]
)
def test_stores_no_state_that_it_does_not_know(state):
    Instance.objects.create(name="wa1", state="open")
    answer_states(state)
    replay("baileys_pairing/008-fetchInstances_open")

    assert instances.refresh("wa1").state == Instance.State.UNKNOWN


def test_registers_our_webhook():
    answer_webhook()
    replay("baileys_connection/006-webhook_set_base64_false")

    said = instance("webhook")

    assert body_of("/webhook/set/wa1")["webhook"]["events"] == instances.EVENTS
    assert "must be able to reach that address" in said
    assert "restart" not in said


def test_asks_for_a_restart_where_media_would_still_come_inside():
    answer_webhook(webhookBase64=True)
    replay("baileys_connection/006-webhook_set_base64_false")

    assert "manage.py instance restart wa1" in instance("webhook")


def test_draws_the_code_and_waits_until_the_phone_is_linked(clock):
    replay("baileys_connection/004-connect_after_unlink")
    answer_states("connecting", "connecting", "open")
    replay("baileys_pairing/008-fetchInstances_open")

    said = instance("connect")

    assert drawn(qr_code("baileys_connection/004-connect_after_unlink")) in said
    assert f"wa1 is linked to {NUMBER}@s.whatsapp.net." in said
    row = Instance.objects.get(name="wa1")
    assert (row.state, row.qr_code) == ("open", "")


def test_does_not_ask_for_codes_while_it_waits(clock):
    replay("baileys_connection/004-connect_after_unlink")
    answer_states(*["connecting"] * 10, "open")
    replay("baileys_pairing/008-fetchInstances_open")

    instance("connect")

    assert asked().count("GET /instance/connect/wa1") == 1


def test_draws_a_code_again_when_the_webhooks_bring_a_new_one(clock):
    replay("baileys_connection/004-connect_after_unlink")
    answer_states(*["connecting"] * 30, "open")
    replay("baileys_pairing/008-fetchInstances_open")
    clock[45] = webhook_says(qr_code="2@second")

    said = instance("connect")

    assert drawn("2@second") in said
    assert said.count("Scan this.") == 2
    assert asked().count("GET /instance/connect/wa1") == 1


def test_asks_for_the_new_code_when_no_webhook_brings_it(clock):
    replay("baileys_connection/004-connect_after_unlink")
    replay("baileys_connection/008-connect_after_logout")
    answer_states(*["connecting"] * 40, "open")
    replay("baileys_pairing/008-fetchInstances_open")

    said = instance("connect")

    assert drawn(qr_code("baileys_connection/008-connect_after_logout")) in said
    assert asked().count("GET /instance/connect/wa1") == 2


def test_waits_for_a_code_that_is_not_there_yet(clock):
    replay("baileys_offline/016-connect")
    replay("baileys_connection/008-connect_after_logout")
    answer_states(*["connecting"] * 8, "open")
    replay("baileys_pairing/008-fetchInstances_open")

    said = instance("connect")

    assert said.count("Scan this.") == 1


def test_opens_no_other_socket_while_the_instance_is_closed(clock):
    replay("baileys_offline/016-connect")
    answer_states("close")

    said = failure("connect")

    assert said.startswith("WhatsApp gave no QR code.")
    assert asked().count("GET /instance/connect/wa1") == 1


def test_says_that_the_number_is_linked_already():
    replay("baileys_pairing/007-connect_when_open")
    answer_states("open")
    replay("baileys_pairing/008-fetchInstances_open")

    assert "wa1 is linked to" in instance("connect")


def test_says_that_the_limit_of_codes_is_reached(clock):
    replay("qr_limit/009-connect_after_limit")
    answer_states("connecting", "close")
    clock[4] = webhook_says(state=Instance.State.REFUSED)

    assert "limit of QR codes is reached" in failure("connect")


def test_starts_anew_after_the_limit(clock):
    Instance.objects.create(name="wa1", state="refused")
    replay("qr_limit/009-connect_after_limit")
    answer_states("connecting", "open")
    replay("baileys_pairing/008-fetchInstances_open")

    assert "wa1 is linked to" in instance("connect")


def test_says_that_nobody_linked_a_phone_in_time(clock):
    replay("baileys_connection/004-connect_after_unlink")
    answer_states("connecting")
    clock[10] = webhook_says(qr_code="2@second")

    said = failure("connect", timeout=30)

    assert said == (
        "Nobody linked a phone in time. Run `manage.py instance connect wa1` again."
    )


def test_says_that_no_webhook_came_meanwhile(clock):
    Instance.objects.create(
        name="wa1", webhook_at=datetime(2026, 11, 22, 11, tzinfo=UTC)
    )
    replay("baileys_connection/004-connect_after_unlink")
    answer_states("connecting")

    said = failure("connect", timeout=4)

    assert f"no webhook came to {WEBHOOK}" in said


def test_gives_up_after_the_time_it_was_given(clock):
    replay("baileys_connection/004-connect_after_unlink")
    answer_states("connecting")
    started_at = timezone.now()

    failure("connect", timeout=30)

    assert timezone.now() - started_at == timedelta(seconds=30)


def test_asks_a_closed_instance_for_a_pairing_code(clock):
    replay("pairing_code/006-connect_with_number_query")
    answer_states("close", "connecting", "open")
    replay("baileys_pairing/008-fetchInstances_open")

    said = instance("connect", number="5511999990078")

    assert "Pairing code: GBFH-8Y54" in said
    assert "Scan this." not in said
    assert "GET /instance/connect/wa1?number=5511999990078" in asked()


def test_shows_the_pairing_code_of_an_instance_that_is_waiting_for_it(clock):
    replay("pairing_code/003-connect")
    answer_states("connecting", "open")
    replay("baileys_pairing/008-fetchInstances_open")

    assert "Pairing code: 6R4F-JPG8" in instance("connect", number="5511999990077")


def test_says_why_there_is_no_pairing_code_while_connecting():
    replay("baileys_pairing/003-connect_while_connecting")
    answer_states("connecting")

    said = failure("connect", number="5511999990077")

    assert said.startswith(
        "A pairing code can be had only while the instance is closed"
    )
    assert "manage.py instance connect wa1" in said
    assert "manage.py instance create wa1 --number" in said


def test_restarts():
    replay("baileys_connection/005-restart_when_open")

    assert "wa1 restarts." in instance("restart")


def test_says_that_only_an_open_instance_restarts():
    replay("baileys_offline/014-restart_closed")

    assert failure("restart") == (
        "Evolution API restarts only an instance that is open. "
        "Link it with `manage.py instance connect wa1`."
    )


def test_logs_out():
    Instance.objects.create(name="wa1", state="open")
    replay("baileys_connection/005-logout_open")

    said = instance("logout")

    assert said.splitlines()[1:] == ["wa1 is unlinked from its phone."]
    assert Instance.objects.get().state == Instance.State.CLOSE


def test_warns_of_linking_again_on_an_old_server(monkeypatch):
    monkeypatch.setattr(client, "_version", {URL: (float("inf"), "2.3.6")})
    replay("baileys_connection/005-logout_open")

    assert "delete it and create it anew" in instance("logout")


def test_says_that_there_is_nothing_to_log_out_of():
    replay("baileys_offline/015-logout_closed")

    assert failure("logout").startswith("The WhatsApp number is not connected.")


@pytest.mark.parametrize(
    "logout",
    ["baileys_connection/005-logout_open", "baileys_offline/015-logout_closed"],
    ids=["linked", "not linked"],
)
def test_deletes_in_the_order_that_frees_the_name(logout, clock):
    Instance.objects.create(name="wa1", state="open")
    replay("baileys_pairing/008-fetchInstances_open")
    answer_states("open", "close")
    replay("evolution_channel/037-webhook_set_disabled")
    replay(logout)
    replay("baileys_offline/024-delete_wa0")
    replay("baileys_offline/025-state_after")

    said = instance("delete", yes=True)

    assert "wa1 is deleted." in said
    assert [one for one in asked() if "onnectionState" not in one][1:] == [
        "POST /webhook/set/wa1",
        "DELETE /instance/logout/wa1",
        "DELETE /instance/delete/wa1",
    ]
    assert body_of("/webhook/set/wa1")["webhook"]["enabled"] is False
    assert Instance.objects.get().state == Instance.State.REMOVED


def test_says_when_a_deleted_instance_stays(clock):
    replay("baileys_pairing/008-fetchInstances_open")
    replay("misc/009-state_after_delete_deadhook")
    replay("evolution_channel/037-webhook_set_disabled")
    replay("baileys_connection/005-logout_open")
    replay("misc/008-delete_deadhook")

    said = failure("delete", yes=True)

    assert "20 minutes" in said
    assert "Choose another name, or wait." in said


@pytest.mark.parametrize("answer", ["", "n", "no"])
def test_deletes_nothing_without_consent(answer, monkeypatch):
    monkeypatch.setattr("builtins.input", lambda question: answer)

    assert failure("delete") == "Nothing was deleted."
    assert asked() == []


def test_deletes_with_consent(monkeypatch):
    monkeypatch.setattr("builtins.input", lambda question: "y")
    deleted = []
    monkeypatch.setattr(instances, "delete", deleted.append)

    instance("delete")

    assert deleted == ["wa1"]


def test_takes_another_instance_by_its_name():
    replay("baileys_offline/014-restart_closed", instance="second")

    assert "connect second" in failure("restart", "second")


def test_passes_on_what_stops_a_deletion():
    replay("baileys_pairing/008-fetchInstances_open")
    answer_states("open")
    replay("evolution_channel/037-webhook_set_disabled")
    responses.delete(
        re.compile(f"{URL}/instance/logout/.*"),
        status=401,
        json={"response": {"message": "Unauthorized"}},
    )

    with pytest.raises(BridgeError, match="refuses our key"):
        instances.delete("wa1")
