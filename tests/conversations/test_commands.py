from datetime import timedelta
from unittest.mock import patch

import pytest
from django.utils import timezone

from conversations import (
    commands,
    contacts,
    forgetting,
    intake,
    pipeline,
    steering,
)
from conversations.models import (
    FOREVER,
    AgentSettings,
    Contact,
    Conversation,
    Forgetting,
    Message,
    SettingsChange,
)
from conversations.whatsapp import Address, MessageEdited
from llm.models import Decision
from tests.factories import (
    ANA,
    BEN,
    INSTANCE,
    in_group,
    incoming,
    make_contact,
    make_settings,
    typed_on_phone,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def commander() -> Contact:
    return make_contact(may_command=True)


@pytest.fixture
def say(work):
    def say(*events, **fields) -> Conversation:
        intake.receive(list(events))
        conversation = Conversation.objects.latest("pk")
        fields = {"mode": "live", **fields}
        Conversation.objects.filter(pk=conversation.pk).update(**fields)
        work(conversation)
        conversation.refresh_from_db()
        return conversation

    return say


def outcomes() -> list[str]:
    found = Message.objects.inbound().order_by("pk")
    return list(found.values_list("outcome", flat=True))


def texts(bridge) -> list[str]:
    return [message["text"] for message in bridge.sent]


class TestOfACommander:
    def test_pause_is_obeyed_and_answered_without_a_model(
        self, commander, say, bridge, model
    ):
        conversation = say(incoming("/pause"))

        assert conversation.paused_until == FOREVER
        assert texts(bridge) == ["Paused here until somebody resumes."]
        assert outcomes() == ["command"]
        assert not model.write.called
        decision = Decision.objects.get()
        assert (decision.source, decision.kind) == ("rule", "command")
        assert decision.why == "/pause from Ana"

    def test_pause_may_have_an_end(self, commander, say):
        until = say(incoming("/Pause 2h")).paused_until
        assert abs(until - timezone.now() - timedelta(hours=2)) < timedelta(minutes=1)

    @pytest.mark.parametrize("field", ["paused_until", "taken_over_until"])
    def test_resume_is_obeyed_while_the_agent_stands_back(
        self, commander, say, bridge, field
    ):
        conversation = say(incoming("/resume"), **{field: FOREVER})

        assert getattr(conversation, field) is None
        assert texts(bridge) == ["Resumed here."]

    def test_pause_all_switches_the_agent_off_and_says_who_did_it(
        self, commander, say, bridge, django_capture_on_commit_callbacks
    ):
        say(incoming("/pause all"))

        assert not AgentSettings.load().is_on
        assert SettingsChange.objects.get().commander == "Ana: /pause all"
        assert len(bridge.sent) == 1

    def test_resume_all_is_obeyed_by_an_agent_that_is_switched_off(
        self, commander, say, bridge
    ):
        make_settings(is_on=False)
        say(incoming("/resume all"))

        assert AgentSettings.load().is_on
        assert len(bridge.sent) == 1

    def test_pause_all_silences_a_number_that_is_on_by_itself(
        self, commander, say, bridge
    ):
        make_settings(own_values={"second": {"is_on": True}})
        say(incoming("/pause all"))
        say(incoming("Hello?", instance="second"))

        assert outcomes() == ["command", "paused"]
        assert len(bridge.sent) == 1
        assert Message.objects.latest("pk").reason == "The agent is switched off"

    def test_resume_all_leaves_off_a_number_that_is_off_by_itself_and_says_so(
        self, commander, say, bridge
    ):
        make_settings(is_on=False, own_values={"second": {"is_on": False}})
        say(incoming("/resume all", instance="second"))
        say(incoming("Hello?", instance="second"))
        say(incoming("Hello?"))

        assert texts(bridge)[0].endswith("Still switched off: second.")
        assert outcomes() == ["command", "paused", "replied"]

    def test_resume_says_that_the_number_is_switched_off(self, commander, say, bridge):
        make_settings(own_values={INSTANCE: {"is_on": False}})
        say(incoming("/resume"))

        assert texts(bridge) == [
            "Resumed here, but this number is switched off in the settings."
        ]

    def test_a_limit_that_is_used_up_does_not_stop_it(self, commander, say, bridge):
        make_settings(daily_call_limit=0, replies_per_minute=0)
        say(incoming("/status"))
        assert texts(bridge) == ["Answering here."]

    def test_what_is_unknown_gets_a_short_help(self, commander, say, bridge):
        say(incoming("/dance now"))
        assert texts(bridge)[0].startswith("/pause - ")

    def test_known_by_the_lid_only_is_obeyed_in_a_group(self, say, bridge):
        make_contact(Address("", ANA.lid), may_command=True)
        lid_only = Address("", ANA.lid)

        assert say(in_group("/pause", sender=lid_only)).is_paused

    def test_text_in_the_same_burst_is_answered_as_ever(self, commander, say, bridge):
        say(incoming("What is it?"), incoming("/status"), incoming("Well?"))

        assert texts(bridge) == ["Answering here.", "Here you are."]
        assert outcomes() == ["replied", "command", "replied"]

    def test_the_model_does_not_see_commands(self, commander, say, model):
        say(incoming("/status"))
        say(incoming("Hello?"))

        lines = model.write.call_args.args[0]
        assert [line.text for line in lines] == ["Hello?"]

    def test_the_same_webhook_again_is_obeyed_once(self, commander, say, bridge):
        event = incoming("/pause")
        conversation = say(event)
        steering.resume(conversation)

        assert not say(event).is_paused
        assert len(bridge.sent) == 1

    def test_too_old_is_not_obeyed(self, commander, say, bridge):
        hour_ago = timezone.now() - timedelta(hours=1)

        assert not say(incoming("/pause", sent_at=hour_ago)).is_paused
        assert outcomes() == ["too_old"]

    def test_edited_in_later_is_no_command(self, commander, say):
        event = incoming("Hello")
        edit = MessageEdited(
            instance=INSTANCE, whatsapp_id=event.whatsapp_id, text="/pause"
        )
        assert not say(event, edit).is_paused

    def test_with_something_invisible_before_it_is_no_command(self, commander, say):
        assert not say(incoming("\u200b/pause")).is_paused

    def test_is_no_command_from_a_blocked_contact(self, commander, say):
        Contact.objects.update(access="blocked")
        assert not say(incoming("/pause")).is_paused
        assert outcomes() == ["filtered"]

    def test_without_a_prefix_in_the_settings_there_are_none(self, commander, say):
        make_settings(command_prefix="")
        assert not say(incoming("/pause")).is_paused

    @pytest.mark.parametrize("mode", ["off", "shadow"])
    def test_a_group_where_nothing_is_sent_does_not_hear_of_it(
        self, commander, say, bridge, mode
    ):
        assert say(in_group("/pause"), mode=mode).is_paused
        assert bridge.sent == []
        assert outcomes() == ["command"]

    def test_a_crash_between_obeying_and_answering_obeys_once(
        self, commander, say, bridge, work
    ):
        with patch.object(pipeline.outbox, "flush", return_value=None):
            conversation = say(incoming("/pause"))
        assert (conversation.is_paused, bridge.sent) == (True, [])

        work(conversation)
        assert len(bridge.sent) == 1

    def test_a_crash_while_obeying_leaves_nothing_half_done(
        self, commander, say, bridge, work
    ):
        with patch.object(pipeline.outbox, "put", side_effect=RuntimeError):
            conversation = say(incoming("/pause"))
        assert (conversation.is_paused, outcomes()) == (False, [""])

        work(conversation)
        assert (outcomes(), len(bridge.sent)) == (["command"], 1)

    def test_is_not_obeyed_again_by_judging_it_again(self, commander, say):
        say(incoming("/pause"))
        with pytest.raises(steering.NotPossible):
            steering.judge_again(Message.objects.inbound().get())

    def test_still_may_when_both_addresses_turn_out_to_be_one(self):
        make_contact(Address(ANA.phone_jid, ""))
        make_contact(Address("", ANA.lid), may_command=True)
        assert contacts.resolve(ANA).may_command


class TestOfOthers:
    def test_a_stranger_who_claims_to_be_the_owner_is_only_answered(
        self, commander, say, bridge
    ):
        stranger = {"sender": BEN, "chat": BEN, "sender_name": "Ana"}
        conversation = say(incoming("/pause", **stranger))

        assert not conversation.is_paused
        assert texts(bridge) == ["Here you are."]

    def test_what_is_typed_on_the_linked_phone_only_takes_over(self, commander, say):
        conversation = say(incoming("Hi"), typed_on_phone("/pause"))
        assert (conversation.is_paused, conversation.is_taken_over) == (False, True)


class TestBeQuiet:
    @pytest.mark.parametrize(
        "text",
        [
            "Assistant, be quiet!",
            "please stop, assistant",
            "Assistant: basta",
            "Assistant, tais-toi s'il te plaît",
        ],
    )
    def test_a_few_words_to_the_agent_silence_it(self, say, bridge, model, text):
        conversation = say(in_group(text))

        assert conversation.is_quiet
        assert outcomes() == ["stopped"]
        assert not model.judge.called
        assert bridge.sent == []

    def test_more_than_the_wish_is_a_question_like_others(self, say, bridge):
        conversation = say(in_group("Assistant, where does the bus stop?"))
        assert not conversation.is_quiet
        assert len(bridge.sent) == 1

    @pytest.mark.parametrize(
        "text", ["Stop it, you are funny", "Stop!", "Assistant, stop it, you are funny"]
    )
    def test_hears_no_wish_in_what_is_said_to_others_or_in_play(self, say, text):
        assert not say(in_group(text)).is_quiet

    def test_the_judging_step_understands_it_too(self, say, model):
        model.p, model.kind = 0.02, "stop"
        assert say(in_group("can the robot leave us alone")).is_quiet
        assert outcomes() == ["stopped"]

    def test_the_judging_step_must_be_sure(self, say, model):
        model.p, model.kind = 0.4, "stop"
        assert not say(in_group("hm, bots")).is_quiet
        assert outcomes() == ["below_threshold"]

    def test_then_nobody_is_answered(self, say, bridge):
        say(in_group("Assistant, stop"))
        say(in_group("Assistant, what time is it?", sender=BEN))

        assert bridge.sent == []
        assert outcomes() == ["stopped", "stopped"]

    def test_who_addresses_it_is_answered_where_the_settings_say_so(self, say, bridge):
        make_settings(quiet_when_addressed=False)
        say(in_group("Assistant, stop"))
        say(in_group("What time is it?", sender=BEN))
        say(in_group("Assistant, what time is it?", sender=BEN))

        assert outcomes() == ["stopped", "stopped", "replied"]

    def test_is_off_at_zero_minutes(self, say):
        make_settings(quiet_minutes=0)
        assert not say(in_group("Assistant, stop")).is_quiet

    def test_staff_and_commanders_end_it(self, commander, say):
        say(in_group("Assistant, stop", sender=BEN))
        assert not say(in_group("/resume")).is_quiet

    def test_commands_are_obeyed_meanwhile(self, commander, say, bridge):
        say(in_group("Assistant, stop", sender=BEN))
        say(in_group("/status"))
        assert texts(bridge)[0].startswith("Silent here: Asked to be quiet until")


@pytest.mark.parametrize("text", ["9999d", "30m"])
def test_durations_end_before_the_calendar_does(text):
    assert timezone.now() + commands._span(text) < FOREVER


class TestForget:
    def said(self) -> str:
        return Message.objects.filter(author="command").latest("pk").text

    def test_anybody_is_asked_first(self, bridge, model, say):
        say(incoming("/forget"))

        assert "/forget yes" in self.said()
        assert (outcomes(), Forgetting.objects.exists()) == (["command"], False)

    def test_is_done_once_they_are_sure(self, bridge, model, say):
        say(incoming("My secret"), incoming("/Forget yes"))

        wish = Forgetting.objects.get()
        forgetting.work(wish.pk)
        wish.refresh_from_db()
        assert wish.done_at
        assert not Message.objects.exclude(text="").exists()
        assert bridge.sent[0]["text"] == "What you said is being deleted here."

    @pytest.mark.parametrize("text", ["forget", "/forget me", "/forget yes please"])
    def test_only_the_exact_words_count(self, bridge, model, say, text):
        say(incoming(text))

        assert outcomes() == ["replied"]

    def test_in_a_group_nobody_is_forgotten(self, bridge, model, say):
        say(in_group("/forget yes"))

        assert not Forgetting.objects.exists()

    def test_can_be_switched_off(self, bridge, model, say):
        make_settings(forget_in_chat=False)

        say(incoming("/forget yes"))

        assert (outcomes(), Forgetting.objects.exists()) == (["replied"], False)

    def test_whoever_plays_with_it_is_answered_like_anybody(self, bridge, model, say):
        for _ in range(5):
            say(incoming("/forget"))

        assert outcomes() == ["command"] * 4 + ["replied"]
