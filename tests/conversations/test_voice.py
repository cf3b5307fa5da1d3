"""Voice notes become words before the gates look at them."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.urls import reverse
from django.utils import timezone

from conversations import steering
from conversations.models import Conversation, MediaFile, Message
from conversations.whatsapp import BridgeError, MediaContent
from evolution.sandbox.files import voice_note
from llm.models import Decision
from llm.providers import LLMError
from llm.transcription import Transcript
from tests.factories import (
    make_conversation,
    make_inbound,
    make_settings,
)

pytestmark = pytest.mark.django_db

WORDS = "When does the shop open tomorrow?"
Outcome = Message.Outcome


@pytest.fixture
def talk(db) -> Conversation:
    return make_conversation(mode="live")


@pytest.fixture
def say(bridge):
    """Have somebody send a voice note."""

    def say(conversation: Conversation, words: str = WORDS, **fields) -> Message:
        note = voice_note(words)
        media = {"mimetype": note.mimetype, "seconds": note.seconds}
        fields = {"kind": "voice", "media": media} | fields
        message = make_inbound(conversation, "", **fields)
        bridge.media[message.whatsapp_id] = MediaContent(note.data, note.mimetype)
        return message

    return say


@pytest.fixture
def fails(monkeypatch):
    """Have every transcription fail, and count them."""

    def fails(**facts) -> list:
        asked = []

        def refuse(connection, recording) -> Transcript:
            asked.append(recording)
            raise LLMError("The model server answered 503.", **facts)

        monkeypatch.setattr("llm.providers.scripted.hearing.transcribe", refuse)
        return asked

    return fails


def test_judges_and_answers_what_a_voice_note_says(talk, say, work, model, bridge):
    message = say(talk)

    work(talk)

    message.refresh_from_db()
    assert message.text == WORDS
    assert message.outcome == Outcome.REPLIED
    assert model.write.call_args.args[0][-1].text == WORDS
    assert [one["text"] for one in bridge.sent] == ["Here you are."]


def test_stores_the_file_with_its_length_and_language(talk, say, work):
    message = say(talk)

    work(talk)

    file = MediaFile.objects.get(message=message)
    assert (file.state, file.mimetype, file.language) == ("stored", "audio/ogg", "en")
    assert file.seconds == 2
    with file.file.open() as stored:
        assert stored.read() == voice_note(WORDS).data
    assert file.bytes == len(voice_note(WORDS).data)
    assert file.read_at


def test_counts_what_a_transcript_costs(talk, say, work):
    make_settings(transcription_price=Decimal("0.60"))
    message = say(talk)

    work(talk)

    decision = message.decisions.get(step=Decision.Step.TRANSCRIPTION)
    assert (decision.source, decision.outcome) == ("model", "written")
    assert (decision.seconds, decision.cost) == (2, Decimal("0.02"))
    assert decision.output == WORDS


def test_asks_no_query_more_for_a_text(
    talk, work, django_assert_max_num_queries, monkeypatch
):
    asked = []
    monkeypatch.setattr(
        "conversations.media.fetching.files", lambda found: asked.append(found)
    )
    make_inbound(talk, "Hello?")

    work(talk)

    assert asked == []


def test_fetches_and_transcribes_once_however_often_it_is_judged(
    talk, say, work, bridge, model
):
    message = say(talk)
    model.write_error = {"error": "503", "retryable": True}
    work(talk)
    model.write_error = {}

    work(talk)

    message.refresh_from_db()
    assert message.outcome == Outcome.REPLIED
    assert bridge.fetched == [message.whatsapp_id]
    assert message.decisions.filter(step=Decision.Step.TRANSCRIPTION).count() == 1


def test_finds_a_transcript_by_its_words(talk, say, work, admin_client):
    say(talk)
    work(talk)

    page = admin_client.get(
        reverse("admin:conversations_conversation_changelist"), {"q": "shop tomorrow"}
    )

    assert "does the" in page.content.decode()


def test_leaves_the_transcript_that_the_bridge_made(talk, bridge, work):
    message = make_inbound(talk, "Made by the bridge", kind="voice")

    work(talk)

    message.refresh_from_db()
    assert message.text == "Made by the bridge"
    assert not message.decisions.filter(step=Decision.Step.TRANSCRIPTION)


def test_transcribes_other_sound_too(talk, say, work):
    message = say(talk, kind="audio")

    work(talk)

    message.refresh_from_db()
    assert message.text == WORDS


class TestGroups:
    @pytest.fixture
    def group(self, db) -> Conversation:
        return make_conversation(is_group=True, mode="live")

    def test_judges_what_a_voice_note_says(self, group, say, work, model, talk):
        message = say(group, sender=talk.contact)

        work(group)

        message.refresh_from_db()
        assert message.text == WORDS
        assert model.judge.call_args.args[0][-1].text == WORDS

    def test_hears_its_name(self, group, say, work, talk):
        message = say(group, "Assistant, when do we meet?", sender=talk.contact)

        work(group)

        message.refresh_from_db()
        assert message.decisions.get(step="relevance").why.startswith("It calls")

    @pytest.mark.parametrize(
        "policy",
        [
            pytest.param({"transcribe": "never"}, id="never"),
            pytest.param({"transcribe": "direct"}, id="in direct chats"),
            pytest.param({"group_policy": "addressed"}, id="groups are not judged"),
            pytest.param({"daily_call_limit": 0}, id="no calls are left"),
        ],
    )
    def test_costs_nothing_where_it_is_not_wanted(self, group, say, work, talk, policy):
        make_settings(**policy)
        message = say(group, sender=talk.contact)

        work(group)

        message.refresh_from_db()
        assert message.text == ""
        assert message.file.state == "stored"
        assert not message.decisions.filter(step=Decision.Step.TRANSCRIPTION)

    def test_says_nothing_of_what_it_could_not_hear(
        self, group, say, work, talk, fails, bridge
    ):
        fails()
        message = say(group, sender=talk.contact)

        work(group)

        message.refresh_from_db()
        assert message.outcome == Outcome.NOT_HEARD
        assert bridge.sent == []


class TestNotHeard:
    def test_says_so_once(self, talk, say, work, fails, bridge):
        fails()
        make_settings(voice_apology="Please write to me.")
        message = say(talk)
        work(talk)
        message.refresh_from_db()

        steering.judge_again(message)
        work(talk)

        message.refresh_from_db()
        assert message.outcome == Outcome.NOT_HEARD
        assert message.reason == "The model server answered 503."
        assert [one["text"] for one in bridge.sent] == ["Please write to me."]

    def test_says_nothing_where_the_operator_has_no_words(
        self, talk, say, work, fails, bridge
    ):
        fails()
        make_settings(voice_apology="")
        message = say(talk)

        work(talk)

        message.refresh_from_db()
        assert message.outcome == Outcome.NOT_HEARD
        assert bridge.sent == []

    def test_keeps_its_reason_where_saying_so_fails(
        self, talk, say, work, fails, bridge
    ):
        def refuse(text: str) -> None:
            raise BridgeError("No such number", kind="rejected")

        fails()
        bridge.before_send = refuse
        message = say(talk)

        work(talk)

        message.refresh_from_db()
        assert message.outcome == Outcome.NOT_HEARD

    @pytest.mark.parametrize(
        ("limits", "reason"),
        [
            ({"longest_voice": 0.01}, "Longer than 0.01 minutes"),
            ({"largest_file": 0.0001}, "Larger than 0.0001 MB"),
            ({"largest_file": 0}, "Files are not fetched"),
        ],
    )
    def test_ends_with_why(self, talk, say, work, limits, reason, bridge):
        make_settings(**limits)
        message = say(talk)

        work(talk)

        message.refresh_from_db()
        assert (message.outcome, message.reason) == (Outcome.NOT_HEARD, reason)
        assert len(bridge.sent) == 1

    def test_ends_where_nothing_is_said_in_it(self, talk, say, work, monkeypatch):
        monkeypatch.setattr(
            "llm.providers.scripted.hearing.transcribe", lambda *_: Transcript("")
        )
        message = say(talk)

        work(talk)

        message.refresh_from_db()
        assert message.reason == "No words could be heard in it"

    def test_ends_where_the_bridge_has_no_file(self, talk, say, work, bridge):
        message = say(talk)
        bridge.media.clear()

        work(talk)

        message.refresh_from_db()
        assert (message.outcome, message.reason) == (
            Outcome.NOT_HEARD,
            "Message not found",
        )
        assert message.file.state == "failed"

    def test_answers_the_words_that_came_with_it(self, talk, say, work, fails, bridge):
        asked = fails()
        message = say(talk)
        make_inbound(talk, "Did you hear it?")

        work(talk)

        message.refresh_from_db()
        assert message.outcome == Outcome.REPLIED
        assert len(asked) == 1
        assert message.file.error

    def test_asks_no_model_about_deleted_words_in_its_place(
        self, talk, say, work, fails, model
    ):
        fails()
        make_inbound(talk, "Are you open?", deleted_at=timezone.now())
        message = say(talk)

        work(talk)

        message.refresh_from_db()
        assert message.outcome == Outcome.NOT_HEARD
        assert not model.write.called

    def test_is_heard_when_staff_try_again(self, talk, say, work, fails, monkeypatch):
        with monkeypatch.context() as patch:
            patch.setattr("llm.providers.scripted.hearing.transcribe", _refuse)
            message = say(talk)
            work(talk)
            message.refresh_from_db()

        steering.fetch_again(message)
        work(talk)

        message.refresh_from_db()
        assert (message.text, message.outcome) == (WORDS, Outcome.REPLIED)


def _refuse(connection, recording) -> Transcript:
    raise LLMError("No.")


class TestTryingAgain:
    def test_waits_for_a_model_that_is_busy(self, talk, say, work, fails, monkeypatch):
        with monkeypatch.context() as patch:
            patch.setattr("llm.providers.scripted.hearing.transcribe", _busy)
            message = say(talk)
            work(talk)
        message.refresh_from_db()
        waiting = message.outcome

        work(talk)

        message.refresh_from_db()
        assert (waiting, message.outcome) == (Outcome.PENDING, Outcome.REPLIED)
        failed = message.decisions.get(outcome="failed")
        assert failed.error == "Busy."

    def test_waits_for_a_bridge_that_is_down(self, talk, say, work, bridge):
        message = say(talk)
        file = bridge.media[message.whatsapp_id]
        bridge.media[message.whatsapp_id] = BridgeError(
            "Not reachable", kind="unreachable", retryable=True
        )
        work(talk)
        message.refresh_from_db()
        waiting = message.outcome
        bridge.media[message.whatsapp_id] = file

        work(talk)

        message.refresh_from_db()
        assert (waiting, message.outcome) == (Outcome.PENDING, Outcome.REPLIED)

    def test_does_not_wait_for_ever(self, talk, say, work, fails):
        fails(retryable=True)
        message = say(talk, sent_at=timezone.now() - timedelta(minutes=9, seconds=59))

        work(talk)

        message.refresh_from_db()
        assert message.outcome == Outcome.NOT_HEARD
        assert message.reason == "The model server answered 503."

    def test_judges_a_picture_without_its_file_after_some_tries(
        self, talk, work, bridge
    ):
        message = make_inbound(talk, "What is this?", kind="image")
        bridge.media[message.whatsapp_id] = BridgeError(
            "Gone", kind="failed", retryable=True
        )

        for _ in range(3):
            work(talk)

        message.refresh_from_db()
        assert message.outcome == Outcome.REPLIED
        assert (message.file.state, message.file.error) == ("failed", "Gone")

    def test_fetches_what_is_not_answered_with_as_much_patience(
        self, talk, work, bridge
    ):
        steering.pause(talk)
        message = make_inbound(talk, "What is this?", kind="image")
        bridge.media[message.whatsapp_id] = BridgeError(
            "Gone", kind="failed", retryable=True
        )

        outcomes = []
        for _ in range(3):
            work(talk)
            message.refresh_from_db()
            outcomes.append(message.outcome)

        assert outcomes == [Outcome.PENDING, Outcome.PENDING, Outcome.PAUSED]
        assert (message.file.state, message.file.error) == ("failed", "Gone")

    def test_keeps_the_file_of_what_is_not_answered(self, talk, say, work):
        steering.pause(talk)
        message = say(talk)

        work(talk)

        message.refresh_from_db()
        assert (message.outcome, message.text) == (Outcome.PAUSED, "")
        assert message.file.state == "stored"

    @pytest.mark.parametrize("fields", [{"mode": "off"}, {"access": "blocked"}])
    def test_fetches_nothing_where_nobody_is_to_be_heard(
        self, talk, say, work, bridge, fields
    ):
        Conversation.objects.filter(pk=talk.pk).update(**fields)
        say(talk)

        work(talk)

        assert bridge.fetched == []


def _busy(connection, recording) -> Transcript:
    raise LLMError("Busy.", retryable=True)


def test_a_kill_after_the_file_was_stored_fetches_it_anew(talk, say, work, bridge):
    message = say(talk)
    MediaFile.objects.create(message=message, attempts=1)  # all that was committed

    work(talk)

    message.refresh_from_db()
    assert message.outcome == Outcome.REPLIED


def test_waits_where_the_file_cannot_be_stored(talk, say, work, monkeypatch):
    def full(*args, **kwargs):
        raise OSError(28, "No space left on device")

    message = say(talk)
    with monkeypatch.context() as patch:
        patch.setattr("django.core.files.storage.FileSystemStorage._save", full)
        work(talk)
    message.refresh_from_db()
    waiting = message.outcome

    work(talk)

    message.refresh_from_db()
    assert (waiting, message.outcome) == (Outcome.PENDING, Outcome.REPLIED)
