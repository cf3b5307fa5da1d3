"""What is measured, each with the same load for the product and for the baseline."""

import time
from collections.abc import Callable
from statistics import quantiles

from bench import load, prepare, webhooks
from bench.systems import SECRET, StandIns, System

ACK_RATE, ACK_SECONDS = 50, 10
INTAKE_CONNECTIONS, INTAKE_SECONDS = 16, 4
REPLY_RATE, REPLY_SECONDS = 20, 8
MODEL_SECONDS = 0.8
PATIENCE = 60


class Unfinished(Exception):
    """A system did not answer what it was asked in time: there is nothing to compare."""


def percentile(values: list[float], percent: int) -> float:
    return quantiles(values, n=100, method="inclusive")[percent - 1]


def acknowledgement(system: System, standins: StandIns) -> dict[str, float]:
    """Milliseconds until a webhook is answered, while all the work is done as well."""
    bodies = questions(ACK_RATE * ACK_SECONDS)
    standins.reset(delay=0)
    answered = load.at_rate(system.url, SECRET, bodies, ACK_RATE)
    expect_answers(answered)
    wait_until(lambda: _is_quiet(standins))
    ms = [one.seconds * 1000 for one in answered]
    return {"ack_p50": percentile(ms, 50), "ack_p99": percentile(ms, 99)}


def intake(system: System) -> float:
    """Webhooks a second over kept connections, each with the next as soon as answered."""
    # More than can be taken in: a known id would be cheaper than a new one.
    bodies = questions(8_000)
    return load.as_fast_as_answered(
        system.url, SECRET, bodies, INTAKE_CONNECTIONS, INTAKE_SECONDS
    )


def storing(system: System) -> float:
    """How many of what waits the worker stores a second, while it answers them as well."""
    count = system.waiting
    started_at = time.monotonic()
    wait_until(lambda: not system.waiting, 2 * PATIENCE)
    return count / (time.monotonic() - started_at)


def reply_time(system: System, standins: StandIns, wait: float) -> dict[str, float]:
    """Milliseconds from a webhook to its reply's send, beyond the burst wait."""
    bodies = questions(REPLY_RATE * REPLY_SECONDS)
    standins.reset(delay=0)
    asked = load.at_rate(system.url, SECRET, bodies, REPLY_RATE)
    expect_answers(asked)
    wait_until(lambda: len(standins.sent) >= len(bodies))
    sent = dict(standins.sent)
    ms = [
        (sent[webhooks.chat_jid(chat)] - one.due_at - wait) * 1000
        for chat, one in enumerate(asked)
    ]
    return {"reply_p50": percentile(ms, 50), "reply_p99": percentile(ms, 99)}


def slow_model(system: System, standins: StandIns, messages: int) -> float:
    """Messages answered a second, all asked at once, each in a chat of its own."""
    bodies = questions(messages)
    standins.reset(delay=MODEL_SECONDS)
    started_at = time.monotonic()
    expect_answers(load.at_rate(system.url, SECRET, bodies, rate=1000))
    wait_until(lambda: len(standins.sent) >= messages)
    last = max(at for _, at in standins.sent)
    return messages / (last - started_at)


def questions(number: int) -> list[bytes]:
    return [webhooks.question(n % len(prepare.CHATS)) for n in range(number)]


def expect_answers(answered: list[load.Answered]) -> None:
    if refused := [one.status for one in answered if one.status != 200]:
        raise Unfinished(f"{len(refused)} webhooks were answered {set(refused)}")


def _is_quiet(standins: StandIns) -> bool:
    """Whether nothing was sent for a second."""
    before = len(standins.sent)
    time.sleep(1)
    return len(standins.sent) == before


def wait_until(is_so: Callable[[], bool], seconds: float = PATIENCE) -> None:
    deadline = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > deadline:
            raise Unfinished("The replies did not all come")
        time.sleep(0.2)
