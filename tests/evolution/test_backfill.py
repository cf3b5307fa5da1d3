"""Messages that no webhook told of are found in the bridge's record, and taken in once."""

import json
import time
from datetime import timedelta
from pathlib import Path

import pytest
import requests
import responses
from django.utils import timezone

from conversations import intake, mailbox, pipeline, replying
from conversations.models import Conversation, Message, Worker
from evolution import backfill, record, webhook
from evolution.events import parse
from evolution.models import (
    OVERLAP,
    SETTLING,
    Instance,
    MissedSearch,
    UnreadableEvent,
    Why,
)
from llm.call import Call
from llm.response import Reply
from tests.evolution import recorded
from tests.factories import make_outbound, make_settings
from tests.standins.bridge import API_KEY, INSTANCE, StandIn

pytestmark = pytest.mark.django_db

RECORDINGS = Path(__file__).parent / "recordings" / "rest"
URL = "http://evolution.test:9209"
ANA = "5511988887777"
MINUTES = 60


class SilentBridge(StandIn):
    """It keeps its record, and delivers nothing."""

    def __init__(self) -> None:
        self.searches: list[dict] = []
        super().__init__("http://agent.test/hook", "", deliver=lambda *call: None)

    def before(self, method, path, body):
        if path.startswith("/chat/findMessages/"):
            self.searches.append(body)
        return super().before(method, path, body)

    def forget(self) -> None:
        self.instance.messages.clear()
        self.instance.timelines.clear()
        self.searches.clear()


@pytest.fixture(scope="module")
def silent_bridge():
    bridge = SilentBridge()
    yield bridge.start()
    bridge.stop()


@pytest.fixture
def bridge(silent_bridge, settings):
    settings.EVOLUTION_URL, settings.EVOLUTION_API_KEY = silent_bridge.url, API_KEY
    silent_bridge.forget()
    return silent_bridge


@pytest.fixture
def row():
    now = timezone.now()
    return Instance.objects.create(
        name=INSTANCE,
        state="open",
        state_at=now - timedelta(hours=5),
        webhook_at=now - timedelta(hours=1),
        complete_until=now - timedelta(hours=2),
    )


@pytest.fixture
def ana(bridge):
    return bridge.person("Ana")


def write(bridge, sender, text, ago=0.0, group="", **fields):
    sent_at = time.time() - ago
    return bridge.write(sender, text, group, sent_at=sent_at, **fields)


def send(bridge, number, text) -> None:
    """Through the API, as we and other programs do."""
    body = {"number": number, "text": text}
    bridge.bridge.handle("POST", f"/message/sendText/{INSTANCE}", body, API_KEY)


def search(row: Instance) -> MissedSearch:
    Instance.objects.filter(pk=row.pk).update(search_at=None)
    backfill.search(row.pk)
    return MissedSearch.objects.latest("pk")


def texts() -> list[str]:
    return list(Message.objects.chronological().values_list("text", flat=True))


