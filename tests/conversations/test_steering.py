import pytest
from django.utils import timezone

from conversations import steering
from conversations.models import Conversation, Message
from conversations.steering import NotPossible
from tests.conversations.test_outbox import ask
from tests.factories import make_conversation, make_inbound, make_outbound

pytestmark = pytest.mark.django_db


@pytest.fixture
def conversation():
    return make_conversation()


@pytest.fixture
def drafted(conversation):
    question = ask(conversation)
    conversation.messages.filter(direction="out").update(status="draft")
    Message.objects.filter(pk=question.pk).update(outcome="drafted")
    return conversation.messages.get(text="One")


def question() -> Message:
    return Message.objects.inbound().get()


def test_a_reply_by_hand_is_queued_and_takes_over(conversation, admin_user):
    steering.reply(conversation, "From us", admin_user)

    message = conversation.messages.get()
    assert (message.author, message.status, message.staff) == (
        "staff",
        "queued",
        admin_user,
    )
    conversation.refresh_from_db()
    assert conversation.is_taken_over
    assert conversation.due_at


def test_an_empty_reply_is_refused(conversation, admin_user):
    with pytest.raises(NotPossible):
        steering.reply(conversation, " ", admin_user)


def test_pausing_lasts_until_somebody_resumes(conversation):
    steering.pause(conversation)
    conversation.refresh_from_db()
    assert conversation.is_paused

    steering.resume(conversation)
    conversation.refresh_from_db()
    assert not conversation.is_paused


def test_handing_back_ends_a_take_over(conversation, admin_user):
    steering.reply(conversation, "From us", admin_user)

    steering.resume(conversation)

    conversation.refresh_from_db()
    assert not conversation.is_taken_over


class TestDrafts:
    def test_an_approved_draft_is_queued_with_all_its_parts(self, drafted, admin_user):
        steering.approve(drafted, admin_user)

        parts = drafted.conversation.messages.filter(direction="out")
        assert set(parts.values_list("status", "staff")) == {("queued", admin_user.pk)}
        assert question().outcome == "replying"
        assert Conversation.objects.get().due_at

    def test_an_edited_draft_is_sent_as_edited(self, drafted, admin_user):
        steering.approve(drafted, admin_user, "Better")

        parts = drafted.conversation.messages.filter(direction="out")
        assert list(parts.values_list("text", "decision", "quoted_id")) == [
            ("Better", drafted.decision_id, question().whatsapp_id)
        ]

    def test_a_discarded_draft_is_dropped(self, drafted, admin_user):
        steering.discard(drafted, admin_user)

        assert (question().outcome, question().reason) == (
            "discarded",
            "Discarded by admin",
        )

    def test_a_draft_cannot_be_dealt_with_twice(self, drafted, admin_user):
        steering.approve(drafted, admin_user)

        with pytest.raises(NotPossible):
            steering.discard(drafted, admin_user)


class TestFailedSends:
    @pytest.fixture
    def failed(self, conversation):
        ask(conversation)
        conversation.messages.filter(text="One").update(
            status="failed", attempts=3, whatsapp_id="X"
        )
        conversation.messages.filter(text="Two").update(status="dropped")
        return conversation.messages.get(text="One")

    def test_can_be_sent_again_with_what_was_to_follow(self, failed, admin_user):
        steering.send_again(failed, admin_user)

        parts = failed.conversation.messages.filter(direction="out")
        assert set(parts.values_list("status", "attempts", "whatsapp_id")) == {
            ("queued", 0, "")
        }
        assert question().outcome == "replying"

    def test_only_failed_ones_can(self, conversation, admin_user):
        message = make_outbound(conversation, status="sent")

        with pytest.raises(NotPossible):
            steering.send_again(message, admin_user)

    def test_can_be_dropped_while_unknown(self, conversation, admin_user):
        message = make_outbound(conversation, status="unknown")

        steering.drop(message, admin_user)

        message.refresh_from_db()
        assert message.status == "dropped"

    def test_what_is_being_sent_cannot_be_dropped(self, conversation, admin_user):
        message = make_outbound(conversation, status="sending")

        with pytest.raises(NotPossible):
            steering.drop(message, admin_user)


def test_a_silence_can_be_judged_again(conversation):
    message = make_inbound(conversation, outcome="gate_failed", reason="429")

    steering.judge_again(message)

    message.refresh_from_db()
    conversation.refresh_from_db()
    assert message.outcome == ""
    assert conversation.due_at <= timezone.now()


@pytest.mark.parametrize("outcome", ["replied", "replying"])
def test_what_was_answered_is_not_judged_again(conversation, outcome):
    with pytest.raises(NotPossible):
        steering.judge_again(make_inbound(conversation, outcome=outcome))
