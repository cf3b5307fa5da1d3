import threading
from datetime import timedelta
from io import StringIO

import pytest
from django.contrib.sessions.models import Session
from django.core.management import call_command
from django.db import connection, connections
from django.urls import reverse
from django.utils import timezone
from django_q.models import Task

from conversations import housekeeping, intake, prune, search, steering
from conversations.models import Message, Pruning
from conversations.whatsapp import MessageEdited
from evolution.models import RefusedWebhook, UnreadableEvent
from llm.models import Decision
from tests.factories import (
    INSTANCE,
    incoming,
    make_conversation,
    make_inbound,
    make_outbound,
    make_settings,
)
from whatsapp_agent.retention import KINDS

pytestmark = pytest.mark.django_db

NOW = timezone.now()
OLD, YOUNG = NOW - timedelta(days=31), NOW - timedelta(days=29)
SETTINGS = reverse("admin:conversations_agentsettings_change", args=[1])


@pytest.fixture(autouse=True)
def _a_month(db, monkeypatch) -> None:
    monkeypatch.setattr(prune, "REST_SECONDS", 0)
    make_settings(keep_texts=30, keep_prompts=30, keep_webhooks=30, keep_tasks=30)


@pytest.fixture
def conversation():
    return make_conversation()


def old(conversation, text="How late is the museum open?", **fields) -> Message:
    defaults = {"sent_at": OLD, "received_at": OLD, "outcome": "replied"}
    return make_inbound(conversation, text, **{**defaults, **fields})


def old_reply(conversation, **fields) -> Message:
    defaults = {"sent_at": OLD, "received_at": OLD, "status": "read"}
    return make_outbound(conversation, "Until six", **{**defaults, **fields})


def decision(conversation, message=None, at=OLD, **fields) -> Decision:
    defaults = {
        "step": "relevance",
        "source": "model",
        "outcome": "reply",
        "p": 0.7,
        "input": "the prompt",
        "output": "the answer",
        "why": "they ask when the museum closes",
    }
    made = Decision.objects.create(conversation=conversation, **{**defaults, **fields})
    Decision.objects.filter(pk=made.pk).update(created_at=at)
    if message:
        made.messages.add(message)
    return made


def run(**options) -> str:
    out = StringIO()
    call_command("prune", stdout=out, **options)
    return out.getvalue()


def run_daily() -> None:
    call_command("prune", if_due=True, verbosity=0)


def is_pruned(row) -> bool:
    row.refresh_from_db()
    return row.pruned_at is not None


class TestTexts:
    def test_go_after_their_time_with_quotes_and_media(self, conversation):
        message = old(conversation, quoted_text="Hi", media={"file_name": "me.jpg"})

        run()

        assert is_pruned(message)
        assert (message.text, message.quoted_text, message.media) == ("", "", {})

    def test_leave_what_became_of_the_message(self, conversation):
        message = old(conversation, reason="p 0.70, threshold 0.60")

        run()

        message.refresh_from_db()
        assert message.outcome == "replied"
        assert message.reason == "p 0.70, threshold 0.60"
        assert message.whatsapp_id

    def test_stay_until_then(self, conversation):
        message = old(conversation, received_at=YOUNG)

        run()

        assert not is_pruned(message)

    def test_stay_for_ever_where_no_days_are_set(self, conversation):
        make_settings(keep_texts=None)
        message = old(conversation)

        assert "texts: nothing to do" in run()
        assert not is_pruned(message)

    @pytest.mark.parametrize("outcome", ["", "replying", "drafted"])
    def test_stay_where_a_reply_is_still_to_come(self, conversation, outcome):
        message = old(conversation, outcome=outcome)

        run()

        assert not is_pruned(message)

    @pytest.mark.parametrize("status", ["draft", "queued", "sending", "unknown"])
    def test_stay_while_they_may_have_to_be_sent(self, conversation, status):
        message = old_reply(conversation, status=status)

        run()

        assert not is_pruned(message)

    def test_stay_while_an_echo_may_still_come(self, conversation):
        message = old_reply(
            conversation, status="failed", attempted_at=NOW - timedelta(hours=1)
        )

        run()

        assert not is_pruned(message)

    def test_go_in_a_later_run_where_there_was_still_work(self, conversation):
        waiting = old_reply(conversation, status="draft")
        others = [old(conversation) for _ in range(3)]
        run()
        Message.objects.filter(pk=waiting.pk).update(status="dropped")

        run()

        assert is_pruned(waiting)
        assert all(is_pruned(one) for one in others)

    def test_are_not_said_to_have_gone_where_there_were_none(self, conversation):
        message = old(conversation, text="", kind="sticker", outcome="filtered")

        run()

        assert not is_pruned(message)

    def test_cannot_be_found_any_more(self, conversation):
        old(conversation)
        young = old(conversation, "Is the museum nice?", received_at=YOUNG)

        run()

        assert list(search.find(Message.objects.all(), "museum", 10)) == [young]

    @pytest.mark.sqlite
    def test_leave_a_sound_index_of_words(self, conversation):
        for _ in range(5):
            old(conversation)

        run()

        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM conversations_message_words"
                " WHERE conversations_message_words MATCH 'museum'"
            )
            assert cursor.fetchone() == (0,)
            cursor.execute(
                "INSERT INTO conversations_message_words(conversations_message_words)"
                " VALUES ('integrity-check')"
            )

    def test_do_not_come_back_with_a_late_edit(self, conversation):
        message = old(conversation)
        run()

        intake.receive([MessageEdited(INSTANCE, message.whatsapp_id, "An edit")])

        message.refresh_from_db()
        assert message.text == ""

    def test_are_not_judged_or_sent_again(self, conversation, django_user_model):
        staff = django_user_model.objects.create_user("sam")
        asked = old(conversation, outcome="gate_failed")
        reply = old_reply(conversation, status="failed")
        run()
        asked.refresh_from_db()
        reply.refresh_from_db()

        with pytest.raises(steering.NotPossible):
            steering.judge_again(asked)
        with pytest.raises(steering.NotPossible):
            steering.send_again(reply, staff)

    def test_a_message_that_comes_again_is_still_known(self, conversation):
        message = old(conversation)
        run()

        event = incoming(
            "How late is the museum open?", whatsapp_id=message.whatsapp_id
        )

        assert intake.receive_message(event) is None