class TestFinding:
    def test_stores_what_is_missing_in_whatsapps_order(self, bridge, row, ana):
        for n in (30, 20, 5):
            write(bridge, ana, f"{n} minutes ago", n * MINUTES)

        done = search(row)

        assert texts() == ["30 minutes ago", "20 minutes ago", "5 minutes ago"]
        assert (done.found, done.too_old, done.seen) == (3, 2, 3)
        assert done.finished_at

    def test_makes_the_conversation_due(self, bridge, row, ana):
        write(bridge, ana, "Anybody?", 60)

        search(row)

        assert Conversation.objects.get().due_at

    def test_finds_each_message_once(self, bridge, row, ana):
        write(bridge, ana, "Hello", 60)
        search(row)

        assert search(row).found == 0
        assert texts() == ["Hello"]

    def test_is_the_same_row_by_webhook_and_by_record(self, bridge, row, ana, deliver):
        message = write(bridge, ana, "Hello", 60)
        body = {"event": "messages.upsert", "instance": INSTANCE, "data": message.data}
        recorded.receive(body)

        assert search(row).found == 0

        recorded.receive(body)
        assert Message.objects.count() == 1

    def test_a_webhook_that_comes_after_the_search_changes_nothing(
        self, bridge, row, ana
    ):
        message = write(bridge, ana, "Hello", 60)
        search(row)

        recorded.receive(
            {"event": "messages.upsert", "instance": INSTANCE, "data": message.data}
        )

        assert Message.objects.count() == 1

    def test_finds_messages_of_groups_with_their_senders(self, bridge, row, ana):
        group = bridge.group("Family", [ana])
        write(bridge, ana, "In the group", 60, group)

        search(row)

        message = Message.objects.get()
        assert message.conversation.jid == group
        assert message.sender.phone_jid == f"{ana}@s.whatsapp.net"

    def test_looks_no_further_back_than_the_last_moment_known_good(
        self, bridge, row, ana
    ):
        write(bridge, ana, "Long ago", 3 * 60 * MINUTES)

        assert search(row).found == 0

    def test_does_not_count_as_a_webhook(self, bridge, row, ana):
        write(bridge, ana, "Hello", 60)

        search(row)

        assert Instance.objects.get().webhook_at == row.webhook_at

    def test_takes_a_message_that_was_deleted_meanwhile_as_deleted(
        self, bridge, row, ana
    ):
        message = write(bridge, ana, "Oh no", 60)
        message.deleted = True

        search(row)

        assert Message.objects.get().deleted_at

    def test_reads_what_was_recorded(self):
        name = "misc2/002-findMessages_all.json"
        answer = json.loads((RECORDINGS / name).read_text())["response"]["body"]

        for one in answer["messages"]["records"]:
            assert webhook.take_in(INSTANCE, one, lambda stored: None)

        assert sorted(Message.objects.values_list("text", "direction", "author")) == [
            ("hello", "in", ""),
            ("hi from bot", "out", "phone"),
            ("hi group", "out", "phone"),
        ]
        assert not Conversation.objects.exclude(taken_over_until=None).exists()


class TestOurOwn:
    def test_what_we_sent_is_never_a_second_message_nor_a_take_over(
        self, bridge, row, ana
    ):
        write(bridge, ana, "Hello", 60)
        search(row)
        conversation = Conversation.objects.get()
        now = timezone.now()
        make_outbound(conversation, "Hi!", status="sending", attempted_at=now)
        send(bridge, ana, "Hi!")

        assert search(row).found == 0

        ours = conversation.messages.get(direction="out")
        assert (ours.status, bool(ours.whatsapp_id)) == ("sent", True)
        conversation.refresh_from_db()
        assert not conversation.is_taken_over

    def test_what_another_program_sent_through_the_bridge_does_not_take_over(
        self, bridge, row, ana
    ):
        send(bridge, ana, "Your parcel is here")

        search(row)

        assert texts() == ["Your parcel is here"]
        assert not Conversation.objects.get().is_taken_over

    def test_what_was_typed_on_the_phone_takes_over(self, bridge, row, ana):
        bridge.type_on_the_phone(f"{ana}@s.whatsapp.net", "I am here")

        search(row)

        assert Conversation.objects.get().is_taken_over

    @pytest.mark.parametrize(
        "path",
        [
            "webhooks/messages/dm_fromMe_phone_lid/01-messages.upsert.json",
            "webhooks/messages/group_fromMe_phone/01-messages.upsert.json",
            "webhooks-2.3.6/dm_fromMe_phone_lid/02-messages.upsert.json",
            "webhooks/send/text/01-send.message.json",
            "webhooks/send/group_text/01-send.message.json",
        ],
    )
    def test_the_record_tells_a_phone_from_the_api(self, path):
        body = json.loads((RECORDINGS.parent / path).read_text())
        body = body.get("body", body)
        by_webhook = parse(body).about_conversations[0]
        data = {key: body["data"][key] for key in body["data"] if key != "status"}

        found = parse({**body, "event": "messages.found", "data": data})

        assert found.about_conversations[0].origin == by_webhook.origin


