"""The bridge is asked what the real one was asked, and has to answer alike."""

import json

import pytest

from evolution.sandbox import bodies, linking, people
from tests.evolution.sandbox.town import ALICE, GROUP, Town, recording, shape


def prepare_open(town: Town) -> None:
    instance = town.link()
    instance.webhook["webhookBase64"] = True
    people.write(
        town.bridge,
        instance,
        f"{ALICE}@s.whatsapp.net",
        "hello bot",
        sender=ALICE,
        message_id="3EB0000000000000000001",
    )


def prepare_fresh(town: Town) -> None:
    town.create("wa0")
    town.create("wa1")


def prepare_connecting(town: Town) -> None:
    town.create("wa1", qrcode=True)


def prepare_unlinked(town: Town) -> None:
    linking.close(town.bridge, town.link(), "device_removed")


def prepare_evo(town: Town) -> None:
    town.create("evo1")


OPEN = """
baileys_send/001-text baileys_send/002-text_delay baileys_send/005-text_lid_jid
baileys_send/006-text_unknown_lid baileys_send/007-text_not_on_whatsapp
baileys_send/008-text_garbage_number baileys_send/009-text_formatted_number
baileys_send/010-text_empty baileys_send/011-text_spaces
baileys_send/012-text_quoted_key_only baileys_send/013-text_quoted_full
baileys_send/014-text_quoted_unknown baileys_send/015-group_text
baileys_send/016-group_text_mentioned baileys_send/017-group_text_everyone
baileys_send/018-group_text_quoted baileys_send/019-group_unknown
baileys_send/020-media_image_base64 baileys_send/021-media_document
baileys_send/023-media_bad_base64
baileys_send/028-reaction baileys_send/035-presence baileys_send/036-presence_group baileys_send/037-presence_bad
baileys_send/038-mark_read_pn baileys_send/039-mark_read_lid
baileys_send/040-mark_read_group baileys_send/041-mark_read_missing
baileys_send/046-group_info_lid baileys_send/048-group_info_unknown
baileys_send/049-group_info_no_jid baileys_send/050-group_participants
baileys_pairing/006-connectionState_open baileys_pairing/007-connect_when_open
baileys_pairing/008-fetchInstances_open baileys_connection/005-restart_when_open
baileys_connection/005-logout_open
"""
FRESH = """
baileys_offline/002-state baileys_offline/003-sendText_never_connected
baileys_offline/005-sendPresence baileys_offline/006-sendPresence_bad_body
baileys_offline/007-markMessageAsRead baileys_offline/009-findMessages
baileys_offline/011-group_findGroupInfos baileys_offline/014-restart_closed
baileys_offline/015-logout_closed baileys_offline/022-fetchInstances
"""
CONNECTING = """
baileys_pairing/002-connectionState_connecting
baileys_pairing/003-connect_while_connecting
baileys_pairing/004-fetchInstances_connecting baileys_pairing/005-sendText_while_qr
"""
UNLINKED = """
baileys_connection/001-state_after_unlink
baileys_connection/002-fetchInstances_after_unlink
baileys_connection/003-sendText_after_unlink
baileys_connection/004-connect_after_unlink
"""
EVO = """
evolution_channel/001-root evolution_channel/003-create_duplicate
evolution_channel/004-create_no_integration evolution_channel/006-create_no_name
evolution_channel/018-fetchInstances_missing
evolution_channel/022-connectionState_missing
evolution_channel/030-webhook_find_missing_instance
evolution_channel/032-webhook_set_full evolution_channel/033-webhook_set_flat_body
evolution_channel/034-webhook_set_no_events evolution_channel/035-webhook_set_bad_event
evolution_channel_messages/018-sendText_no_text
evolution_channel_messages/019-sendText_no_number
evolution_channel_messages/024-sendText_missing_instance
evolution_channel_messages/051-unknown_route
evolution_channel_messages/052-method_not_allowed
evolution_channel_messages/062-delete_again
"""
CASES = [
    pytest.param(prepare, name, id=name)
    for prepare, names in (
        (prepare_open, OPEN),
        (prepare_fresh, FRESH),
        (prepare_connecting, CONNECTING),
        (prepare_unlinked, UNLINKED),
        (prepare_evo, EVO),
    )
    for name in names.split()
]


