"""The sandbox bridge with people to write, faults to suffer and a record to check."""

import random
import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable
from typing import Any

from evolution.sandbox import bodies, linking, people
from evolution.sandbox.bridge import Answer, Bridge, Pace
from evolution.sandbox.server import DROP, BridgeServer
from evolution.sandbox.webhooks import Webhooks
from evolution.sandbox.world import Instance, Message
from tests.standins.hosts import LOCAL

INSTANCE = "whatsapp-agent"
API_KEY = "stand-in-key"
FAULTS = ("500", "dropped", "lost", "unseen", "late", "slow")
# Retried sooner than Evolution does, so that no test waits for five seconds.
WAITS = (0.2, 0.4) + (0.8,) * 60
# How long a slow bridge takes, of the time after which the client gives up.
SLOW = 6 / 7
EVENTS = [
    "MESSAGES_UPSERT",
    "MESSAGES_UPDATE",
    "MESSAGES_DELETE",
    "SEND_MESSAGE",
    "SEND_MESSAGE_UPDATE",
    "CONNECTION_UPDATE",
]


class StandIn(BridgeServer):
    """A linked bridge. `plan` names what happens to the next sends to a chat.

    500: refused, and not sent. dropped: closes the connection, and does not send.
    lost: sends, and closes the connection. unseen: the same, and no webhook tells of it.
    late: sends when the client has given up. slow: answers just before it would.
    """

    def __init__(
        self,
        webhook_url: str,
        secret: str,
        *,
        send_timeout: float = 2,
        deliver: Callable | None = None,
        host: str = LOCAL,
    ) -> None:
        self.webhooks = Webhooks(waits=WAITS, workers=8)
        self.deliver = deliver or self.webhooks.deliver
        self._current = threading.local()
        bridge = Bridge(
            self._deliver,
            api_key=API_KEY,
            pace=Pace(link=0, receipt=0.1),
        )
        super().__init__(bridge, host=host)
        bridge.url = self.url
        self.send_timeout = send_timeout
        self.group_info_seconds = 0.0
        self.plans: dict[str, deque[str]] = defaultdict(deque)
        self.instance = self._link(webhook_url, secret)

    def _link(self, webhook_url: str, secret: str) -> Instance:
        hook = {"url": webhook_url, "headers": {"jwt_key": secret}, "events": EVENTS}
        body = {"instanceName": INSTANCE, "integration": "WHATSAPP-BAILEYS"}
        silent, self.deliver = self.deliver, lambda *call: None
        self.bridge.handle(
            "POST",
            "/instance/create",
            {**body, "qrcode": True, "webhook": hook},
            API_KEY,
        )
        instance = self.bridge.world.instances[INSTANCE]
        linking.scan(self.bridge, instance)
        self.bridge.tick()
        self.deliver = silent
        return instance

    def _deliver(self, url: str, headers: dict[str, str], body: bytes) -> None:
        if getattr(self._current, "fault", "") != "unseen":
            self.deliver(url, headers, body)

    def stop(self) -> None:
        super().stop()
        self.webhooks.stop()

    # People

    def person(self, name: str) -> str:
        """The phone of a new person."""
        with self.bridge.lock:
            return people.add_person(self.bridge, name).phone

    def group(self, name: str, members: list[str]) -> str:
        with self.bridge.lock:
            return people.add_group(self.bridge, name, members).jid

    def write(self, sender: str, text: str, group: str = "", **fields: Any) -> Message:
        with self.bridge.lock:
            chat = group or f"{sender}@s.whatsapp.net"
            return people.write(
                self.bridge, self.instance, chat, text, sender=sender, **fields
            )

    def type_on_the_phone(self, chat: str, text: str) -> Message:
        with self.bridge.lock:
            return people.write(self.bridge, self.instance, chat, text)

    def edit(self, message: Message, text: str) -> None:
        with self.bridge.lock:
            place = self.bridge, self.instance, message.id
            people.edit(*place, text, message.sender)

    def delete(self, message: Message) -> None:
        with self.bridge.lock:
            people.delete(self.bridge, self.instance, message.id, message.sender)

    def react(self, sender: str, message: Message, emoji: str) -> Message:
        with self.bridge.lock:
            place = self.bridge, self.instance, message.id
            return people.react(*place, emoji, sender)

    def replies(self, chat: str) -> list[Message]:
        """What people saw of the agent, in the order in which it left."""
        with self.bridge.lock:
            sent = [
                message
                for message in self.instance.messages.values()
                if message.chat == chat and message.origin == "api"
            ]
        return sorted(sent, key=lambda message: message.number)

    def texts(self, chat: str) -> list[str]:
        said = (message.data["message"] for message in self.replies(chat))
        return [one["conversation"] for one in said if "conversation" in one]

    def reactions(self, chat: str) -> list[str]:
        """The ids of what the agent reacted to, once for each time."""
        said = (message.data["message"] for message in self.replies(chat))
        told = (one.get("reactionMessage") for one in said)
        return [one["key"]["id"] for one in told if one]

    # Faults

    def plan(self, chat: str, *faults: str) -> None:
        self.plans[chat].extend(faults)

    def fault_of(self, path: str, body: dict) -> str:
        if not path.startswith("/message/sendText/"):
            return ""
        plan = self.plans[body["number"]]
        return plan.popleft() if plan else ""

    def before(self, method: str, path: str, body: Any) -> Answer | str | None:
        self._current.fault = ""
        if path.startswith("/group/findGroupInfos/"):
            time.sleep(self.group_info_seconds)
        # The body is missing where the client was killed in the middle of its request.
        if not isinstance(body, dict):
            return None
        self._current.fault = fault = self.fault_of(path, body)
        if fault == "500":
            return 500, bodies.error(500, "The bridge stumbled")
        if fault == "dropped":
            return DROP
        if fault == "late":
            time.sleep(self.send_timeout + 0.5)
        if fault == "slow":
            time.sleep(self.send_timeout * SLOW)
        return None

    def after(
        self, method: str, path: str, body: Any, answer: Answer
    ) -> Answer | str | None:
        return DROP if self._current.fault in ("lost", "unseen", "late") else None


class Shuffler:
    """Delivers every webhook twice and in any order, within a fraction of a second."""

    def __init__(self, webhooks: Webhooks, seed: int = 1, within: float = 0.3) -> None:
        self._webhooks, self._within = webhooks, within
        self._random = random.Random(seed)

    def deliver(self, url: str, headers: dict[str, str], body: bytes) -> None:
        for _ in range(2):
            wait = self._random.uniform(0, self._within)
            call = (url, headers, body)
            threading.Timer(wait, self._webhooks.deliver, call).start()