class TestManyMessages:
    def test_halves_the_time_until_a_page_holds_it(self, bridge, row, ana, monkeypatch):
        monkeypatch.setattr(record, "PAGE_SIZE", 4)
        for n in range(30):
            write(bridge, ana, f"{n:02}", (100 - 3 * n) * MINUTES)

        done = search(row)

        assert texts() == [f"{n:02}" for n in range(30)]
        assert done.found == 30
        assert {body["page"] for body in bridge.searches} == {1}

    def test_reads_a_full_second_whole(self, bridge, row, ana, monkeypatch):
        monkeypatch.setattr(record, "PAGE_SIZE", 4)
        for n in range(9):
            write(bridge, ana, f"{n}", 5 * MINUTES)

        assert search(row).found == 9

    def test_refuses_a_bridge_that_does_not_heed_the_time(
        self, bridge, row, ana, monkeypatch
    ):
        monkeypatch.setattr(record, "PAGE_SIZE", 1)
        monkeypatch.setattr(record, "MOST_IN_A_SECOND", 2)
        for n in range(3):
            write(bridge, ana, f"{n}", 5 * MINUTES)

        assert "3 messages of one second" in search(row).error

    def test_goes_on_later_after_so_many_pages(self, bridge, row, ana, monkeypatch):
        monkeypatch.setattr(record, "PAGE_SIZE", 1)
        monkeypatch.setattr(backfill, "MOST_PAGES", 5)
        for n in range(4):
            write(bridge, ana, f"{n}", (90 - 20 * n) * MINUTES)

        first = search(row)

        assert first.finished_at is None
        assert 0 < len(texts()) < 4
        assert row.pk in backfill.due()
        for _ in range(20):
            backfill.search(row.pk)
        assert texts() == ["0", "1", "2", "3"]
        first.refresh_from_db()
        assert (first.found, MissedSearch.objects.filter(found__gt=0).count()) == (4, 1)


class TestMark:
    def test_moves_to_a_little_before_the_end_of_the_search(self, bridge, row):
        done = search(row)

        mark = Instance.objects.get().complete_until
        assert mark == done.until - OVERLAP

    def test_stays_where_the_phone_has_just_been_connected(self, bridge, row):
        Instance.objects.update(state_at=timezone.now())

        search(row)

        now = Instance.objects.get()
        assert now.complete_until == row.complete_until
        assert now.search_at - now.state_at == SETTLING

    def test_never_moves_back(self, bridge, row):
        lately = timezone.now() - timedelta(minutes=1)
        Instance.objects.update(complete_until=lately)

        search(row)

        assert Instance.objects.get().complete_until == lately

    def test_is_the_link_where_nothing_was_known_before(self, bridge, row, ana):
        Instance.objects.update(complete_until=None)
        write(bridge, ana, "Before the link", 6 * 60 * MINUTES)

        done = search(row)

        assert (done.since, done.found) == (row.state_at, 0)

    def test_lies_a_week_back_at_the_most(self, bridge, row):
        Instance.objects.update(complete_until=timezone.now() - timedelta(days=300))

        assert search(row).since > timezone.now() - timedelta(days=7, minutes=1)


