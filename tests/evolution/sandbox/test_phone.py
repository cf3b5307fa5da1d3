from datetime import UTC, datetime

import pytest
from django.contrib.auth.models import Permission, User
from django.urls import reverse

from conversations.models import AgentSettings, Conversation
from evolution.sandbox import people
from evolution.sandbox.server import BridgeServer
from tests.evolution.sandbox.town import ALICE, GROUP, Town

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.urls("tests.evolution.sandbox.urls"),
]
ALICE_JID = f"{ALICE}@s.whatsapp.net"


@pytest.fixture(autouse=True)
def sandbox(settings, town, serve) -> BridgeServer:
    server = serve(BridgeServer(town.bridge))
    settings.SANDBOX = True
    settings.EVOLUTION_URL = server.url
    settings.EVOLUTION_API_KEY = "sandbox"
    settings.EVOLUTION_INSTANCE = "wa1"
    return server


@pytest.fixture
def staff(client):
    user = User.objects.create_user("sam", is_staff=True)
    user.user_permissions.set(
        Permission.objects.filter(codename__in=["change_instance", "view_conversation"])
    )
    client.force_login(user)
    return client


def show(client, view: str = "sandbox_phone", **query: str):
    asked = {"instance": "wa1", "me": ALICE, "chat": GROUP} | query
    return client.get(reverse(f"admin:{view}"), asked)


def act(client, view: str, **fields: object):
    where = {"instance": "wa1", "me": ALICE, "chat": GROUP}
    return client.post(reverse(f"admin:sandbox_{view}"), where | fields, follow=True)


def said(town: Town) -> list:
    instance = town.bridge.world.instances["wa1"]
    return instance.timeline("", "").between(None, None, 0, 50)[1]


def test_shows_both_sides_of_a_chat(staff, town):
    instance = town.link()
    people.write(town.bridge, instance, GROUP, "Anyone here?", sender=ALICE)
    town.ask("POST", "/message/sendText/wa1", {"number": GROUP, "text": "I am"})

    page = show(staff).content.decode()

    assert "Anyone here?" in page
    assert "I am" in page


def test_text_is_only_text(staff, town):
    people.write(town.bridge, town.link(), GROUP, "<script>x</script>", sender=ALICE)

    page = show(staff).content.decode()

    assert "&lt;script&gt;x&lt;/script&gt;" in page
    assert "<script>x" not in page


def test_writes_as_the_chosen_person(staff, town):
    town.link()

    act(staff, "send", text="hi", mention="1")

    [message] = said(town)
    assert message.sender == ALICE
    assert message.data["contextInfo"]["mentionedJid"]


def test_writes_as_the_linked_phones_owner(staff, town):
    town.link()

    act(staff, "send", text="I take over", me="owner", chat=ALICE_JID)

    [message] = said(town)
    assert (message.from_me, message.origin) == (True, "phone")


def test_replies_to_a_message(staff, town):
    people.write(town.bridge, town.link(), GROUP, "M", sender=ALICE, message_id="M1")

    act(staff, "send", text="re", reply="M1")

    assert said(town)[0].data["contextInfo"]["stanzaId"] == "M1"


@pytest.mark.parametrize("kind", ["audio", "image", "video"])
def test_sends_a_file_of_its_own(staff, town, kind):
    town.link()

    button = {"audio": "voice", "image": "picture", "video": "film"}[kind]
    act(staff, "send", kind=button)

    assert said(town)[0].data["messageType"] == f"{kind}Message"


def test_reacts_edits_and_deletes(staff, town):
    people.write(town.bridge, town.link(), GROUP, "M", sender=ALICE, message_id="M1")

    act(staff, "react", reaction="M1 👍")
    act(staff, "send", text="better", edit="M1")
    act(staff, "delete", id="M1")

    message = town.bridge.world.instances["wa1"].messages["M1"]
    assert message.reactions == {ALICE: "👍"}
    assert (message.edited, message.deleted) == (True, True)


def test_scans_and_unlinks(staff, town):
    instance = town.create(qrcode=True)

    act(staff, "scan")
    town.bridge.tick()
    linked = instance.state
    act(staff, "unlink")

    assert (linked, instance.state) == ("open", "close")


def test_stops_the_bridge_from_reporting_and_lets_it_report_again(staff, town):
    instance = town.link()

    act(staff, "silence")
    before = len(town.events)
    town.ask("POST", "/message/sendText/wa1", {"number": ALICE, "text": "Hi"})
    assert len(town.events) == before
    assert len(instance.messages) == 1
    act(staff, "silence")

    assert not instance.is_silent