@pytest.mark.parametrize(("prepare", "name"), CASES)
def test_answers_as_the_real_bridge_did(town, prepare, name):
    exchange = recording(f"rest/{name}.json")
    asked, expected = exchange["request"], exchange["response"]
    prepare(town)

    status, body = town.ask(asked["method"], asked["url"], asked["body"])

    assert status == expected["status"]
    assert shape(body) == shape(expected["body"])
    if status >= 400:
        assert body == expected["body"]


@pytest.mark.parametrize("name", ["033-update_message", "034-delete_message"])
def test_changes_what_was_sent_as_the_real_bridge_did(town, name):
    exchange = recording(f"rest/baileys_send/{name}.json")
    asked, expected = exchange["request"], exchange["response"]
    prepare_open(town)
    _, sent = town.ask(
        "POST", "/message/sendText/wa1", {"number": ALICE, "text": "Hi Alice"}
    )
    body = json.loads(
        json.dumps(asked["body"]).replace("3EB0973F50BB8D48DF97AA", sent["key"]["id"])
    )

    status, answer = town.ask(asked["method"], asked["url"], body)

    assert status == expected["status"]
    assert shape(answer) == shape(expected["body"])


@pytest.mark.parametrize("asked", ["3EB0000000000000000001", "unknown"])
def test_changes_nothing_that_others_wrote(town, asked):
    prepare_open(town)
    body = {"id": asked, "fromMe": True, "remoteJid": f"{ALICE}@s.whatsapp.net"}

    assert town.ask("DELETE", "/chat/deleteMessageForEveryone/wa1", body)[0] == 400


@pytest.mark.parametrize(
    "name",
    [
        "evolution_channel/013-create_wrong_key",
        "evolution_channel/020-fetchInstances_wrongkey",
        "evolution_channel/023-connectionState_missing_wrongkey",
        "evolution_channel/024-connectionState_wrongkey",
        "evolution_channel_messages/025-sendText_wrong_key",
    ],
)
def test_refuses_a_wrong_key_as_the_real_bridge_did(town, name):
    exchange = recording(f"rest/{name}.json")
    asked = exchange["request"]
    prepare_evo(town)

    answer = town.ask(asked["method"], asked["url"], asked["body"], key="wrong")

    assert answer == (exchange["response"]["status"], exchange["response"]["body"])


def test_creates_an_instance_as_the_real_bridge_did(town):
    exchange = recording("rest/baileys_pairing/001-create_with_qrcode.json")

    status, body = town.ask("POST", "/instance/create", exchange["request"]["body"])

    assert status == 201
    assert shape(body) == shape(exchange["response"]["body"])


def test_creates_with_a_pairing_code_where_a_number_is_given(town):
    exchange = recording("rest/pairing_code/001-create_with_number.json")

    _, body = town.ask("POST", "/instance/create", exchange["request"]["body"])

    assert len(body["qrcode"]["pairingCode"]) == 8


def test_an_instance_opens_only_its_own_routes_with_its_token(town):
    mine = town.create("mine")
    town.create("yours")

    own, _ = town.ask("GET", "/instance/connectionState/mine", key=mine.token)
    other, _ = town.ask("GET", "/instance/connectionState/yours", key=mine.token)
    _, listed = town.ask("GET", "/instance/fetchInstances", key=mine.token)

    assert (own, other) == (200, 401)
    assert [row["name"] for row in listed] == ["mine"]


def test_reads_names_that_are_percent_encoded(town):
    town.create("Recepção 1/2")

    status, _ = town.ask("GET", "/instance/connectionState/Recep%C3%A7%C3%A3o%201%2F2")

    assert status == 200