class TestFailing:
    @pytest.mark.parametrize(
        "answer",
        [
            pytest.param({"status": 500, "json": {"message": "no"}}, id="500"),
            pytest.param({"status": 429, "json": {}}, id="429"),
            pytest.param({"body": "<html>"}, id="no JSON"),
            pytest.param({"body": requests.ReadTimeout()}, id="no answer in time"),
        ],
    )
    @responses.activate
    def test_is_kept_with_its_error_and_tried_again(self, row, answer):
        responses.get(f"{URL}/instance/fetchInstances", json=[{"name": INSTANCE}])
        responses.get(
            f"{URL}/instance/connectionState/{INSTANCE}",
            json={"instance": {"state": "open"}},
        )
        responses.post(f"{URL}/chat/findMessages/{INSTANCE}", **answer)

        failed = search(row)

        assert failed.is_failing
        assert failed.error
        now = Instance.objects.get()
        assert now.complete_until == row.complete_until
        assert timedelta(0) < now.search_at - timezone.now() <= timedelta(seconds=15)
        assert now.search_token == ""

    @responses.activate
    def test_waits_longer_each_time_but_never_longer_than_the_schedule(self, row):
        for _ in range(3):
            failed = search(row)
        assert failed.failures == 3
        wait = Instance.objects.get().search_at - timezone.now()
        assert timedelta(seconds=45) < wait <= timedelta(seconds=60)

        MissedSearch.objects.update(failures=40)
        search(row)

        wait = Instance.objects.get().search_at - timezone.now()
        assert wait <= timedelta(minutes=5)

    def test_goes_on_with_the_same_search_once_the_bridge_is_back(
        self, bridge, row, ana, settings
    ):
        write(bridge, ana, "Hello", 60)
        settings.EVOLUTION_URL = "http://127.0.0.1:9"
        failed = search(row)
        settings.EVOLUTION_URL = bridge.url

        done = search(row)

        assert (done.pk, done.error, done.found) == (failed.pk, "", 1)

    def test_goes_back_a_little_for_what_came_to_the_record_in_the_pause(
        self, bridge, row, ana, settings
    ):
        write(bridge, ana, "Hello", 60)
        settings.EVOLUTION_URL = "http://127.0.0.1:9"
        failed = search(row)
        before = timezone.now() - timedelta(minutes=30)
        MissedSearch.objects.filter(pk=failed.pk).update(position=before)
        write(bridge, ana, "It took its time", 35 * MINUTES)

        search(row)
        settings.EVOLUTION_URL = bridge.url
        done = search(row)

        assert (done.found, texts()) == (2, ["It took its time", "Hello"])

    def test_is_no_failure_any_more_where_the_phone_is_not_connected(
        self, bridge, row, monkeypatch, settings
    ):
        settings.EVOLUTION_URL = "http://127.0.0.1:9"
        failed = search(row)
        settings.EVOLUTION_URL = bridge.url
        monkeypatch.setattr(bridge.instance, "state", "close")

        search(row)

        failed.refresh_from_db()
        assert not failed.is_failing

    def test_keeps_a_record_that_cannot_be_read_once(self, bridge, row, ana):
        write(bridge, ana, "Before", 90)
        message = write(bridge, ana, "Unreadable", 60)
        write(bridge, ana, "After", 30)
        message.data["key"]["fromMe"] = "perhaps"

        first, second = search(row), search(row)

        assert texts() == ["Before", "After"]
        assert (first.unreadable, second.unreadable) == (1, 0)
        kept = UnreadableEvent.objects.get()
        assert kept.count == 1
        kept.body = kept.body.replace('"perhaps"', "false")
        webhook.replay(kept)
        assert texts() == ["Before", "Unreadable", "After"]

    def test_a_fault_of_ours_on_one_record_does_not_hold_up_the_next(
        self, bridge, row, ana, monkeypatch
    ):
        write(bridge, ana, "Poison", 90)
        write(bridge, ana, "Hello", 60)
        receive = intake.receive

        def stumble(events):
            if events[0].text == "Poison":
                raise KeyError("poison")
            return receive(events)

        monkeypatch.setattr(intake, "receive", stumble)

        search(row)

        assert texts() == ["Hello"]
        assert UnreadableEvent.objects.count() == 1

    def test_a_kill_in_the_middle_loses_and_doubles_nothing(
        self, bridge, row, ana, monkeypatch
    ):
        for n in range(6):
            write(bridge, ana, f"{n}", (60 - 10 * n) * MINUTES)
        take_in, taken = webhook.take_in, []

        def die(*args):
            if len(taken) == 3:
                raise SystemExit
            taken.append(args)
            return take_in(*args)

        monkeypatch.setattr(webhook, "take_in", die)
        with pytest.raises(SystemExit):
            backfill.search(row.pk)
        monkeypatch.setattr(webhook, "take_in", take_in)
        assert texts() == ["0", "1", "2"]
        assert backfill.due() == []  # until its lease has run out
        Instance.objects.update(search_lease=timezone.now() - timedelta(seconds=1))
        assert backfill.due() == [row.pk]

        backfill.search(row.pk)

        done = MissedSearch.objects.get()
        assert texts() == [f"{n}" for n in range(6)]
        assert (done.found, done.seen) == (6, 6)

    def test_stops_where_another_worker_has_taken_over(
        self, bridge, row, ana, monkeypatch
    ):
        write(bridge, ana, "Hello", 60)
        take_in = webhook.take_in

        def lose(*args):
            Instance.objects.update(search_token="another's")
            return take_in(*args)

        monkeypatch.setattr(webhook, "take_in", lose)

        backfill.search(row.pk)

        assert MissedSearch.objects.get().finished_at is None
        assert Instance.objects.get().search_token == "another's"


