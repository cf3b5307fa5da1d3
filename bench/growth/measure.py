"""What one webhook, one reply, a few pages and a thousand messages cost in one database.

It writes into that database, and empties it in the end: give it a copy.
"""

import argparse
import json
import logging
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from statistics import median

import django

from bench import prepare, webhooks
from bench.pages.measure import measure as measure_pages
from bench.standins import JUDGEMENT, REPLY

PAGES = "^(index|conversations_conversation_change(list| of .*))$"
PAST = timedelta(minutes=1)
Cost = dict[str, float]  # by name: seconds, or bytes per thousand messages


@dataclass(frozen=True)
class Chat:
    name: str
    number: int  # as bench.webhooks and bench.pages count them: its key

    def post(self, client) -> None:
        """Deliver a webhook, and do what the worker does with it."""
        from conversations import inbox

        response = client.post(
            "/api/webhook/evolution",
            webhooks.question(self.number),
            content_type="application/json",
            headers={"X-Webhook-Secret": os.environ["WEBHOOK_SECRET"]},
        )
        assert response.status_code == 200, response.content
        assert inbox.take_in() == 1


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--without-sizes", action="store_true")
    options = parser.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "whatsapp_agent.settings")
    django.setup()
    logging.disable(logging.WARNING)
    found = measured(options.runs)
    if not options.without_sizes:
        from bench.growth import sizes

        found |= sizes.measured()
    print(json.dumps(found))


def measured(runs: int) -> Cost:
    found = {
        f"page {page['label']}": page["median"]
        for page in measure_pages(min(runs, 15), PAGES, follows=False)
    }
    _make_ready()
    for chat in (Chat("a small chat", _small()), Chat("the big group", 1)):
        _free(chat)
        found |= _intake(chat, runs)
        found |= _reply(chat, runs)
    return found


def _make_ready() -> None:
    """No limit stops a reply, and nothing leaves this process."""
    from django.conf import settings

    from conversations.models import AgentSettings
    from llm import call
    from llm.providers import Completion

    def complete(provider: str, request) -> Completion:
        text = JUDGEMENT if request.schema else REPLY
        return Completion(text, model="bench", tokens_in=900, tokens_out=20)

    call.complete = complete
    settings.WHATSAPP_PROVIDERS = {"evolution": "bench.bridge"}
    AgentSettings.objects.filter(pk=1).update(**prepare.SETTINGS)
    AgentSettings._copy = None


def _small() -> int:
    """The last direct chat; bench.webhooks takes odd numbers for groups."""
    from conversations.models import Conversation

    direct = Conversation.objects.filter(is_group=False).order_by("-pk")
    return next(key for key in direct.values_list("pk", flat=True) if key % 2 == 0)


def _free(chat: Chat) -> None:
    from conversations.models import Conversation, Message

    Message.objects.filter(conversation_id=chat.number).pending().update(
        outcome="too_old"
    )
    Message.objects.filter(conversation_id=chat.number).outbox().update(
        status="dropped"
    )
    Conversation.objects.filter(pk=chat.number).update(
        mode="live", paused_until=None, taken_over_until=None, due_at=None
    )


def _intake(chat: Chat, runs: int) -> Cost:
    client = _client()
    times = [
        _timed(lambda: chat.post(client), lambda: _free(chat)) for _ in range(runs)
    ]
    return _costs(f"webhook, {chat.name}", times)


def _reply(chat: Chat, runs: int) -> Cost:
    from conversations import pipeline
    from conversations.models import Message

    client, times = _client(), []
    for _ in range(runs):
        chat.post(client)
        _let_time_pass(chat)
        times.append(_timed(lambda: pipeline.work(chat.number, "bench")))
        last = Message.objects.filter(conversation_id=chat.number).inbound()
        outcome = last.order_by("-pk").values_list("outcome", flat=True).first()
        assert outcome == "replied", outcome
    return _costs(f"reply, {chat.name}", times)


def _client():
    from django.test import Client

    return Client(HTTP_HOST="localhost")


def _let_time_pass(chat: Chat) -> None:
    from django.utils import timezone

    from conversations.models import Conversation, Message

    past = timezone.now() - PAST
    Message.objects.filter(conversation_id=chat.number).pending().update(
        received_at=past
    )
    Conversation.objects.filter(pk=chat.number).update(due_at=past)


def _timed(act: Callable, afterwards: Callable | None = None) -> tuple[float, float]:
    """Seconds by the clock, and of this thread's processor."""
    wall, cpu = time.perf_counter(), time.thread_time()
    act()
    spent = time.perf_counter() - wall, time.thread_time() - cpu
    if afterwards:
        afterwards()
    return spent


def _costs(name: str, times: list[tuple[float, float]]) -> Cost:
    return {
        name: median(wall for wall, _ in times),
        f"{name}, CPU": median(cpu for _, cpu in times),
    }


if __name__ == "__main__":
    main()
