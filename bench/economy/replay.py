"""A chat sent through the webhook, and answered by the worker, under a clock of its own.

Everything in between is the product; only the model's answers and the bridge are made up.
While a model is thinking, what was said meanwhile arrives.
"""

import copy
import json
from collections import deque
from datetime import UTC, datetime, timedelta
from unittest import mock

import time_machine
from django.conf import settings
from django.test import Client, override_settings
from django.urls import reverse

from bench import webhooks
from bench.economy.chats import Chat, Said
from conversations import inbox, pipeline
from conversations.models import AgentSettings, Conversation
from llm.providers import Completion, Request

MIDNIGHT = datetime(2026, 1, 5, tzinfo=UTC)
# How long a model thinks, by its step.
SECONDS = {"relevance": 1.0, "response": 3.0}
NOT_IN_THE_SCRIPT = "Right, I am here."
# A moment later a thing is due for certain.
TICK = timedelta(milliseconds=1)


class Replay:
    def __init__(self, chat: Chat) -> None:
        self._chat = chat
        self._coming = deque(chat.messages)
        self._wanted = {
            _key(said.sender, said.text, _moment(said.at)): chat.replies[said.n]
            for said in chat.messages
            if said.n in chat.replies
        }
        self._numbers: dict[str, int] = {}
        self._client = Client(SERVER_NAME="localhost")
        self.conversation = Conversation.objects.create(
            instance=webhooks.INSTANCE,
            jid=f"{chat.name}@g.us",
            name=chat.name,
            is_group=True,
            mode="live",
        )

    def run(self) -> Conversation:
        providers = {"evolution": "bench.bridge"}
        begin = _moment(self._chat.messages[0].at)
        with (
            override_settings(WHATSAPP_PROVIDERS=providers),
            mock.patch("llm.call.complete", self._complete),
            time_machine.travel(begin, tick=False) as self._clock,
        ):
            self._deliver("messages.set", *self._chat.past)
            while self._coming or self._due_at:
                self._next()
        return self.conversation

    @property
    def _due_at(self) -> datetime | None:
        self.conversation.refresh_from_db()
        return self.conversation.due_at

    def _next(self) -> None:
        """Whatever comes first: the next message, or what the worker has to do."""
        due_at = self._due_at
        if self._coming and (not due_at or _moment(self._coming[0].at) <= due_at):
            self._receive_next()
        else:
            self._pass_time_until(due_at + TICK)
            pipeline.work(self.conversation.pk, "bench")

    def _receive_next(self) -> None:
        said = self._coming.popleft()
        self._pass_time_until(_moment(said.at))
        self._deliver("messages.upsert", said)

    def _pass_time_until(self, moment: datetime) -> None:
        if moment > datetime.now(UTC):
            self._clock.move_to(moment)

    def _deliver(self, event: str, *several: Said) -> None:
        records = [self._record(said) for said in several]
        body = {
            **webhooks.GROUP,
            "event": event,
            "instance": webhooks.INSTANCE,
            "sender": webhooks.OWN_PHONE,
            "data": records[0] if event == "messages.upsert" else records,
        }
        answer = self._client.post(
            reverse("api:webhook"),
            json.dumps(body),
            content_type="application/json",
            headers={"X-Webhook-Secret": settings.WEBHOOK_SECRETS[0]},
        )
        assert answer.json() == {"status": "ok"}, answer.content
        inbox.catch_up()

    def _record(self, said: Said) -> dict:
        record = copy.deepcopy(webhooks.GROUP["data"])
        number = self._numbers.setdefault(said.sender, len(self._numbers))
        record["key"] |= {
            "id": f"{said.n:08}",
            "remoteJid": self.conversation.jid,
            "participant": f"2395{number:011}@lid",
            "participantAlt": webhooks.phone_jid(number),
            "fromMe": False,
        }
        record["pushName"] = said.sender
        record["messageTimestamp"] = int(_moment(said.at).timestamp())
        record["message"]["conversation"] = said.text
        return record

    def _complete(self, provider: str, request: Request) -> Completion:
        until = datetime.now(UTC) + timedelta(seconds=SECONDS[request.purpose])
        while self._coming and _moment(self._coming[0].at) <= until:
            self._receive_next()
        self._pass_time_until(until)
        answer = self._judge if request.purpose == "relevance" else self._write
        return Completion(answer(self._script_for(request)), model="the chat itself")

    def _script_for(self, request: Request) -> list[str]:
        """What the agent's part said to the messages that the model is asked about."""
        asked = (
            line for line in request.data["lines"] if line.n in request.data["judged"]
        )
        texts = (
            text
            for line in asked
            for text in self._wanted.get(_key(line.sender, line.text, line.at), [])
        )
        return list(dict.fromkeys(texts))

    def _judge(self, script: list[str]) -> str:
        why = "was answered" if script else "was not answered"
        return json.dumps({"why": why, "kind": "question", "p": 90 if script else 10})

    def _write(self, script: list[str]) -> str:
        return "\n".join(script) or NOT_IN_THE_SCRIPT


def _moment(at: float) -> datetime:
    return MIDNIGHT + timedelta(seconds=at)


def _key(sender: str, text: str, at: datetime) -> tuple[str, str, int]:
    return sender, text, int(at.timestamp())


def replay(chat: Chat, **fields) -> Conversation:
    """Play a chat with the settings that one starts with, but for these."""
    AgentSettings.objects.all().delete()
    AgentSettings.objects.create(pk=1, bot_name=chat.agent, **fields)
    AgentSettings._copy = None
    return Replay(chat).run()
