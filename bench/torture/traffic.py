"""Delivers the messages as Evolution does: again until answered, twice, in any order."""

import base64
import http.client
import json
import random
import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from datetime import timedelta
from typing import TypeVar
from urllib.parse import urlsplit

from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractBaseUser
from django.db import DatabaseError, connection
from django.utils import timezone

from bench.torture.plot import Change, Conversation, Line
from conversations import changes, steering
from conversations.models import Conversation as Row, Message as Stored
from evolution.sandbox.webhooks import jwt
from evolution.sandbox.world import Message
from tests.standins.agent import Agent
from tests.standins.bridge import StandIn

THREADS = 16
RETRY_SECONDS = 0.2
TIMEOUT = 10
TWICE = 0.05
# WhatsApp lets nobody edit later than 15 minutes, by a clock that jumps.
MENDED_WITHIN = timedelta(minutes=5)
EMOJI = "👍❤😂"

Result = TypeVar("Result")
Webhook = tuple[str, dict[str, str], bytes]
Post = tuple[Webhook, str]  # and what it is acknowledged as


class Traffic:
    """A burst is answered 200 as a whole before the conversation's next one is posted."""

    def __init__(
        self,
        bridge: StandIn,
        plot: list[Conversation],
        agents: list[Agent],
        seed: int,
        rate: float,
    ) -> None:
        self.bridge, self.plot, self.rate = bridge, plot, rate
        self._doors = [f"{agent.host.address}:{agent.port}" for agent in agents]
        self.people: Counter[str] = Counter()
        self.acked_at: dict[str, float] = {}
        self.messages: dict[str, Message] = {}  # by their tokens
        self.versions: Counter[str] = Counter()
        # What staff made of the agent's replies, by their ids; "" for a deletion.
        self.mended: dict[str, str] = {}
        self.ack_seconds: list[float] = []
        self.refused: list[str] = []
        self.retries = 0
        self._basket = threading.local()
        self._plain = bridge.deliver
        bridge.deliver = self._catch
        self._started_at = time.time()
        self._threads = [
            threading.Thread(
                target=self._produce,
                args=(plot[n::THREADS], random.Random(seed * 1000 + n)),
                daemon=True,
            )
            for n in range(THREADS)
        ]

    def run(self) -> None:
        for thread in self._threads:
            thread.start()
        for thread in self._threads:
            thread.join()

    def door(self) -> str:
        """Where the next webhook goes: any of the hosts, as behind a load balancer."""
        return random.choice(self._doors)

    def _catch(self, url: str, headers: dict[str, str], body: bytes) -> None:
        basket = getattr(self._basket, "webhooks", None)
        if basket is None:
            path = urlsplit(url).path
            self._plain(f"http://{self.door()}{path}", headers, body)
        else:
            basket.append((url, headers, body))

    def _produce(self, plot: list[Conversation], rnd: random.Random) -> None:
        poster = Poster(self)
        later: dict[int, list[Line]] = {}
        rounds = max((len(one.bursts) for one in plot), default=0)
        for turn in range(rounds):
            for conversation in plot:
                if turn < len(conversation.bursts):
                    burst = conversation.bursts[turn]
                    self._post_burst(poster, conversation, burst, rnd)
                    if turn == conversation.person_after:
                        self._step_in(poster, conversation)
                    if turn in conversation.mended_after:
                        self._mend(conversation.chat, conversation.mended_after[turn])
                    due = later.pop(conversation.number, [])
                    poster.post(self._change(due, "later"))
                    later[conversation.number] = burst
                    time.sleep(rnd.expovariate(self.rate / THREADS / len(burst)))
        for burst in later.values():
            poster.post(self._change(burst, "later"))

    def _post_burst(
        self,
        poster: "Poster",
        conversation: Conversation,
        burst: list[Line],
        rnd: random.Random,
    ) -> None:
        posts = [(self._write(conversation, line, rnd), line.token) for line in burst]
        posts += self._change(burst, "among")
        posts += [post for post in posts if rnd.random() < TWICE]
        rnd.shuffle(posts)
        poster.post(posts)
        poster.post(self._change(burst, "at once"))

    def _write(
        self, conversation: Conversation, line: Line, rnd: random.Random
    ) -> Webhook:
        if line.kind == "reaction":
            return self._react(conversation, line, rnd)
        total = len(conversation.lines)
        kind, file = line.kind, None
        if kind == "document":
            data = base64.b64encode(f"It says {line.token}.".encode()).decode()
            kind, file = "file", {"data": data, "mimetype": "text/plain"}

        def write() -> None:
            self.messages[line.token] = self.bridge.write(
                line.sender,
                line.text,
                conversation.group,
                kind=kind,
                file=file,
                # A second each, so that WhatsApp's own order is known.
                sent_at=self._started_at - total + line.number,
            )

        return self._keep_back(write)

    def _react(
        self, conversation: Conversation, line: Line, rnd: random.Random
    ) -> Webhook:
        """To what somebody wrote, or to what the agent said."""
        said = [one for one in conversation.lines if one.kind != "reaction"]
        earlier = [self.messages[one.token] for one in said if one.number < line.number]
        replies = self.bridge.replies(conversation.chat)
        replies = [one for one in replies if "conversation" in one.data["message"]]
        about = rnd.choice(earlier + replies)

        def react() -> None:
            self.messages[line.token] = self.bridge.react(
                line.sender, about, rnd.choice(EMOJI)
            )

        return self._keep_back(react)

    def _change(self, burst: list[Line], moment: str) -> list[Post]:
        return [
            self._edit_or_delete(line, change)
            for line in burst
            for change in line.changes
            if change.moment == moment
        ]

    def _edit_or_delete(self, line: Line, change: Change) -> Post:
        message = self.messages[line.token]
        time.sleep(0.002)  # nobody edits twice within a millisecond
        if change.is_deletion:
            delete = self._keep_back(
                lambda: self.bridge.delete(message), "messages.delete"
            )
            return delete, f"{line.token} deleted"
        self.versions[line.token] += 1
        version = self.versions[line.token] + 1
        edit = self._keep_back(
            lambda: self.bridge.edit(message, line.wording(version)), "messages.update"
        )
        return edit, f"{line.token}-v{version}"

    def _step_in(self, poster: "Poster", conversation: Conversation) -> None:
        """A person of ours answers, in the admin or on the linked phone."""
        self.people[conversation.person] += 1
        chat, text = conversation.chat, conversation.person_text
        if conversation.person == "by hand":
            _reply_by_hand(chat, text)
        else:
            typed = self._keep_back(lambda: self.bridge.type_on_the_phone(chat, text))
            poster.post([(typed, text)])

    def _mend(self, chat: str, end: str) -> None:
        """Have the agent's last reply edited or deleted, where there is one."""
        reply = _stored(lambda: _mend_last_reply(chat, end))
        if reply:
            self.mended[reply.whatsapp_id] = end and reply.text + end

    def _keep_back(
        self, write: Callable[[], object], event: str = "messages.upsert"
    ) -> Webhook:
        """What the bridge would deliver."""
        self._basket.webhooks = []
        write()
        webhooks, self._basket.webhooks = self._basket.webhooks, None
        for webhook in webhooks:
            if json.loads(webhook[2])["event"] == event:
                return webhook
        raise RuntimeError(f"The bridge emitted no {event}")


