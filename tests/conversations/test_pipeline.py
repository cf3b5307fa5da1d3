from datetime import timedelta
from decimal import Decimal
from unittest.mock import Mock

import pytest
import time_machine
from django.utils import timezone

from conversations import intake, pipeline
from conversations.mailbox import GUILTY_AFTER, SUSPECT_AFTER
from conversations.models import AgentSettings, Conversation, Message
from conversations.whatsapp import BridgeError, MessageDeleted, MessageEdited
from llm.models import Decision
from tests.factories import (
    BEN,
    INSTANCE,
    in_group,
    incoming,
    make_contact,
    make_conversation,
    make_inbound,
    make_outbound,
    make_settings,
    typed_on_phone,
)

pytestmark = pytest.mark.django_db

OWN_LID = "271357031895794@lid"


def receive(*events, **fields) -> Conversation:
    intake.receive(list(events))
    conversation = Conversation.objects.latest("pk")
    Conversation.objects.filter(pk=conversation.pk).update(**{"mode": "live", **fields})
    return Conversation.objects.get(pk=conversation.pk)


def outcomes() -> list[str]:
    return list(
        Message.objects.inbound().order_by("pk").values_list("outcome", flat=True)
    )


def reason() -> str:
    return Message.objects.inbound().latest("pk").reason


def decisions() -> list[tuple]:
    return list(
        Decision.objects.order_by("pk").values_list("step", "source", "outcome")
    )


def is_idle() -> bool:
    conversation = Conversation.objects.get()
    return conversation.due_at is None and not conversation.lease_token


class TestDirectChat:
    def test_is_answered_with_one_call(self, bridge, model, work):
        work(receive(incoming("Is it open?")))

        assert [message["text"] for message in bridge.sent] == ["Here you are."]
        assert (model.judge.called, model.write.call_count) == (False, 1)
        assert outcomes() == ["replied"]
        assert is_idle()

    def test_stores_why_the_gate_was_bypassed_and_what_was_written(
        self, bridge, model, work
    ):
        work(receive(incoming()))

        assert decisions() == [
            ("relevance", "rule", "reply"),
            ("response", "model", "written"),
        ]
        written = Decision.objects.get(step="response")
        assert (written.model, written.tokens_in, written.input) == (
            "small-1",
            1000,
            "the prompt",
        )
        assert written.replies.get().text == "Here you are."
        assert written.messages.get() == Message.objects.inbound().get()

    def test_a_burst_is_answered_once(self, bridge, model, work):
        work(
            receive(incoming("Hi"), incoming("one more thing"), incoming("is it open?"))
        )

        assert len(bridge.sent) == 1
        assert model.write.call_args.args[1] == [1, 2, 3]
        assert outcomes() == ["replied"] * 3

    def test_a_burst_that_is_not_over_waits(self, bridge, model):
        conversation = receive(incoming(), due_at=timezone.now())

        pipeline.work(conversation.pk, "test")

        assert (bridge.sent, outcomes()) == ([], [""])
        conversation.refresh_from_db()
        assert conversation.due_at > timezone.now()

    def test_a_long_reply_goes_out_in_parts(self, bridge, model, work):
        model.text = "\n\n".join(["x" * 3000, "y" * 3000])

        work(receive(incoming()))

        assert [message["text"][0] for message in bridge.sent] == ["x", "y"]

    def test_is_ticked_as_read_and_shows_typing(self, bridge, model, work):
        conversation = receive(incoming(whatsapp_id="IN1"))

        work(conversation)

        assert bridge.shown == [
            ("read", conversation.jid, "IN1"),
            ("typing", conversation.jid),
        ]

    def test_shows_nothing_where_staff_want_nothing_shown(self, bridge, model, work):
        make_settings(show_typing=False, mark_read=False)

        work(receive(incoming()))

        assert bridge.shown == []