def test_a_restart_makes_a_silent_bridge_report_again(town):
    instance = town.link()
    town.ask("POST", "/sandbox/instances/wa1/silence", {"is_silent": True})

    town.ask("POST", "/instance/restart/wa1")

    assert not instance.is_silent
    assert town.emitted("connection.update")[-1]["data"]["state"] == "open"


def test_adds_a_person_and_a_group(staff, town):
    town.link()

    act(staff, "add_person", name="Eve")
    page = act(staff, "add_group", name="Choir", members=[ALICE]).content.decode()

    assert "Eve" in page
    assert "Choir" in page


def test_says_what_the_bridge_refused(staff, town):
    town.create()

    page = act(staff, "send", text="hi").content.decode()

    assert "No phone is linked" in page


def test_tells_the_script_what_was_refused(staff, town):
    town.create()

    answer = staff.post(
        reverse("admin:sandbox_send"),
        {"instance": "wa1", "me": ALICE, "chat": GROUP, "text": "hi"},
        headers={"X-Requested-With": "fetch"},
    )

    assert answer.status_code == 400
    assert b"No phone is linked" in answer.content


def test_polls_only_what_changed(staff, town):
    instance = town.link()
    people.write(town.bridge, instance, GROUP, "one", sender=ALICE)
    first = show(staff, "sandbox_phone_chat")

    nothing = show(staff, "sandbox_phone_chat", cursor=first["X-Cursor"])
    people.write(town.bridge, instance, GROUP, "two", sender=ALICE)
    something = show(staff, "sandbox_phone_chat", cursor=first["X-Cursor"])

    assert (first.status_code, nothing.status_code) == (200, 204)
    assert b"two" in something.content


def test_shows_that_the_agent_is_typing(staff, town):
    town.link()
    body = {"number": GROUP, "presence": "composing", "delay": 60_000}
    town.ask("POST", "/chat/sendPresence/wa1", body)

    assert "typing" in show(staff).content.decode()


@pytest.mark.parametrize(
    ("chat", "jid"),
    [
        pytest.param(GROUP, GROUP, id="group"),
        pytest.param(ALICE_JID, "239513548562601@lid", id="direct chat under a LID"),
    ],
)
def test_leads_to_what_the_agent_made_of_it(staff, town, chat, jid):
    town.link()
    conversation = Conversation.objects.create(
        instance="wa1", jid=jid, last_message_at=datetime.now(UTC)
    )

    page = show(staff, chat=chat).content.decode()

    assert (
        reverse("admin:conversations_conversation_change", args=[conversation.pk])
        in page
    )


def test_says_how_to_start_the_sandbox(staff, settings):
    settings.EVOLUTION_URL = "http://127.0.0.1:9"

    page = show(staff).content.decode()

    assert "manage.py sandbox" in page


def test_says_how_to_create_an_instance(staff):
    page = show(staff).content.decode()

    assert "manage.py instance create" in page


def test_is_not_there_with_a_real_bridge(staff, settings):
    settings.SANDBOX = False

    assert show(staff).status_code == 404


@pytest.mark.parametrize(
    "name", ["send", "react", "delete", "scan", "unlink", "add_person", "add_group"]
)
def test_changes_only_by_post(staff, name):
    assert staff.get(reverse(f"admin:sandbox_{name}")).status_code == 405


def test_sends_strangers_away(client):
    assert show(client).status_code == 302


def test_refuses_staff_without_the_permission(client):
    client.force_login(User.objects.create_user("eve", is_staff=True))

    assert show(client).status_code == 403


def test_needs_a_csrf_token(staff):
    staff.handler.enforce_csrf_checks = True

    assert act(staff, "send", text="hi").status_code == 403


class TestTwoNumbers:
    def test_can_be_chosen_between(self, staff, town):
        town.link()
        assert 'name="instance" id="sandbox-number"' not in show(staff).content.decode()
        town.link("second")
        page = show(staff, instance="second").content.decode()
        assert '<option value="second" selected>second</option>' in page

    def test_have_phones_of_their_own(self, town):
        first, second = town.link(), town.link("second")
        assert first.owner.phone != second.owner.phone

    def test_are_written_to_each_under_its_own_agents_name(self, staff, town):
        town.link()
        town.link("second")
        AgentSettings.load()
        AgentSettings.objects.update(own_values={"second": {"bot_name": "Zoe"}})
        assert show(staff, instance="second").context["agent"] == "Zoe"
        assert show(staff).context["agent"] == "Assistant"
        act(staff, "send", text="hi", instance="second")
        world = town.bridge.world
        told = world.instances["second"].timeline("", "").between(None, None, 0, 50)[1]
        assert len(told) == 1
        assert said(town) == []
