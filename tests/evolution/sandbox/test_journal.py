import json

from evolution.sandbox import chat_view, people
from evolution.sandbox.journal import Journal, read
from tests.evolution.sandbox.town import ALICE, GROUP, Town


def live_a_little(path) -> Town:
    town = Town(journal=Journal(path)).populate()
    instance = town.link()
    write, bridge = people.write, town.bridge
    write(bridge, instance, GROUP, "hi @Carl", sender=ALICE, message_id="M1")
    write(bridge, instance, GROUP, "oops", sender=ALICE, message_id="M2")
    people.edit(bridge, instance, "M1", "hello", sender=ALICE)
    people.delete(bridge, instance, "M2", sender=ALICE)
    people.react(bridge, instance, "M1", "👍", sender=ALICE)
    town.ask("POST", "/message/sendText/wa1", {"number": ALICE, "text": "x"})
    bridge.journal.close()
    return town


def test_a_replay_brings_back_people_links_and_messages(tmp_path):
    before = live_a_little(tmp_path / "journal")

    after = Town(journal=Journal(tmp_path / "journal"))

    old, new = (
        (
            chat_view.overview(town.bridge),
            chat_view.chat(town.bridge, town.bridge.world.instances["wa1"], GROUP, ""),
            town.ask("POST", "/chat/findMessages/wa1", {}),
            town.ask("GET", "/webhook/find/wa1"),
        )
        for town in (before, after)
    )
    after.bridge.journal.close()
    assert old == new


def test_a_restart_says_that_the_link_is_open_again(tmp_path):
    live_a_little(tmp_path / "journal")

    after = Town(journal=Journal(tmp_path / "journal"))

    after.bridge.journal.close()
    states = [body["data"]["state"] for body in after.emitted("connection.update")]
    assert states == ["connecting", "open"]


def test_a_line_torn_by_a_kill_is_dropped(tmp_path):
    path = tmp_path / "journal"
    live_a_little(path)
    whole = path.read_bytes()
    path.write_bytes(whole + b'{"kind": "person", "na')

    journal = Journal(path)
    journal.write("person", 1, {"name": "Eve", "phone": "1"})
    journal.close()

    assert path.read_bytes().startswith(whole)
    assert list(read(path))[-1] == ("person", 1, {"name": "Eve", "phone": "1"})


def test_the_journal_testifies_what_was_sent(tmp_path):
    live_a_little(tmp_path / "journal")

    lines = (tmp_path / "journal").read_text().splitlines()
    records = [json.loads(line) for line in lines]
    sent = [one for one in records if one.get("origin") == "api"]
    assert [one["data"]["message"]["conversation"] for one in sent] == ["x"]