class TestPrompts:
    def test_go_and_leave_the_score_and_the_cost(self, conversation):
        made = decision(conversation, old(conversation), cost="0.02", tokens_in=900)

        run()

        assert is_pruned(made)
        assert (made.input, made.output, made.why) == ("", "", "")
        assert (made.p, made.outcome, made.tokens_in) == (0.7, "reply", 900)
        assert made.cost is not None

    def test_leave_a_rules_reason(self, conversation):
        made = decision(conversation, source="rule", input="a", why="Mentioned")

        run()

        made.refresh_from_db()
        assert made.why == "Mentioned"

    def test_stay_until_then(self, conversation):
        assert not is_pruned(self.after_a_run(decision(conversation, at=YOUNG)))

    def test_stay_where_a_message_still_waits(self, conversation):
        waiting = old(conversation, outcome="")

        assert not is_pruned(self.after_a_run(decision(conversation, waiting)))

    def test_stay_where_the_reply_is_a_draft(self, conversation):
        made = decision(conversation, step="response", outcome="written")
        old_reply(conversation, status="draft", decision=made)

        assert not is_pruned(self.after_a_run(made))

    def after_a_run(self, made: Decision) -> Decision:
        run()
        return made


class TestRows:
    def test_of_webhooks_go(self):
        UnreadableEvent.objects.create(body="{}", digest="1", received_at=OLD)
        RefusedWebhook.objects.create(reason="secret", source="::1", last_at=OLD)
        young = UnreadableEvent.objects.create(body="{}", digest="2")

        run()

        assert list(UnreadableEvent.objects.all()) == [young]
        assert not RefusedWebhook.objects.exists()

    def test_of_tasks_go(self):
        for number, at in enumerate((OLD, YOUNG)):
            Task.objects.create(
                id=str(number), name="a", func="b", started=at, stopped=at
            )

        run()

        assert [task.id for task in Task.objects.all()] == ["1"]

    def test_of_sessions_go_when_they_have_ended(self):
        day = timedelta(days=1)
        Session.objects.create(session_key="ended", expire_date=NOW - day)
        Session.objects.create(session_key="open", expire_date=NOW + day)

        run()

        assert [session.pk for session in Session.objects.all()] == ["open"]


