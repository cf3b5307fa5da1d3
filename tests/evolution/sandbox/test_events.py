"""What the bridge emits has the keys of what the real one emitted."""

import pytest

from evolution import events
from evolution.sandbox import linking, people
from evolution.sandbox.bridge import Pace
from tests.evolution.sandbox.town import (
    ALICE,
    CARL,
    GROUP,
    Town,
    recording,
    shape,
)

ALICE_JID = f"{ALICE}@s.whatsapp.net"


def same_shape(emitted: dict, name: str) -> bool:
    """Compare with a recording; only some of those have what phones add."""
    recorded = recording(f"webhooks/{name}.json")
    ours, theirs = shape(emitted), shape(recorded)
    for body in (ours, theirs):
        message = isinstance(body["data"], dict) and body["data"].get("message")
        if message:
            message.pop("messageContextInfo", None)
    assert list(emitted) == list(recorded)
    return ours == theirs


def test_pairing_emits_what_the_real_bridge_emitted(town):
    town.link()

    names = [
        "01-instance.create",
        "02-connection.update",
        "03-qrcode.updated",
        "04-connection.update",
        "05-connection.update",
    ]
    assert len(town.events) == len(names)
    for body, name in zip(town.events, names, strict=True):
        assert same_shape(body, f"baileys_pairing/{name}")


def test_the_open_event_names_the_linked_phone(town):
    town.link()

    assert town.events[-1]["data"]["wuid"] == "5511999990009@s.whatsapp.net"


@pytest.mark.parametrize(
    ("number", "quoted", "name"),
    [
        pytest.param(ALICE, None, "send/text/01-send.message", id="direct"),
        pytest.param(GROUP, None, "send/group_text/01-send.message", id="group"),
        pytest.param(
            GROUP, "M1", "send/group_text_quoted/01-send.message", id="quote in a group"
        ),
    ],
)
def test_sending_emits_what_the_real_bridge_emitted(town, number, quoted, name):
    instance = town.link()
    people.write(town.bridge, instance, GROUP, "hi", sender=ALICE, message_id="M1")
    body = {"number": number, "text": "x"}
    if quoted:
        body["quoted"] = {"key": {"id": quoted}}

    _, answer = town.ask("POST", "/message/sendText/wa1", body)

    [emitted] = town.emitted("send.message")
    assert same_shape(emitted, name)
    assert emitted["data"] == answer


@pytest.mark.parametrize("name", ["020-media_image_base64", "021-media_document"])
def test_a_file_is_told_of_as_the_real_bridge_did(town, name):
    asked = recording(f"rest/baileys_send/{name}.json")["request"]["body"]
    instance = town.link()
    instance.webhook["webhookBase64"] = True

    _, answer = town.ask("POST", "/message/sendMedia/wa1", asked)

    [emitted] = town.emitted("send.message")
    assert same_shape(emitted, f"send/{name[4:]}/01-send.message")
    assert emitted["data"] == answer


def test_the_record_keeps_no_file(town):
    town.link()
    asked = recording("rest/baileys_send/021-media_document.json")["request"]["body"]
    town.ask("POST", "/message/sendMedia/wa1", asked)

    _, found = town.ask("POST", "/chat/findMessages/wa1", {"where": {}})

    [record] = found["messages"]["records"]
    assert record["message"]["documentMessage"]["fileName"] == "a.pdf"
    assert "base64" not in record["message"]


def test_the_send_event_leaves_before_the_answer(town):
    town.link()

    town.bridge.handle(
        "POST", "/message/sendText/wa1", {"number": ALICE, "text": "x"}, "sandbox"
    )

    assert town.emitted("send.message")
    assert not town.emitted("messages.update")


def test_receipts_come_for_direct_chats_only(town):
    instance = town.link()
    for number in (ALICE, GROUP):
        town.ask("POST", "/message/sendText/wa1", {"number": number, "text": "x"})
    people.write(town.bridge, instance, ALICE_JID, "thanks", sender=ALICE)

    delivered, read = town.emitted("messages.update")

    assert same_shape(delivered, "receipts/delivered/01-messages.update")
    assert same_shape(read, "receipts/read/01-messages.update")
    assert (delivered["data"]["status"], read["data"]["status"]) == (
        "DELIVERY_ACK",
        "READ",
    )


