from datetime import timedelta

import pytest
from django.db.models import F
from django.utils import timezone
from django_q.models import OrmQ

from conversations import mailbox
from conversations.mailbox import LeaseLost
from conversations.models import Conversation
from tests.factories import make_conversation, make_inbound, make_outbound

pytestmark = pytest.mark.django_db


@pytest.fixture
def due():
    conversation = make_conversation(due_at=timezone.now() - timedelta(seconds=1))
    make_inbound(conversation)
    return conversation


def reload(conversation: Conversation) -> Conversation:
    return Conversation.objects.get(pk=conversation.pk)


def test_only_one_may_hold_a_conversation(due):
    assert mailbox.claim(due.pk, "a")
    assert mailbox.claim(due.pk, "b") is None


def test_nobody_holds_what_is_not_due():
    conversation = make_conversation(due_at=timezone.now() + timedelta(seconds=5))

    assert mailbox.claim(conversation.pk, "a") is None


def test_a_conversation_that_is_gone_cannot_be_claimed():
    assert mailbox.claim(404, "a") is None


def test_an_expired_lease_is_taken_over_and_its_holder_loses(due):
    frozen = mailbox.claim(due.pk, "a")
    Conversation.objects.update(lease_until=timezone.now() - timedelta(seconds=1))

    assert mailbox.claim(due.pk, "b")
    with pytest.raises(LeaseLost):
        mailbox.fence(frozen)


def test_parking_keeps_the_work_and_queues_a_wake_up(due):
    until = timezone.now() + timedelta(minutes=1)

    mailbox.park(mailbox.claim(due.pk, "a"), until)

    parked = reload(due)
    assert (parked.lease_token, parked.due_at, parked.wake_at) == ("", until, until)
    assert OrmQ.objects.get().lock == until


def test_a_clean_end_is_no_crash(due):
    mailbox.park(mailbox.claim(due.pk, "a"), timezone.now())

    assert reload(due).crashes == 0


def test_releasing_is_refused_while_a_message_waits(due):
    assert mailbox.release(mailbox.claim(due.pk, "a")) is False


@pytest.mark.parametrize("status", ["queued", "sending", "unknown"])
def test_releasing_is_refused_while_the_outbox_is_not_settled(due, status):
    due.messages.update(outcome="replied")
    make_outbound(due, status=status)

    assert mailbox.release(mailbox.claim(due.pk, "a")) is False


def test_releasing_ends_the_work(due):
    due.messages.update(outcome="replied")

    assert mailbox.release(mailbox.claim(due.pk, "a")) is True
    assert (reload(due).due_at, reload(due).lease_token) == (None, "")


def test_making_due_wakes_once(due):
    assert mailbox.make_due(due, timezone.now() + timedelta(seconds=5)) == []
    assert not OrmQ.objects.exists()


def test_making_due_earlier_wakes_earlier():
    soon = timezone.now()
    conversation = make_conversation(due_at=soon + timedelta(minutes=1))

    assert mailbox.make_due(conversation, soon) == ["due_at", "wake_at"]
    assert OrmQ.objects.get().lock == soon


class TestDispatcher:
    def test_wakes_what_is_due(self, due):
        assert mailbox.wake_due() == 1
        assert mailbox.wake_due() == 0, "its wake-up is on its way"

    def test_repeats_a_wake_up_that_was_lost(self, due):
        Conversation.objects.update(wake_at=timezone.now() - timedelta(seconds=3))

        assert mailbox.wake_due() == 1

    def test_wakes_what_a_dead_worker_held(self, due):
        mailbox.claim(due.pk, "a")
        Conversation.objects.update(lease_until=timezone.now() - timedelta(seconds=1))

        assert mailbox.wake_due() == 1

    def test_leaves_alone_what_is_held_or_not_due(self, due):
        mailbox.claim(due.pk, "a")
        make_conversation(is_group=True, due_at=timezone.now() + timedelta(minutes=1))

        assert mailbox.wake_due() == 0

    def test_does_not_flood_its_queue(self, due):
        OrmQ.objects.bulk_create(
            OrmQ(key="whatsapp-agent", payload="x", lock=timezone.now())
            for _ in range(mailbox.QUEUE_LIMIT + 1)
        )

        assert mailbox.wake_due() == 0