class TestRun:
    def test_says_what_would_go_and_deletes_nothing(self, conversation):
        message = old(conversation)

        assert "texts: 1 would be deleted" in run(dry_run=True)
        assert not is_pruned(message)

    def test_a_second_one_finds_nothing(self, conversation):
        old(conversation)

        assert "texts: 1 deleted" in run()
        assert "texts: 0 deleted" in run()

    def test_goes_on_where_the_last_one_ended(self, conversation):
        old(conversation)
        run()
        first = Pruning.objects.get(kind="texts")
        later = old(conversation)

        run()

        assert first.position > 0
        assert is_pruned(later)

    def test_goes_on_where_one_was_broken_off(self, conversation, monkeypatch):
        monkeypatch.setattr(prune, "WINDOW", 2)
        messages = [old(conversation) for _ in range(5)]
        walk = prune.Walk(KINDS[0], NOW - timedelta(days=30))
        next(walk.windows())

        run()

        assert all(is_pruned(message) for message in messages)

    def test_takes_as_many_steps_as_it_must(self, conversation, monkeypatch):
        monkeypatch.setattr(prune, "WINDOW", 3)
        monkeypatch.setattr(prune, "AT_ONCE", 2)
        messages = [old(conversation) for _ in range(10)]

        run()

        assert all(is_pruned(message) for message in messages)

    def test_leaves_what_got_work_since_it_was_looked_at(
        self, conversation, monkeypatch
    ):
        message = old(conversation)
        write = prune.Pace.write

        def judged_again_before(pace, keys, prepare):
            Message.objects.filter(pk=message.pk).update(outcome="")
            return write(pace, keys, prepare)

        monkeypatch.setattr(prune.Pace, "write", judged_again_before)
        run()

        assert not is_pruned(message)

    def test_is_due_once_a_day(self, conversation):
        run_daily()
        message = old(conversation)

        run_daily()
        assert not is_pruned(message)

        Pruning.objects.update(started_at=NOW - timedelta(hours=25))
        run_daily()
        assert is_pruned(message)

    def test_is_left_to_the_one_that_is_at_it(self, conversation):
        message = old(conversation)
        Pruning.begin("texts")

        run_daily()

        assert not is_pruned(message)

    def test_is_taken_up_again_when_it_died(self, conversation):
        message = old(conversation)
        Pruning.begin("texts")
        Pruning.objects.update(seen_at=NOW - timedelta(hours=1))

        run_daily()

        assert is_pruned(message)

    def test_a_fault_does_not_end_the_workers_housekeeping(self, monkeypatch, caplog):
        def fail(*args, **options):
            raise RuntimeError("no database")

        monkeypatch.setattr(housekeeping, "call_command", fail)
        monkeypatch.setattr(housekeeping, "connections", Closed())

        housekeeping.look()

        assert "Cannot prune" in caplog.text


class Closed:
    def close_all(self) -> None:
        pass


@pytest.mark.django_db(transaction=True)
@pytest.mark.postgres  # SQLite's memory is not shared; the benchmark tries a file
def test_messages_come_in_while_it_runs():
    conversation = make_conversation()
    messages = [old(conversation) for _ in range(300)]
    done = threading.Event()
    stored = []

    def take_in() -> None:
        while not done.is_set():
            stored.append(intake.receive_message(incoming("And now?")))
        connections.close_all()

    thread = threading.Thread(target=take_in)
    thread.start()
    run()
    done.set()
    thread.join()

    assert all(is_pruned(message) for message in messages)
    assert stored
    assert Message.objects.filter(text="And now?").count() == len(stored)


class TestPages:
    def test_a_conversation_says_that_a_text_was_deleted(
        self, conversation, admin_client
    ):
        old(conversation)
        run()

        page = admin_client.get(
            reverse("admin:conversations_conversation_change", args=[conversation.pk])
        )

        assert "Text deleted after 31 days" in page.text

    def test_the_list_of_conversations_says_it(self, conversation, admin_client):
        old(conversation)
        run()

        page = admin_client.get(reverse("admin:conversations_conversation_changelist"))

        assert "Text deleted after 31 days" in page.text

    def test_a_decision_says_it(self, conversation, admin_client):
        made = decision(conversation, old(conversation))
        run()

        page = admin_client.get(reverse("admin:llm_decision_change", args=[made.pk]))

        assert "Text deleted after 31 days" in page.text
        assert page.text.count("Deleted after 31 days") == 2

    def test_the_decisions_say_it(self, conversation, admin_client):
        decision(conversation, old(conversation))
        run()

        page = admin_client.get(reverse("admin:llm_decision_changelist"))

        assert "Text deleted after 31 days" in page.text

    def test_the_settings_tell_of_the_last_run(self, conversation, admin_client):
        old(conversation)
        run()

        page = admin_client.get(SETTINGS)

        assert "Deleted last" in page.text
        assert page.context["pruned"][0].told.startswith("1 on ")