@pytest.mark.parametrize(
    ("options", "name"),
    [
        pytest.param(
            {"chat": GROUP, "sender": ALICE},
            "realistic/group_text_android/01-messages.upsert",
            id="in a group",
        ),
        pytest.param(
            {"chat": GROUP, "sender": ALICE, "mention": True},
            "realistic/group_mention_bot_lid/01-messages.upsert",
            id="mentioning the agent",
        ),
        pytest.param(
            {"chat": GROUP, "sender": ALICE, "quoted": "M1"},
            "realistic/group_reply_to_bot/01-messages.upsert",
            id="replying in a group",
        ),
        pytest.param(
            {"chat": ALICE_JID, "sender": ALICE},
            "messages/dm_pn_conversation/01-messages.upsert",
            id="in a direct chat",
        ),
        pytest.param(
            {"chat": ALICE_JID, "sender": ALICE, "quoted": "M1"},
            "messages/dm_quoted_reply/01-messages.upsert",
            id="replying in a direct chat",
        ),
        pytest.param(
            {"chat": GROUP},
            "messages/group_fromMe_phone/01-messages.upsert",
            id="typed on the linked phone",
        ),
        pytest.param(
            {"chat": ALICE_JID, "sender": ALICE, "kind": "voice"},
            "base64/set_false_after_restart/01-messages.upsert",
            id="a voice note",
        ),
    ],
)
def test_messages_look_like_recorded_ones(town, options, name):
    instance = town.link()
    people.write(town.bridge, instance, GROUP, "hi", sender=CARL, message_id="M1")

    people.write(town.bridge, instance, text="hello", **options)

    assert same_shape(town.emitted("messages.upsert")[-1], name)


@pytest.mark.parametrize(
    ("text", "mentioned"),
    [
        pytest.param("@ are you there?", ["owner"], id="a bare @"),
        pytest.param("ask @Juno please", ["owner"], id="the agent's name"),
        pytest.param("@carl look", [CARL], id="a member"),
        pytest.param("mail me at a@carl.test", [], id="an address"),
        pytest.param("@nobody", [], id="nobody we know"),
    ],
)
def test_an_at_sign_mentions_members(town, text, mentioned):
    instance = town.link()
    people.write(town.bridge, instance, GROUP, text, sender=ALICE, agent_names=["Juno"])

    info = town.emitted("messages.upsert")[-1]["data"].get("contextInfo") or {}

    persons = [
        instance.owner if one == "owner" else town.bridge.world.people[one]
        for one in mentioned
    ]
    assert info.get("mentionedJid", []) == [person.lid_jid for person in persons]


def test_a_reaction_looks_like_a_recorded_one(town):
    instance = town.link()
    people.write(town.bridge, instance, ALICE_JID, "hi", sender=ALICE, message_id="M1")

    people.react(town.bridge, instance, "M1", "", sender=ALICE)

    emitted = town.emitted("messages.upsert")[-1]
    assert same_shape(emitted, "messages/reaction_remove/01-messages.upsert")


def test_an_edit_looks_like_a_recorded_one(town):
    instance = town.link()
    people.write(town.bridge, instance, ALICE_JID, "hi", sender=ALICE, message_id="M1")

    people.edit(town.bridge, instance, "M1", "hello", sender=ALICE)

    [edited], [update] = (
        town.emitted("messages.edited"),
        town.emitted("messages.update"),
    )
    assert same_shape(edited, "messages/edit_protocol/01-messages.edited")
    assert same_shape(update, "messages/edit_protocol/02-messages.update")


def test_a_deletion_is_announced_twice(town):
    instance = town.link()
    people.write(town.bridge, instance, GROUP, "hi", sender=ALICE, message_id="M1")

    people.delete(town.bridge, instance, "M1", sender=ALICE)

    [revoked], [deleted] = (
        town.emitted("messages.edited"),
        town.emitted("messages.delete"),
    )
    assert same_shape(revoked, "messages/revoke_unknown/01-messages.edited")
    assert (deleted["data"]["id"], deleted["data"]["status"]) == ("M1", "DELETED")


