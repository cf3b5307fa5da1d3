"""What the API's operations do, and how they say no."""

import json
from datetime import timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from conversations.models import AgentSettings, Conversation, Message, SettingsChange
from conversations.whatsapp import BridgeError
from evolution.models import Instance
from llm import api_pages, api_problems
from llm.models import Decision
from tests.factories import (
    make_conversation,
    make_inbound,
    make_outbound,
    make_settings,
)
from tests.whatsapp_agent.callers import Api, by_session, make_staff

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("roles")]


@pytest.fixture(autouse=True)
def _nothing_counted():
    cache.clear()


@pytest.fixture
def api() -> Api:
    return by_session(make_staff("admin", name="sam"))


@pytest.fixture
def conversation() -> Conversation:
    return make_conversation()


def get(api: Api, path: str) -> dict:
    response = api("GET", path)
    assert response.status_code == 200, response.content
    return response.json()


def send(api: Api, method: str, path: str, **body) -> tuple[int, dict]:
    response = api(method, path, json.dumps(body))
    return response.status_code, response.json()


def walk(api: Api, path: str) -> list[int]:
    """The keys of all pages, one after the other."""
    found, cursor = [], ""
    while cursor is not None:
        page = get(api, f"{path}{'&' if '?' in path else '?'}cursor={cursor}")
        found += [item["id"] for item in page["items"]]
        cursor = page["next"]
    return found


