import logging
import threading
from queue import SimpleQueue

import pytest

from conversations.whatsapp import BridgeError
from evolution import notices
from evolution.notices import Notices

SECONDS = 5


class Call:
    """Something slow: it begins when a thread takes it, and ends when it is told to."""

    __name__ = "call"

    def __init__(self, error: Exception | None = None) -> None:
        self.begun = SimpleQueue()
        self.may_end = threading.Semaphore(0)
        self.error = error

    def __call__(self) -> None:
        self.begun.put(threading.current_thread())
        self.may_end.acquire(timeout=SECONDS)
        if self.error:
            raise self.error


@pytest.fixture
def call():
    call = Call()
    yield call
    call.may_end.release(100)


def end(call: Call, sent: Notices) -> None:
    busy = sent._busy
    call.may_end.release()
    waiting = threading.Event()
    while sent._busy == busy:
        assert not waiting.wait(0.005)


def test_calls_in_a_thread_that_keeps_no_process_alive(call):
    Notices().send(call)

    assert call.begun.get(timeout=SECONDS).daemon


def test_one_after_the_other_share_a_thread(call):
    sent = Notices()

    sent.send(call)
    first = call.begun.get(timeout=SECONDS)
    end(call, sent)
    sent.send(call)

    assert call.begun.get(timeout=SECONDS) is first


def test_two_at_once_do_not_wait_for_each_other(call):
    sent = Notices()

    sent.send(call)
    sent.send(call)

    begun = [call.begun.get(timeout=SECONDS) for _ in range(2)]
    assert len(set(begun)) == 2


def test_is_dropped_while_every_thread_is_busy(call):
    sent = Notices(max_threads=1)
    sent.send(call)
    call.begun.get(timeout=SECONDS)

    sent.send(call)
    end(call, sent)

    assert sent._busy == 0
    assert call.begun.empty()


@pytest.mark.parametrize(
    ("error", "logged"),
    [(BridgeError("offline", kind="failed"), []), (TypeError(), ["A notice failed: call"])],
    ids=["in silence where the bridge refused", "loudly where we were wrong"],
)  # fmt: skip
def test_a_failure_frees_the_thread(error, logged, caplog):
    caplog.set_level(logging.INFO)
    sent, broken = Notices(max_threads=1), Call(error)

    sent.send(broken)
    end(broken, sent)
    sent.send(broken)
    end(broken, sent)

    assert broken.begun.qsize() == 2
    assert [record.getMessage() for record in caplog.records] == logged * 2


def test_a_fork_has_threads_of_its_own(monkeypatch):
    monkeypatch.setattr(notices, "_notices", before := notices._notices)

    notices._forget_threads()

    assert notices._notices is not before
    assert notices._notices._threads == 0