class TestFreeing:
    def test_frees_the_leases_of_a_dead_worker_at_once(self, due):
        mailbox.claim(due.pk, "dead")

        assert mailbox.free("dead") == 1
        assert mailbox.claim(due.pk, "alive")

    def test_leaves_other_workers_alone(self, due):
        mailbox.claim(due.pk, "alive")

        assert mailbox.free("dead") == 0


class TestQuarantine:
    @pytest.fixture
    def suspects(self, due):
        other = make_conversation(is_group=True, due_at=timezone.now())
        Conversation.objects.update(crashes=mailbox.SUSPECT_AFTER)
        return due, other

    def test_suspects_run_one_at_a_time(self, suspects):
        first, second = suspects

        assert mailbox.claim(first.pk, "a")
        assert mailbox.claim(second.pk, "a") is None

    def test_the_next_suspect_runs_when_the_first_has_ended(self, suspects):
        first, second = suspects
        lease = mailbox.claim(first.pk, "a")

        with mailbox.holding(lease):
            mailbox.park(lease, timezone.now())

        assert mailbox.claim(second.pk, "a")

    def test_the_next_suspect_is_woken_at_once(self, suspects):
        first, second = suspects
        lease = mailbox.claim(first.pk, "a")

        with mailbox.holding(lease):
            mailbox.park(lease, timezone.now() + timedelta(minutes=1))

        assert (second.pk,) in [row.task["args"] for row in OrmQ.objects.all()]

    def test_a_dead_worker_does_not_keep_the_quarantine(self, suspects):
        first, second = suspects
        mailbox.claim(first.pk, "dead")

        mailbox.free("dead")

        assert mailbox.claim(second.pk, "b")

    def test_a_suspect_of_a_dead_worker_waits_twice_as_long_each_time(
        self, suspects, settings
    ):
        suspect, _ = suspects
        waits = []
        for crashes in range(mailbox.SUSPECT_AFTER, mailbox.GUILTY_AFTER):
            Conversation.objects.filter(pk=suspect.pk).update(
                crashes=crashes, lease_token="held", lease_owner="dead"
            )
            mailbox.free("dead")
            assert mailbox.claim(suspect.pk, "b") is None
            waits.append(reload(suspect).lease_until - timezone.now())

        assert [round(wait.total_seconds() / settings.SUSPECT_SECONDS) for wait in waits] == [
            1, 2, 4, 8, 16, 32,
        ]  # fmt: skip

    def test_a_suspect_is_woken_when_its_wait_is_over(self, suspects):
        suspect, _ = suspects
        mailbox.claim(suspect.pk, "dead")
        mailbox.free("dead")
        over = timezone.now() - timedelta(seconds=1)
        Conversation.objects.filter(pk=suspect.pk).update(lease_until=over)

        mailbox.wake_due()

        assert (suspect.pk,) in [row.task["args"] for row in OrmQ.objects.all()]
        assert mailbox.claim(suspect.pk, "b")

    def test_others_are_not_held_up(self, suspects):
        first, second = suspects
        mailbox.claim(first.pk, "a")
        Conversation.objects.filter(pk=second.pk).update(crashes=F("crashes") - 1)

        assert mailbox.claim(second.pk, "a")


def test_the_heart_renews_what_is_held(due):
    lease = mailbox.claim(due.pk, "a")
    heart = mailbox.Heart()
    with heart.holding(lease):
        Conversation.objects.update(lease_until=timezone.now())
        lease.renewed = 0

        heart._beat()

        assert reload(due).lease_until > timezone.now() + timedelta(seconds=10)
        assert lease.is_fresh


def test_a_lease_that_was_not_renewed_is_not_fresh(due):
    lease = mailbox.claim(due.pk, "a")
    lease.renewed -= 60

    assert not lease.is_fresh
