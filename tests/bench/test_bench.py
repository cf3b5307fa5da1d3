import json
import time

import pytest

from bench import load, report, webhooks
from bench.systems import SECRET, workshop
from evolution.events import parse

ROUND = {
    "baseline": {
        "ack_p50": 4.0,
        "ack_p99": 12.0,
        "reply_p50": 9.0,
        "slow_model": 4.0,
        "megabytes": 40.0,
    },
    "product": {
        "ack_p50": 5.0,
        "ack_p99": 10.0,
        "reply_p50": 50.0,
        "slow_model": 20.0,
        "megabytes": 300.0,
        "intake": 500.0,
        "storing": 200.0,
    },
    "empty": {"intake": 900.0, "straight": 1800.0},
}


@pytest.fixture
def shop(tmp_path):
    pytest.importorskip("flask")
    with workshop(tmp_path) as shop:
        yield shop


@pytest.mark.slow
def test_the_baseline_answers_a_webhook_and_sends_a_reply(shop):
    with shop.baseline() as system:
        (answered,) = load.at_rate(system.url, SECRET, [webhooks.question(1)], 50)
        _wait_for_a_reply(shop.standins)

    assert answered.status == 200
    assert [number for number, _ in shop.standins.sent] == [webhooks.chat_jid(1)]


def test_the_bodies_are_what_the_product_reads():
    direct, group = (parse(json.loads(webhooks.question(n))) for n in (0, 1))

    assert direct.events[0].chat.phone_jid == webhooks.chat_jid(0)
    assert group.events[0].group_jid == webhooks.chat_jid(1)
    assert group.events[0].text == webhooks.QUESTION


def test_a_table_tells_what_was_met():
    found = report.rows([ROUND, ROUND])

    assert [row.is_met for row in found] == [True] * 7
    assert "5.0 [5.0..5.0]" in report.table(found)


def test_a_worse_tail_than_the_baselines_is_not_met():
    slow = {**ROUND, "product": {**ROUND["product"], "ack_p99": 13.0}}

    assert not report.rows([slow])[0].is_met


def _wait_for_a_reply(standins) -> None:
    deadline = time.monotonic() + 10
    while not standins.sent and time.monotonic() < deadline:
        time.sleep(0.02)
