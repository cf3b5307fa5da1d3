from evolution.sandbox import demo
from evolution.sandbox.journal import Journal
from tests.evolution.sandbox.town import Town


def said(town: Town) -> list[str]:
    bodies = town.emitted("messages.upsert")
    return [body["data"]["message"]["conversation"] for body in bodies]


def test_a_conversation_plays_after_the_first_link():
    town = Town(demo_life=True)
    town.link()

    town.pass_time(30)

    assert len(said(town)) == len(demo.SCRIPT) + 1


def test_somebody_mentions_the_agent():
    town = Town(demo_life=True)
    owner = town.link().owner

    town.pass_time(30)

    mentioned = [
        body["data"].get("contextInfo", {}).get("mentionedJid", [])
        for body in town.emitted("messages.upsert")
    ]
    assert [owner.lid_jid] in mentioned


def test_the_conversation_plays_once(tmp_path):
    first = Town(demo_life=True, journal=Journal(tmp_path / "journal"))
    first.link()
    first.bridge.journal.close()

    second = Town(demo_life=True, journal=Journal(tmp_path / "journal"))
    second.ask("DELETE", "/instance/logout/wa1")
    second.ask("GET", "/instance/connect/wa1")
    second.ask("POST", "/sandbox/instances/wa1/scan")
    second.pass_time(20)

    second.bridge.journal.close()
    assert second.bridge.world.instances["wa1"].state == "open"
    assert not said(second)


def test_nobody_lives_in_a_bridge_for_tests():
    assert not Town().bridge.world.people