class TestGroup:
    def test_is_asked_and_then_answered(self, bridge, model, work):
        work(receive(in_group("Is it open?")))

        assert outcomes() == ["replied"]
        assert decisions() == [
            ("relevance", "model", "reply"),
            ("response", "model", "written"),
        ]
        judged = Decision.objects.get(step="relevance")
        assert (judged.p, judged.threshold, judged.why) == (
            0.9,
            0.6,
            "an open question",
        )

    def test_a_silence_is_stored_like_a_reply(self, bridge, model, work):
        model.p = 0.59

        work(receive(in_group()))

        assert (bridge.sent, outcomes()) == ([], ["below_threshold"])
        assert decisions() == [("relevance", "model", "silent")]
        assert reason() == "p 0.59, threshold 0.60"
        assert is_idle()

    def test_replies_at_the_threshold(self, bridge, model, work):
        model.p = 0.6

        work(receive(in_group()))

        assert outcomes() == ["replied"]

    @pytest.mark.parametrize("threshold", [0.0, 0.95])
    def test_a_conversations_own_threshold_counts(self, bridge, model, work, threshold):
        work(receive(in_group(), threshold=threshold))

        assert bool(bridge.sent) == (threshold == 0.0)
        assert Decision.objects.get(step="relevance").threshold == threshold

    @pytest.mark.parametrize(
        "fields",
        [
            pytest.param({"mentions": (OWN_LID,)}, id="mention by LID"),
            pytest.param({"quoted_sender": OWN_LID, "quoted_id": "X"}, id="reply"),
            pytest.param({"text": "Assistant, is it open?"}, id="name"),
        ],
    )
    def test_addressed_messages_bypass_the_gate(self, bridge, model, work, fields):
        work(receive(in_group(**fields)))

        assert (model.judge.called, outcomes()) == (False, ["replied"])
        assert decisions()[0] == ("relevance", "rule", "reply")

    def test_a_reply_to_a_stored_message_of_ours_bypasses_the_gate(
        self, bridge, model, work
    ):
        conversation = receive(in_group())
        make_outbound(conversation, status="sent", whatsapp_id="OURS")

        work(receive(in_group(quoted_id="OURS")))

        assert not model.judge.called

    def test_quotes_what_it_answers(self, bridge, model, work):
        work(receive(in_group(whatsapp_id="IN1")))

        assert bridge.sent[0]["quote"].whatsapp_id == "IN1"

    def test_two_people_are_judged_apart(self, bridge, model, work):
        work(receive(in_group("a question?"), in_group("another?", sender=BEN)))

        assert (
            model.judge.call_count + Decision.objects.filter(source="rule").count() == 2
        )

    def test_speaks_unprompted_only_within_its_budget(self, bridge, model, work):
        work(receive(in_group("first?")))
        work(receive(in_group("second?")))

        assert outcomes() == ["replied", "over_budget"]
        assert model.judge.call_count == 1

    def test_prompted_replies_do_not_use_up_the_budget(self, bridge, model, work):
        work(receive(in_group("Assistant, first?")))
        work(receive(in_group("second?")))

        assert outcomes() == ["replied", "replied"]

    def test_the_threshold_and_the_budget_are_not_told_to_the_model(
        self, bridge, model, work
    ):
        work(receive(in_group()))

        assert set(model.judge.call_args.kwargs) == {
            "names",
            "policy",
            "model",
            "group_name",
            "topics",
            "attachments",
        }


class TestModes:
    def test_shadow_decides_and_sends_nothing(self, bridge, model, work):
        work(receive(in_group(), mode="shadow"))

        assert (bridge.sent, model.write.called, outcomes()) == ([], False, ["shadow"])
        assert Decision.objects.get().p == 0.9

    def test_draft_waits_for_approval(self, bridge, model, work):
        work(receive(incoming(), mode="draft"))

        assert (bridge.sent, bridge.shown, outcomes()) == ([], [], ["drafted"])
        assert Message.objects.get(direction="out").status == "draft"
        assert is_idle()

    def test_off_stores_only(self, bridge, model, work):
        work(receive(incoming(), mode="off"))

        assert (model.write.called, outcomes()) == (False, ["paused"])