def test_unlinking_on_the_phone_emits_what_the_real_bridge_emitted(town):
    instance = town.link()
    town.events.clear()

    linking.close(town.bridge, instance, "device_removed")

    folder = "terminal/unlinked_on_phone"
    names = ["02-logout.instance", "01-connection.update", "03-status.instance"]
    for body, name in zip(town.events, names, strict=True):
        assert same_shape(body, f"{folder}/{name}")
    recorded = recording(f"webhooks/{folder}/03-status.instance.json")
    reason = town.events[-1]["data"]["disconnectionObject"]
    assert reason[:100] == recorded["data"]["disconnectionObject"][:100]


class TestCodes:
    def test_rotate_until_they_are_scanned(self, town):
        instance = town.create(qrcode=True)
        first = instance.qr["code"]

        town.pass_time(45)
        rotated = instance.qr
        linking.scan(town.bridge, instance)
        town.pass_time(45)

        assert (rotated["count"], rotated["code"] != first) == (2, True)
        assert len(town.emitted("qrcode.updated")) == 2

    def test_end_at_the_limit(self):
        town = Town(pace=Pace(qr_limit=2))
        instance = town.create(qrcode=True)

        town.pass_time(45)
        town.pass_time(45)

        limit, refused = town.events[-2:]
        assert same_shape(limit, "qr_limit/04-qrcode.updated")
        assert same_shape(refused, "qr_limit/05-connection.update")
        assert instance.state == "close"

    def test_begin_anew_when_asked_again(self):
        town = Town(pace=Pace(qr_limit=1))
        instance = town.create(qrcode=True)
        town.pass_time(45)

        _, answer = town.ask("GET", "/instance/connect/wa1")

        assert (answer["count"], instance.state) == (1, "connecting")

    def test_are_scanned_unasked_where_wanted(self):
        town = Town(pace=Pace(scan=3, link=0))
        instance = town.create(qrcode=True)

        town.pass_time(3)
        town.bridge.tick()

        assert instance.state == "open"


def test_only_subscribed_events_are_delivered(town):
    hook = {"url": "http://agent.test/hook", "events": ["MESSAGES_UPSERT"]}
    town.create(webhook=hook)
    town.ask("GET", "/instance/connect/wa1")
    linking.scan(town.bridge, town.bridge.world.instances["wa1"])
    town.bridge.tick()
    people.write(
        town.bridge, town.bridge.world.instances["wa1"], GROUP, "hi", sender=ALICE
    )

    assert [body["event"] for body in town.events] == ["messages.upsert"]


def test_every_event_of_a_whole_life_is_readable(town):
    instance = town.link()
    bridge = town.bridge
    people.write(bridge, instance, GROUP, "@ hi", sender=ALICE, message_id="M1")
    people.write(bridge, instance, GROUP, "re", sender=CARL, quoted="M1")
    people.write(bridge, instance, ALICE_JID, "", sender=ALICE, kind="voice")
    people.write(bridge, instance, ALICE_JID, "me", sender=ALICE, kind="picture")
    people.write(bridge, instance, ALICE_JID, "go", sender=ALICE, kind="film")
    people.write(bridge, instance, GROUP, "typed on the phone")
    people.react(bridge, instance, "M1", "👍", sender=CARL)
    people.edit(bridge, instance, "M1", "hello", sender=ALICE)
    people.delete(bridge, instance, "M1", sender=ALICE)
    for number in (ALICE, GROUP):
        town.ask("POST", "/message/sendText/wa1", {"number": number, "text": "x"})
    town.ask("DELETE", "/instance/logout/wa1")
    town.ask("DELETE", "/instance/delete/wa1")

    parsed = [events.parse(body) for body in town.events]

    assert len(town.events) > 25
    assert not [one.failures for one in parsed if one.failures]
