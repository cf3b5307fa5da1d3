import threading

import pytest

from whatsapp_agent import interpreter
from whatsapp_agent.interpreter import computing, waiting

# Seconds: far longer than it takes, and far shorter than it would wait.
SOON = 5.0
A_WHILE = 0.2


def another_computes() -> threading.Event:
    """Begin to in another thread; the event tells when that is done."""
    done = threading.Event()

    def compute() -> None:
        with computing():
            done.set()

    threading.Thread(target=compute, daemon=True).start()
    return done


@pytest.fixture(autouse=True)
def patience(monkeypatch):
    monkeypatch.setattr(interpreter, "PATIENCE", 60.0)


@pytest.mark.sqlite
class TestOnSqlite:
    def test_another_computes_only_afterwards(self):
        with computing():
            done = another_computes()
            assert not done.wait(A_WHILE)
        assert done.wait(SOON)

    def test_another_computes_while_this_one_waits(self):
        with computing(), waiting():
            assert another_computes().wait(SOON)

    def test_who_waited_has_its_turn_back(self):
        with computing():
            with waiting():
                pass
            done = another_computes()
            assert not done.wait(A_WHILE)
        assert done.wait(SOON)

    def test_a_fault_gives_it_back(self):
        with pytest.raises(ZeroDivisionError), computing(), waiting():
            raise ZeroDivisionError
        assert another_computes().wait(SOON)

    def test_who_holds_it_up_is_not_waited_for_in_vain(self, monkeypatch):
        monkeypatch.setattr(interpreter, "PATIENCE", 0.01)
        with computing():
            assert another_computes().wait(SOON)
            # That one had no turn, and gave nobody's away.
            monkeypatch.setattr(interpreter, "PATIENCE", 60.0)
            done = another_computes()
            assert not done.wait(A_WHILE)
        assert done.wait(SOON)


def test_who_does_not_compute_keeps_nobody_waiting():
    with waiting():
        assert another_computes().wait(SOON)


@pytest.mark.postgres
def test_elsewhere_they_compute_side_by_side():
    with computing():
        assert another_computes().wait(SOON)