class TestFailures:
    RETRYABLE = {"error": "429", "retryable": True}

    def test_a_failed_gate_is_silent_and_recorded_as_a_failure(
        self, bridge, model, work
    ):
        model.judge_error = self.RETRYABLE

        work(receive(in_group()))

        assert outcomes() == ["gate_failed"]
        failed = Decision.objects.get()
        assert (failed.outcome, failed.p, failed.error) == ("failed", None, "429")

    def test_a_failed_gate_is_tried_again_where_staff_want_it(
        self, bridge, model, work
    ):
        make_settings(on_gate_failure=AgentSettings.OnGateFailure.RETRY)
        model.judge_error = self.RETRYABLE
        conversation = receive(in_group())
        work(conversation)
        assert outcomes() == [""]

        model.judge_error = {}
        work(conversation)

        assert outcomes() == ["replied"]

    def test_a_gate_that_cannot_heal_is_not_tried_again(self, bridge, model, work):
        make_settings(on_gate_failure=AgentSettings.OnGateFailure.RETRY)
        model.judge_error = {"error": "401"}

        work(receive(in_group()))

        assert outcomes() == ["gate_failed"]

    def test_a_failed_response_is_tried_again(self, bridge, model, work):
        model.write_error = {**self.RETRYABLE, "retry_after": 30}
        conversation = receive(incoming())
        work(conversation)
        conversation.refresh_from_db()
        assert conversation.due_at > timezone.now() + timedelta(seconds=25)

        model.write_error = {}
        work(conversation)

        assert outcomes() == ["replied"]

    def test_a_burst_stays_together_however_often_the_model_fails(
        self, bridge, model, work
    ):
        model.write_error = self.RETRYABLE
        conversation = receive(incoming("one"), incoming("two"))
        for _ in range(4):
            work(conversation)

        model.write_error = {}
        work(conversation)

        assert len(bridge.sent) == 1
        assert model.write.call_args.args[1] == [1, 2]

    def test_step_one_is_not_asked_again_for_it(self, bridge, model, work):
        model.write_error = self.RETRYABLE
        conversation = receive(in_group())
        work(conversation)

        model.write_error = {}
        work(conversation)

        assert (model.judge.call_count, outcomes()) == (1, ["replied"])

    def test_a_response_that_would_come_too_late_is_given_up(self, bridge, model, work):
        model.write_error = {**self.RETRYABLE, "retry_after": 3600}

        work(receive(incoming()))

        assert outcomes() == ["response_failed"]
        assert is_idle()

    def test_the_error_never_reaches_the_chat(self, bridge, model, work):
        model.write_error = {"error": "secret stack trace"}

        work(receive(incoming()))

        assert bridge.sent == []
        assert reason() == "secret stack trace"