def _reply_by_hand(chat: str, text: str) -> None:
    """Through the function behind the admin's button."""
    _stored(lambda: steering.reply(Row.objects.get(jid=chat), text, _staff()))


def _mend_last_reply(chat: str, end: str) -> Stored | None:
    replies = Stored.objects.filter(conversation__jid=chat, status__in=changes.SENT)
    reply = replies.filter(
        author="agent",
        text__startswith="Re: #",
        deleted_at=None,
        sent_at__gte=timezone.now() - MENDED_WITHIN,
    ).last()
    if reply is None or reply.changes.filter(state="waiting").exists():
        return None
    if end:
        steering.edit(reply, reply.text + end, _staff())
    else:
        steering.delete(reply, _staff())
    return reply


def _staff() -> AbstractBaseUser:
    return get_user_model().objects.get_or_create(username="staff")[0]


def _stored(do: Callable[[], Result]) -> Result:
    """Do it, again and again, until the database takes it."""
    try:
        while True:
            try:
                return do()
            except (DatabaseError, Row.DoesNotExist):
                time.sleep(RETRY_SECONDS)
    finally:
        connection.close()


class Poster:
    def __init__(self, traffic: Traffic) -> None:
        self._traffic = traffic
        self._connection: http.client.HTTPConnection | None = None

    def post(self, posts: list[Post]) -> None:
        """One after the other; what is not taken comes again after the others."""
        traffic, left = self._traffic, deque(posts)
        while left:
            webhook, token = left.popleft()
            started = time.perf_counter()
            status = self._try(webhook)
            if status == 200:
                traffic.ack_seconds.append(time.perf_counter() - started)
                traffic.acked_at.setdefault(token, time.time())
            elif 400 <= status < 500:
                traffic.refused.append(f"{token}: {status}")
            else:
                traffic.retries += 1
                left.append((webhook, token))
                time.sleep(RETRY_SECONDS)

    def _try(self, webhook: Webhook) -> int:
        """The status, 0 without an answer."""
        url, headers, body = webhook
        parts = urlsplit(url)
        headers = {**headers, "Content-Type": "application/json"}
        # The watchdog may have registered the webhook anew, with another header.
        if key := headers.pop("jwt_key", None):
            headers["Authorization"] = f"Bearer {jwt(key, time.time())}"
        try:
            if self._connection is None:
                self._connection = http.client.HTTPConnection(
                    self._traffic.door(), timeout=TIMEOUT
                )
            self._connection.request("POST", parts.path, body, headers)
            answer = self._connection.getresponse()
            answer.read()
            return answer.status
        except (OSError, http.client.HTTPException):
            self._connection.close()
            self._connection = None
            return 0