def make_messages(conversation: Conversation, count: int) -> list[int]:
    """Two at each moment, newest first."""
    start = timezone.now()
    return [
        make_inbound(conversation, sent_at=start + timedelta(seconds=number // 2)).pk
        for number in range(count)
    ][::-1]


class TestPages:
    @pytest.mark.parametrize("limit", [1, 3, 7, 200])
    def test_hold_each_message_once(self, api, conversation, limit):
        keys = make_messages(conversation, 7)

        path = f"conversations/{conversation.pk}/messages?limit={limit}"
        assert walk(api, path) == keys
        assert walk(api, f"messages?limit={limit}") == keys

    @pytest.mark.parametrize("path", ["messages", "conversations/{}/messages"])
    def test_go_on_where_they_stopped_whatever_comes(self, api, conversation, path):
        keys = make_messages(conversation, 4)
        path = path.format(conversation.pk)
        first = get(api, f"{path}?limit=2")
        make_inbound(conversation, sent_at=timezone.now() + timedelta(hours=1))
        Message.objects.filter(pk=keys[1]).delete()

        second = get(api, f"{path}?limit=2&cursor={first['next']}")

        assert [item["id"] for item in second["items"]] == keys[2:]
        assert second["next"] is None

    @pytest.mark.parametrize("path", ["messages", "conversations/{}/messages"])
    def test_with_a_filter_look_at_some_rows_only(
        self, api, conversation, path, monkeypatch
    ):
        monkeypatch.setattr(api_pages, "LOOKED_AT", 3)
        wanted = make_outbound(conversation, sent_at=timezone.now()).pk
        make_messages(conversation, 7)
        path = path.format(conversation.pk)

        first = get(api, f"{path}?direction=out")

        assert first["items"] == []
        assert first["next"]
        assert walk(api, f"{path}?direction=out") == [wanted]

    def test_only_newer(self, api, conversation):
        keys = make_messages(conversation, 4)
        assert walk(api, f"messages?after={keys[2]}") == keys[:2]

    @pytest.mark.parametrize("reach", [1, 2, 3, 4])
    def test_only_newer_and_filtered(self, api, conversation, monkeypatch, reach):
        monkeypatch.setattr(api_pages, "LOOKED_AT", reach)
        keys = make_messages(conversation, 4)
        assert walk(api, f"messages?direction=in&after={keys[2]}") == keys[:2]

    @pytest.mark.parametrize(
        "cursor",
        [
            "x",
            "bnVsbA==",
            "WzFd" * 40,
            "WyJhIl0=",
            "Wy0xXQ==",
            "W3RydWVd",
            "WzFlMzAwXQ==",
            "é",
        ],
    )
    def test_refuse_cursors_of_others(self, api, conversation, cursor):
        for path in ("conversations", f"conversations/{conversation.pk}/messages"):
            assert api("GET", f"{path}?cursor={cursor}").status_code == 400

    def test_cost_the_same_number_of_queries(self, api, conversation):
        make_messages(conversation, 2)
        get(api, "messages")
        with CaptureQueriesContext(connection) as few:
            get(api, "messages")
        make_messages(conversation, 20)
        with CaptureQueriesContext(connection) as many:
            get(api, "messages")

        assert len(many) == len(few)

    def test_neither_count_nor_skip(self, api, conversation):
        make_messages(conversation, 3)
        with CaptureQueriesContext(connection) as queries:
            walk(api, "messages?limit=1")

        assert not any(
            "COUNT(" in one["sql"] or "OFFSET" in one["sql"] for one in queries
        )

    @pytest.mark.sqlite
    def test_find_their_rows_by_index(self, api, conversation):
        make_messages(conversation, 3)
        path = f"conversations/{conversation.pk}/messages"
        cursor = get(api, f"{path}?limit=1")["next"]
        with CaptureQueriesContext(connection) as queries:
            get(api, f"{path}?limit=1&direction=in&cursor={cursor}")

        asked = [one["sql"] for one in queries if " DESC" in one["sql"]]
        assert len(asked) == 2
        for sql in asked:
            with connection.cursor() as db:
                db.execute(f"EXPLAIN QUERY PLAN {sql}")
                plan = " / ".join(row[3] for row in db.fetchall())
            assert "chronological (conversation_id=? AND sent_at" in plan
            assert "TEMP B-TREE" not in plan


class TestConversations:
    def test_are_filtered(self, api, conversation):
        group = make_conversation(is_group=True, mode="shadow")

        assert walk(api, "conversations?is_group=true") == [group.pk]
        assert walk(api, "conversations?mode=live") == [conversation.pk]
        assert walk(api, "conversations?instance=other") == []

    def test_a_change_touches_only_what_it_names(self, api, conversation):
        status, found = send(
            api, "PATCH", f"conversations/{conversation.pk}", threshold=0.2
        )

        assert (status, found["threshold"], found["mode"]) == (200, 0.2, "live")
        entry = LogEntry.objects.get()
        assert (entry.user.username, entry.change_message) == ("sam", "API: threshold")

    def test_a_threshold_can_be_taken_away(self, api):
        conversation = make_conversation(threshold=0.3)
        _, found = send(
            api, "PATCH", f"conversations/{conversation.pk}", threshold=None
        )
        assert found["threshold"] is None

    @pytest.mark.parametrize(
        "change",
        [
            {"mode": "loud"},
            {"mode": None},
            {"threshold": 2},
            {"jid": "x"},
            {"name": "x" * 201},
            {"instructions": "\x00"},
        ],
    )
    def test_wrong_values_are_named(self, api, conversation, change):
        status, found = send(api, "PATCH", f"conversations/{conversation.pk}", **change)

        assert status == 422
        assert next(iter(change)) in found["errors"][0]["where"]

    def test_pause_and_resume(self, api, conversation):
        path = f"conversations/{conversation.pk}"
        _, paused = send(api, "POST", f"{path}/pause")
        assert paused["is_paused"]
        _, resumed = send(api, "POST", f"{path}/resume")
        assert not resumed["is_paused"]

    def test_pause_until(self, api, conversation):
        until = timezone.now() + timedelta(hours=1)
        path = f"conversations/{conversation.pk}/pause"
        send(api, "POST", path, until=until.isoformat())
        conversation.refresh_from_db()
        assert conversation.paused_until == until

        past = (timezone.now() - timedelta(hours=1)).isoformat()
        assert send(api, "POST", path, until=past)[0] == 422
        assert send(api, "POST", path, until="2030-01-01T00:00:00")[0] == 422


class TestSending:
    def test_by_hand_queues_the_text_and_takes_over(self, api, conversation):
        path = f"conversations/{conversation.pk}/messages"
        status, (queued,) = send(api, "POST", path, text="Hello")

        stored = Message.objects.get()
        assert (status, queued["id"], stored.staff.username) == (202, stored.pk, "sam")
        assert (stored.status, stored.author) == ("queued", "staff")
        conversation.refresh_from_db()
        assert conversation.is_taken_over

    def test_a_file_by_hand_is_queued_and_takes_over(self, api, conversation):
        path = f"conversations/{conversation.pk}/files"

        response = api.upload(path, "../a.pdf", b"%PDF-1.4", caption="The bill")

        queued, stored = response.json(), Message.objects.get()
        assert (response.status_code, queued["id"]) == (202, stored.pk)
        assert (queued["kind"], queued["text"]) == ("document", "The bill")
        assert (stored.staff.username, stored.file.name) == ("sam", "a.pdf")
        conversation.refresh_from_db()
        assert conversation.is_taken_over

    @pytest.mark.parametrize(
        ("data", "caption", "status"),
        [(b"", "", 409), (b"x" * 2_000, "", 409), (b"x", "a\x00", 422)],
        ids=["empty", "too large", "NUL in the caption"],
    )
    def test_takes_no_file_that_cannot_be_sent(
        self, api, conversation, data, caption, status
    ):
        make_settings(largest_file=0.001)
        path = f"conversations/{conversation.pk}/files"

        response = api.upload(path, "a.txt", data, caption=caption)

        assert response.status_code == status
        assert response["Content-Type"] == api_problems.MEDIA_TYPE
        assert not Message.objects.exists()

    def test_a_form_without_a_file_is_refused(self, api, conversation):
        path = f"conversations/{conversation.pk}/files"

        assert send(api, "POST", path, text="Hello")[0] == 422

    @pytest.mark.parametrize(
        "text", ["", "  ", "a\x00", "x" * 20_001, "\ud800", 7, None]
    )
    def test_takes_no_text_that_cannot_be_sent(self, api, conversation, text):
        path = f"conversations/{conversation.pk}/messages"
        assert send(api, "POST", path, text=text)[0] == 422
        assert not Message.objects.exists()

    def test_edits_and_deletes_what_was_sent(self, api, conversation):
        sent = make_outbound(conversation, status="sent", whatsapp_id="OUT1")

        edited, _ = send(api, "PATCH", f"messages/{sent.pk}", text="At ten.")
        refused, problem = send(api, "DELETE", f"messages/{sent.pk}")

        assert (edited, refused) == (202, 409)
        assert problem["detail"] == "It is being changed already."
        assert sent.changes.get().text == "At ten."

    def test_deletes_what_was_sent(self, api, conversation):
        sent = make_outbound(conversation, status="sent", whatsapp_id="OUT1")

        assert api("DELETE", f"messages/{sent.pk}").status_code == 202
        assert sent.changes.get().is_deletion

    def test_is_limited(self, api, conversation, monkeypatch):
        monkeypatch.setattr("conversations.api.sending.most", 2)
        path = f"conversations/{conversation.pk}/messages"
        body = json.dumps({"text": "Hello"})

        answers = [api("POST", path, body) for _ in range(3)]

        assert [one.status_code for one in answers] == [202, 202, 429]
        assert 0 < int(answers[2]["Retry-After"]) <= 60
        assert answers[2]["Content-Type"] == api_problems.MEDIA_TYPE
        assert Message.objects.count() == 2
        other = by_session(make_staff("operator"))
        assert other("POST", path, body).status_code == 202


class TestSettings:
    def test_a_change_is_kept_in_their_history(self, api):
        status, found = send(api, "PATCH", "settings", threshold=0.8, bot_name="Bo")

        assert (status, found["threshold"], found["bot_name"]) == (200, 0.8, "Bo")
        change = SettingsChange.objects.get()
        assert change.staff.username == "sam"
        assert change.after == {"threshold": 0.8, "bot_name": "Bo"}

    def test_what_is_as_it_was_is_no_change(self, api):
        send(api, "PATCH", "settings", threshold=AgentSettings.load().threshold)
        assert not SettingsChange.objects.exists()

    @pytest.mark.parametrize(
        "change",
        [
            {"threshold": 1.5},
            {"threshold": None},
            {"temperature": 9},
            {"group_wait": 99},
            {"response_provider": "other"},
            {"whatsapp_provider": "other"},
            {"is_on": "perhaps"},
            {"context_messages": 10**30},
        ],
    )
    def test_wrong_values_are_named(self, api, change):
        status, found = send(api, "PATCH", "settings", **change)

        assert status == 422
        assert next(iter(change)) in found["errors"][0]["where"]
        assert not SettingsChange.objects.exists()

    def test_an_instance_has_its_own(self, api):
        Instance.objects.create(name="second")
        path = "settings/instances/second"
        status, found = send(api, "PATCH", path, threshold=0.8, bot_name="Bo")

        assert (status, found["own"]) == (200, ["bot_name", "threshold"])
        assert found["in_force"]["threshold"] == 0.8
        assert get(api, "settings")["threshold"] == 0.6
        change = SettingsChange.objects.get()
        assert (change.staff.username, change.instance) == ("sam", "second")

        found = send(api, "PATCH", path, threshold=None)[1]
        assert (found["own"], found["in_force"]["threshold"]) == (["bot_name"], 0.6)
        assert get(api, path) == found

    def test_an_instance_keeps_the_common_value_it_names(self, api):
        Instance.objects.create(name="second")
        found = send(api, "PATCH", "settings/instances/second", threshold=0.6)[1]
        assert found["own"] == ["threshold"]

    @pytest.mark.parametrize(
        "change",
        [{"threshold": 1.5}, {"group_wait": 99}, {"keep_texts": 3}, {"is_on": "?"}],
    )
    def test_wrong_values_of_an_instance_are_named(self, api, change):
        Instance.objects.create(name="second")
        status, found = send(api, "PATCH", "settings/instances/second", **change)
        assert status == 422
        assert next(iter(change)) in found["errors"][0]["where"]
        assert not SettingsChange.objects.exists()

    def test_there_are_none_of_an_instance_that_is_not_there(self, api):
        assert api("GET", "settings/instances/nobody").status_code == 404
        assert send(api, "PATCH", "settings/instances/nobody", threshold=0.8)[0] == 404

    def test_off_is_off(self, api):
        send(api, "PATCH", "settings", is_on=False)
        assert not AgentSettings.load().is_on


class TestDecisions:
    def test_are_filtered(self, api, conversation):
        question = make_inbound(conversation)
        judged, written = (
            Decision.objects.create(
                conversation=conversation, step=step, source="model", outcome=outcome
            )
            for step, outcome in (("relevance", "reply"), ("response", "written"))
        )
        judged.messages.add(question)

        assert walk(api, "decisions") == [written.pk, judged.pk]
        assert walk(api, "decisions?step=relevance") == [judged.pk]
        assert walk(api, f"decisions?message={question.pk}") == [judged.pk]
        assert walk(api, f"decisions?conversation={conversation.pk + 1}") == []
        assert get(api, f"decisions/{judged.pk}")["messages"] == [question.pk]


class TestMoments:
    EXPORT = "decisions/export?format=jsonl&since="

    @pytest.mark.parametrize(
        "since", ["0707-07-28T01:56:05%2B22:01", "2026-01-01T00:00:00-23:59"]
    )
    def test_may_have_any_offset(self, api, since):
        answer = api("get", self.EXPORT + since)
        assert answer.status_code == 200
        assert list(answer.streaming_content) == []

    @pytest.mark.parametrize(
        "since", ["0001-01-01T00:00:00%2B01:00", "9999-12-31T23:00:00-02:00"]
    )
    def test_outside_of_the_calendar_are_refused(self, api, since):
        assert api("get", self.EXPORT + since).status_code == 422


class TestInstances:
    @pytest.fixture
    def row(self) -> Instance:
        return Instance.objects.create(name="agent", state="connecting", qr_code="2@x")

    def test_a_name_is_taken_once(self, api, row):
        assert send(api, "POST", "instances", name="other")[0] == 201
        assert send(api, "POST", "instances", name="agent")[0] == 409
        assert send(api, "POST", "instances", name=" .")[0] == 422
        assert send(api, "POST", "instances", name="a/b")[0] == 422

    def test_show_their_code_while_it_is_good(self, api, row):
        assert get(api, f"instances/{row.pk}/qr")["qr_code"] == "2@x"
        picture = api("GET", f"instances/{row.pk}/qr.svg")
        assert picture["Content-Type"] == "image/svg+xml"

        Instance.objects.update(state="open")
        assert get(api, f"instances/{row.pk}/qr")["qr_code"] == ""
        assert api("GET", f"instances/{row.pk}/qr.svg").status_code == 404

    def test_say_what_the_bridge_said(self, api, row, monkeypatch):
        def fail(*given: str) -> None:
            raise BridgeError("Nobody is there.", kind="unreachable")

        monkeypatch.setattr("evolution.api_instances.carry_out", fail)
        status, found = send(api, "POST", f"instances/{row.pk}/connect")

        assert (status, found["kind"]) == (502, "unreachable")
        assert found["detail"] == "Nobody is there."

    def test_are_asked_so_often_and_no_more(self, api, row, monkeypatch):
        monkeypatch.setattr("evolution.api_instances.asking.most", 1)
        monkeypatch.setattr(
            "evolution.api_instances.carry_out", lambda *given: ("Done.", [])
        )
        path = f"instances/{row.pk}/restart"
        assert [send(api, "POST", path)[0] for _ in range(2)] == [200, 429]

    def test_know_no_other_action(self, api, row):
        assert send(api, "POST", f"instances/{row.pk}/explode")[0] == 422


class TestProblems:
    @pytest.mark.parametrize(
        ("method", "path", "body", "status"),
        [
            ("POST", "conversations/1/pause", "{", 400),
            ("GET", "conversations/1", None, 404),
            ("GET", "nowhere", None, 404),
            ("GET", "conversations/none", None, 422),
            ("GET", f"conversations/{2**63}", None, 422),
            ("GET", "conversations?limit=0", None, 422),
            ("POST", "conversations/1/messages", "{}", 422),
        ],
    )
    def test_have_one_shape(self, api, method, path, body, status):
        response = api(method, path, body)
        found = response.json()

        assert response["Content-Type"] == "application/problem+json"
        assert response["Cache-Control"] == "no-store"
        assert {"type", "title", "status", "detail"} <= found.keys()
        assert (response.status_code, found["status"]) == (status, status)

    def test_say_how_to_come_in(self):
        response = Client().get("/api/conversations")
        assert (response.status_code, response["WWW-Authenticate"]) == (401, "Bearer")

    def test_a_body_that_is_too_big(self, api, settings):
        settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 100
        body = json.dumps({"text": "x" * 200})
        assert api("POST", "conversations/1/messages", body).status_code == 413


class TestDocs:
    def test_are_for_staff(self, api):
        for path in ("/api/", "/api/openapi.json"):
            assert Client().get(path).status_code == 302
            assert api.client.get(path).status_code == 200

    def test_need_nothing_from_elsewhere(self, api):
        page = api.client.get("/api/")
        assert "https://" not in page.content.decode()
        assert "script-src 'self';" in page["Content-Security-Policy"] + ";"

    def test_tell_the_media_type_of_problems(self, api):
        schema = api.client.get("/api/openapi.json").json()
        answers = schema["paths"]["/api/conversations"]["get"]["responses"]
        assert list(answers["401"]["content"]) == ["application/problem+json"]