def test_a_removed_instance_is_gone(town):
    town.link()

    town.ask("DELETE", "/instance/delete/wa1")

    assert town.ask("GET", "/instance/connectionState/wa1")[0] == 404
    assert town.emitted("remove.instance")


def test_finds_messages_in_the_recorded_shape(town):
    instance = town.link()
    alice = f"{ALICE}@s.whatsapp.net"
    people.write(town.bridge, instance, alice, "hello", sender=ALICE)
    town.ask("POST", "/message/sendText/wa1", {"number": ALICE, "text": "hi"})
    town.ask("POST", "/message/sendText/wa1", {"number": GROUP, "text": "hi group"})

    _, body = town.ask("POST", "/chat/findMessages/wa1", {})

    expected = recording("rest/misc2/002-findMessages_all.json")["response"]["body"]
    found, recorded = (one["messages"]["records"] for one in (body, expected))
    assert [shape(one)["key"] for one in found] == [
        shape(one)["key"] for one in recorded
    ]
    assert [set(one) for one in found] == [set(one) for one in recorded]


def send_many(town: Town, count: int) -> list[str]:
    town.link()
    ids = []
    for number in range(count):
        town.clock.now += 60
        body = {"number": ALICE, "text": f"{number}"}
        ids.append(town.ask("POST", "/message/sendText/wa1", body)[1]["key"]["id"])
    return ids


def find(town: Town, **query: object) -> tuple[dict, list[str]]:
    _, body = town.ask("POST", "/chat/findMessages/wa1", query)
    found = body["messages"]
    return found, [record["key"]["id"] for record in found["records"]]


def test_finds_messages_in_pages_newest_first(town):
    ids = send_many(town, 7)

    found, page = find(town, page=2, offset=3)

    assert page == ids[::-1][3:6]
    assert (found["total"], found["pages"], found["currentPage"]) == (7, 3, 2)


def test_finds_messages_within_a_span_of_time(town):
    start = town.clock.now
    ids = send_many(town, 5)
    span = {"gte": bodies.iso(start + 120), "lte": bodies.iso(start + 180)}

    _, page = find(town, where={"messageTimestamp": span})

    assert page == [ids[2], ids[1]]


def test_finds_only_what_we_sent_to_one_chat(town):
    ids = send_many(town, 2)
    instance = town.bridge.world.instances["wa1"]
    people.write(town.bridge, instance, f"{ALICE}@s.whatsapp.net", "hi", sender=ALICE)
    town.ask("POST", "/message/sendText/wa1", {"number": GROUP, "text": "other"})

    key = {"remoteJid": f"{ALICE}@s.whatsapp.net", "fromMe": True}
    _, page = find(town, where={"key": key})

    assert page == ids[::-1]


def test_finds_late_messages_in_whatsapps_order(town):
    ids = send_many(town, 2)
    instance = town.bridge.world.instances["wa1"]
    alice = f"{ALICE}@s.whatsapp.net"
    late = people.write(
        town.bridge, instance, alice, "late", sender=ALICE, sent_at=town.clock.now - 30
    )

    _, page = find(town)

    assert page == [ids[1], late.id, ids[0]]


class TestMessageIds:
    def test_are_not_taken_by_version_2_3(self, town):
        town.link()
        body = {"number": ALICE, "text": "hi", "messageId": "3EB0OURS"}

        _, sent = town.ask("POST", "/message/sendText/wa1", body)
        status, _ = town.ask("POST", "/baileys/generateMessageID/wa1", {})

        assert sent["key"]["id"] != "3EB0OURS"
        assert status == 404

    def test_make_a_resend_harmless_in_version_2_4(self):
        town = Town(version="2.4.0-rc2").populate()
        town.link()
        _, new = town.ask("POST", "/baileys/generateMessageID/wa1", {})
        body = {"number": ALICE, "text": "hi", "messageId": new["id"]}

        first = town.ask("POST", "/message/sendText/wa1", body)
        second = town.ask("POST", "/message/sendText/wa1", body)

        assert first == second
        assert find(town)[1] == [new["id"]]
