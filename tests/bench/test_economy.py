import pytest

from bench.economy.chats import Chat, Said, load, names
from bench.economy.counting import ADDRESSED, WAITING, count
from bench.economy.replay import NOT_IN_THE_SCRIPT, replay
from bench.economy.report import chats, reasons
from bench.economy.tally import Tally
from conversations.models import Message

# On PostgreSQL leases go by the database's clock, which nobody can move.
pytestmark = pytest.mark.sqlite

TOO_SOON = "budget: too soon after an unprompted reply"
NO_WORDS = "nothing to judge in it"


def said(n, at, sender, text, *answers):
    return Said(n, at, sender, text, frozenset(answers))


CHAT = Chat(
    "short",
    [
        Said(0, 0, "Ben", "what was said before"),
        # Two lines within the wait are one burst, and the agent's part answers it.
        said(1, 100, "Ana", "hello all"),
        said(2, 103, "Ana", "how do I mount a disk?"),
        said(3, 130, "Rob", "with mount", 2),
        # Too soon after that, though it would have been answered.
        said(4, 150, "Ben", "and how do I unmount it?"),
        said(5, 170, "Rob", "with umount", 4),
        said(6, 180, "Cleo", "Rob: thanks"),
        # Another time: judged and left alone, but for what nobody could answer.
        said(7, 1000, "Ben", "what a day"),
        said(8, 1060, "Ana", ":)"),
        said(9, 1120, "Ana", "a quiet one"),
    ],
)


@pytest.fixture
def tally(db) -> Tally:
    return count(CHAT, replay(CHAT))


def test_the_one_who_answers_most_is_the_agents_part():
    assert CHAT.agent == "Rob"
    assert CHAT.replies == {2: ["with mount"], 4: ["with umount"]}
    assert [one.n for one in CHAT.messages] == [1, 2, 4, 6, 7, 8, 9]


def test_a_short_chat_takes_exactly_these_calls(tally):
    assert tally.messages == 7
    assert (tally.judged, tally.written) == (3, 2)
    assert tally.unjudged == {WAITING: 1, TOO_SOON: 1, ADDRESSED: 1, NO_WORDS: 1}


def test_a_short_chat_gets_exactly_these_replies(tally):
    texts = Message.objects.filter(author="agent").order_by("id")
    assert list(texts.values_list("text", flat=True)) == [
        "with mount",
        NOT_IN_THE_SCRIPT,
    ]
    assert (tally.sent, tally.uncalled_for) == (2, 1)
    assert (tally.wanted, tally.answered) == (2, 1)
    assert tally.missed == {TOO_SOON: 1}


def test_every_message_has_an_outcome_and_its_own_time(tally):
    inbound = Message.objects.filter(direction="in")
    assert not inbound.filter(outcome="").exists()
    first, last = inbound.get(text="hello all"), inbound.get(text="a quiet one")
    assert (last.sent_at - first.sent_at).total_seconds() == 1020
    assert inbound.get(text="what was said before").outcome == "too_old"


def test_settings_of_a_run_are_in_force(db):
    tally = count(CHAT, replay(CHAT, unprompted_gap=0, group_wait=0.5))

    assert tally.judged == 5
    assert (tally.answered, tally.missed) == (2, {})


def test_what_is_saved_is_against_judging_each(tally):
    assert tally.calls_of_each == 7 + 2
    assert tally.saved == 1 - 5 / 9


def test_the_tables_tell_it(tally):
    twice = tally + tally

    assert f"| short | 7 | {7 / tally.hours:.0f} | 3 | 2 | 71 | 129 | 44% |" in chats({"short": tally})  # fmt: skip
    assert f"| not judged: {TOO_SOON} | 14.3% |" in reasons({"as installed": twice})


def test_every_chat_can_be_read():
    assert len(names()) == 26
    for name in names():
        chat = load(name)
        assert chat.replies
        assert [one.at for one in chat.messages] == sorted(one.at for one in chat.messages)  # fmt: skip
