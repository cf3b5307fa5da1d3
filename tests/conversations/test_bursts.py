from datetime import UTC, datetime, timedelta

from conversations.bursts import first_over
from conversations.models import Message

START = datetime(2026, 1, 1, tzinfo=UTC)


def message(sender: int, at: float) -> Message:
    return Message(sender_id=sender, received_at=START + timedelta(seconds=at))


def over(*pending: Message, wait: float = 5, longest: float = 12):
    burst = first_over(list(pending), lambda message: wait, longest)
    return (burst.over_at - START).total_seconds(), [
        pending.index(m) for m in burst.messages
    ]


def test_there_is_no_burst_without_messages():
    assert first_over([], lambda message: 5, 12) is None


def test_waits_for_the_sender_to_fall_silent():
    assert over(message(1, 0), message(1, 3)) == (8, [0, 1])


def test_waits_no_longer_than_the_longest_wait():
    assert over(*(message(1, second) for second in range(0, 12, 3))) == (
        12,
        [0, 1, 2, 3],
    )


def test_never_merges_two_people():
    assert over(message(1, 0), message(2, 1), message(1, 4)) == (6, [1])


def test_an_addressed_message_shortens_the_wait_of_its_burst():
    messages = [message(1, 0), message(1, 1)]
    burst = first_over(messages, lambda m: 1.5 if m is messages[1] else 5, 12)

    assert burst.over_at == START + timedelta(seconds=2.5)