class TestMeanwhile:
    def test_a_person_who_takes_over_while_the_model_thinks_wins(
        self, bridge, model, work
    ):
        conversation = receive(incoming())
        model.write.side_effect = lambda *args, **kwargs: (
            intake.receive([typed_on_phone()]),
            model._write(*args, **kwargs),
        )[1]

        work(conversation)

        assert (bridge.sent, outcomes()) == ([], ["taken_over"])

    def test_a_holder_that_was_overtaken_stores_nothing(self, bridge, model, work):
        conversation = receive(incoming())
        model.write.side_effect = lambda *args, **kwargs: (
            Conversation.objects.update(lease_token="somebody else's"),
            model._write(*args, **kwargs),
        )[1]

        work(conversation)

        assert (bridge.sent, decisions(), outcomes()) == ([], [], [""])

    def test_what_arrives_while_the_model_thinks_is_judged_next(
        self, bridge, model, work
    ):
        conversation = receive(incoming("first"))
        later = [incoming("second")]
        model.write.side_effect = lambda *args, **kwargs: (
            intake.receive(later),
            later.clear(),
            model._write(*args, **kwargs),
        )[2]

        work(conversation)
        work(conversation)

        assert outcomes() == ["replied", "replied"]

    def test_a_question_deleted_before_the_answer_is_not_answered(
        self, bridge, model, work
    ):
        conversation = receive(incoming(whatsapp_id="IN1"))
        intake.receive([MessageDeleted(INSTANCE, "IN1")])

        work(conversation)

        assert (model.write.called, outcomes()) == (False, ["filtered"])

    @pytest.fixture
    def while_writing(self, model):
        """Have something happen while the model writes its first answer."""

        def happen(event):
            events = [event]

            def write(*args, **kwargs):
                while events:
                    intake.receive([events.pop()])
                return model._write(*args, **kwargs)

            model.write.side_effect = write

        return happen

    def test_an_edit_while_the_model_writes_is_answered_instead(
        self, bridge, model, work, while_writing
    ):
        conversation = receive(incoming(whatsapp_id="IN1", text="On Monday?"))
        while_writing(MessageEdited(INSTANCE, "IN1", "On Tuesday?"))

        work(conversation)
        work(conversation)

        assert outcomes() == ["replied"]
        assert len(bridge.sent) == 1
        seen = [call.args[0][-1].text for call in model.write.call_args_list]
        assert seen == ["On Monday?", "On Tuesday?"]

    def test_what_an_overtaken_answer_cost_is_kept(
        self, bridge, model, work, while_writing
    ):
        conversation = receive(incoming(whatsapp_id="IN1"))
        while_writing(MessageEdited(INSTANCE, "IN1", "On Tuesday?"))

        work(conversation)

        kept = Decision.objects.filter(step="response").order_by("pk").first()
        assert (kept.outcome, kept.error) == ("overtaken", "")

    def test_a_deletion_while_the_model_writes_cancels_the_answer(
        self, bridge, model, work, while_writing
    ):
        conversation = receive(incoming(whatsapp_id="IN1"))
        while_writing(MessageDeleted(INSTANCE, "IN1"))

        work(conversation)
        work(conversation)

        assert (bridge.sent, outcomes()) == ([], ["filtered"])

    def test_a_judgement_of_what_was_edited_since_is_not_used_again(
        self, bridge, model, work
    ):
        group = receive(in_group(whatsapp_id="IN1"))
        model.write_error = {"error": "busy", "retryable": True}
        work(group)
        intake.receive([MessageEdited(INSTANCE, "IN1", "Is it shut?")])
        model.write_error = {}

        work(group)

        assert model.judge.call_count == 2

    def test_an_edit_while_the_clock_was_ahead_is_answered_once(
        self, bridge, model, work
    ):
        conversation = receive(incoming(whatsapp_id="IN1"))
        with time_machine.travel(timezone.now() + timedelta(minutes=3), tick=False):
            intake.receive([MessageEdited(INSTANCE, "IN1", "On Tuesday?")])

        work(conversation)

        assert (model.write.call_count, len(bridge.sent)) == (1, 1)

    def test_an_edit_of_what_was_answered_while_the_clock_was_ahead(
        self, bridge, model, work
    ):
        conversation = receive(incoming(whatsapp_id="IN1"))
        bridge.before_send = Mock(
            side_effect=BridgeError("down", kind="down", retryable=True)
        )
        work(conversation)
        bridge.before_send = None
        Message.objects.filter(direction="out").update(
            attempted_at=timezone.now() - timedelta(minutes=1),
            received_at=timezone.now() + timedelta(minutes=3),
        )

        intake.receive([MessageEdited(INSTANCE, "IN1", "On Tuesday?")])
        work(conversation)

        assert model.write.call_count == 2
        assert len(bridge.sent) == 1

    def test_an_edit_before_the_reply_left_is_answered_instead(
        self, bridge, model, work
    ):
        conversation = receive(incoming(whatsapp_id="IN1"))
        bridge.before_send = Mock(
            side_effect=BridgeError("down", kind="down", retryable=True)
        )
        work(conversation)
        intake.receive([MessageEdited(INSTANCE, "IN1", "On Tuesday?")])
        bridge.before_send = None
        Message.objects.update(attempted_at=timezone.now() - timedelta(minutes=1))

        work(conversation)

        assert outcomes() == ["replied"]
        assert len(bridge.sent) == 1
        assert model.write.call_count == 2