class TestWhen:
    def test_two_workers_never_search_at_once(self, bridge, row):
        token = backfill._claim(row.pk)

        backfill.search(row.pk)

        assert token
        assert bridge.searches == []

    def test_after_a_search_the_next_is_due_by_the_schedule(self, bridge, row):
        search(row)

        assert backfill.due() == []
        wait = Instance.objects.get().search_at - timezone.now()
        assert timedelta(minutes=4) < wait <= timedelta(minutes=5)

    def test_a_wake_up_that_comes_twice_searches_once(self, bridge, row):
        backfill.search(row.pk)
        backfill.search(row.pk)

        assert MissedSearch.objects.count() == 1

    def test_a_reconnection_makes_one_due_and_asks_nobody_in_the_webhook(self, row):
        Instance.objects.update(
            state="connecting", search_at=timezone.now() + timedelta(minutes=5)
        )
        data = {"instance": INSTANCE, "state": "open", "statusReason": 200}

        with responses.RequestsMock():  # any request is an error
            recorded.receive(
                {"event": "connection.update", "instance": INSTANCE, "data": data}
            )

        now = Instance.objects.get()
        assert now.search_why == Why.RECONNECTED
        assert timezone.now() < now.search_at <= timezone.now() + SETTLING

    def test_a_connection_that_flaps_does_not_put_it_off(self, row):
        soon = timezone.now() + timedelta(seconds=3)
        Instance.objects.update(state="connecting", search_at=soon)
        data = {"instance": INSTANCE, "state": "open", "statusReason": 200}

        recorded.receive(
            {"event": "connection.update", "instance": INSTANCE, "data": data}
        )

        assert Instance.objects.get().search_at == soon

    def test_a_start_of_the_worker_makes_one_due(self, row):
        Instance.objects.update(search_at=timezone.now() + timedelta(minutes=5))

        backfill.ask(Why.START)

        assert backfill.due() == [row.pk]

    def test_why_it_ran_stands_in_the_report(self, bridge, row):
        backfill.ask(Why.BUTTON, pk=row.pk)

        backfill.search(row.pk)

        assert MissedSearch.objects.get().why == Why.BUTTON
        assert Instance.objects.get().search_why == ""

    def test_one_asked_for_during_another_is_not_forgotten(
        self, bridge, row, monkeypatch
    ):
        look = backfill._look

        def meanwhile(*args):
            backfill.ask(Why.BUTTON, pk=row.pk)
            return look(*args)

        monkeypatch.setattr(backfill, "_look", meanwhile)

        backfill.search(row.pk)

        assert backfill.due() == [row.pk]
        assert Instance.objects.get().search_why == Why.BUTTON

    @responses.activate
    def test_while_no_phone_is_connected_nobody_looks_unasked(self, row):
        responses.get(f"{URL}/instance/fetchInstances", json=[{"name": INSTANCE}])
        responses.get(
            f"{URL}/instance/connectionState/{INSTANCE}",
            json={"instance": {"state": "close"}},
        )

        backfill.search(row.pk)

        assert not MissedSearch.objects.exists()
        assert Instance.objects.get().state == "close"

    @pytest.mark.parametrize("state", ["removed", ""])
    def test_what_was_never_linked_or_is_gone_is_left_alone(self, row, state):
        Instance.objects.update(state=state, webhook_at=None)

        assert backfill.due() == []

    def test_empty_searches_of_the_schedule_are_forgotten(self, bridge, row):
        search(row)
        found = search(row)
        old = timezone.now() - timedelta(days=2)
        MissedSearch.objects.update(started_at=old)
        MissedSearch.objects.filter(pk=found.pk).update(found=2)

        search(row)

        assert MissedSearch.objects.filter(started_at=old).get() == found


class TestAnswering:
    @pytest.fixture
    def model(self, monkeypatch):
        call = Call("openai", "small", "1", "in", "out", 1, 0, 1, 0, 1, 1)
        asked = []

        def answer(lines, judged, **options):
            asked.append(judged)
            return Reply(f"Answer {len(asked)}", call)

        monkeypatch.setattr(replying.response, "write", answer)
        return asked

    def test_answers_what_is_new_once_and_in_order_and_says_what_is_too_old(
        self, bridge, row, ana, model
    ):
        make_settings(direct_wait=0, show_typing=False, mark_read=False)
        now = timezone.now()
        Worker.objects.create(slot="here", started_at=now, seen_at=now)
        write(bridge, ana, "Yesterday's question", 90 * MINUTES)
        chat = f"{ana}@s.whatsapp.net"
        search(row)
        conversation = Conversation.objects.get()
        pipeline.work(conversation.pk, "test")
        write(bridge, ana, "First", 100)
        write(bridge, ana, "Second", 50)

        search(row)
        pipeline.work(conversation.pk, "test")
        search(row)
        pipeline.work(conversation.pk, "test")

        inbound = conversation.messages.filter(direction="in").chronological()
        assert [(one.text, one.outcome) for one in inbound] == [
            ("Yesterday's question", "too_old"),
            ("First", "replied"),
            ("Second", "replied"),
        ]
        assert bridge.texts(chat) == ["Answer 1"]
        assert len(model) == 1
        assert conversation.messages.filter(direction="out").count() == 1
        assert not mailbox.wake_due()