class TestLimits:
    def test_old_messages_are_context_only(self, bridge, model, work):
        work(receive(incoming(sent_at=timezone.now() - timedelta(minutes=11))))

        assert outcomes() == ["too_old"]

    def test_the_daily_spend_limit_stops_model_calls(self, bridge, model, work):
        make_settings(daily_spend_limit=Decimal("0.01"))
        work(receive(incoming()))
        work(receive(incoming()))

        assert outcomes() == ["replied", "over_budget"]

    def test_two_bots_do_not_talk_for_ever(self, bridge, model, work):
        make_settings(replies_per_minute=3)

        for _ in range(5):
            work(receive(incoming()))

        assert len(bridge.sent) == 3

    def test_blocked_people_reach_no_model(self, bridge, model, work):
        conversation = make_conversation(
            contact=make_contact(access="blocked"), due_at=timezone.now()
        )
        make_inbound(conversation)

        work(conversation)

        assert (model.write.called, outcomes()) == (False, ["filtered"])


class TestTranscript:
    def test_shows_the_last_messages_only(self, bridge, model, work):
        conversation = make_conversation(due_at=timezone.now())
        for n in range(30):
            sent_at = timezone.now() - timedelta(minutes=100 - n)
            make_inbound(conversation, f"old {n}", outcome="replied", sent_at=sent_at)
        make_inbound(conversation, "new")

        work(conversation)

        lines = model.write.call_args.args[0]
        assert (len(lines), lines[0].text, lines[-1].text) == (20, "old 11", "new")

    def test_knows_who_replies_to_whom(self, bridge, model, work):
        conversation = make_conversation(due_at=timezone.now())
        make_outbound(conversation, status="sent", whatsapp_id="OURS")
        make_inbound(conversation, quoted_id="OURS")

        work(conversation)

        first, second = model.write.call_args.args[0]
        assert (first.is_agent, second.is_agent, second.reply_to) == (True, False, 1)

    def test_never_shows_what_was_not_sent(self, bridge, model, work):
        conversation = make_conversation(due_at=timezone.now())
        for status in ("draft", "failed", "dropped"):
            make_outbound(conversation, status=status)
        make_inbound(conversation)

        work(conversation)

        assert len(model.write.call_args.args[0]) == 1


class TestPoison:
    def test_an_error_of_ours_is_tried_again_and_then_shown(self, bridge, model, work):
        conversation = receive(incoming("poison"))
        model.write.side_effect = ValueError("cannot digest")

        for _ in range(pipeline.GIVE_UP_AFTER):
            assert outcomes() == [""]
            work(conversation)

        assert outcomes() == ["response_failed"]
        assert "cannot digest" in reason()

    def test_the_neighbours_are_answered(self, bridge, model, work):
        conversation = receive(incoming("poison"), incoming("fine"))

        def write(lines, judged, **options):
            if "poison" in {lines[n - 1].text for n in judged}:
                raise ValueError("cannot digest")
            return model._write(lines, judged)

        model.write.side_effect = write

        for _ in range(pipeline.GIVE_UP_AFTER + 1):
            work(conversation)

        assert outcomes() == ["response_failed", "replied"]

    def test_who_comes_through_in_quarantine_makes_room_for_the_next(
        self, bridge, model, work
    ):
        conversation = receive(
            incoming("One?"), incoming("Two?"), crashes=SUSPECT_AFTER
        )

        work(conversation)

        assert outcomes() == ["replied", ""]
        conversation.refresh_from_db()
        assert conversation.crashes < SUSPECT_AFTER

    def test_what_crashes_the_worker_again_and_again_is_given_up(
        self, bridge, model, work
    ):
        conversation = receive(incoming("killer"), crashes=GUILTY_AFTER)

        work(conversation)

        assert (model.write.called, outcomes()) == (False, ["response_failed"])
        assert reason() == "It crashed the worker again and again"


def test_a_deletion_between_two_parts_ends_the_reply(bridge, model, work):
    model.text = "\n\n".join(["x" * 3000, "y" * 3000])
    conversation = receive(incoming(whatsapp_id="IN1"))
    bridge.after_send = lambda text: intake.receive([MessageDeleted(INSTANCE, "IN1")])

    work(conversation)

    assert [message["text"][0] for message in bridge.sent] == ["x"]
    assert outcomes() == ["filtered"]
