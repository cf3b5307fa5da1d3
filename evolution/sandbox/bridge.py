"""A stand-in for Evolution API and the WhatsApp behind it: state in, answers out.

No sockets and no threads in here: `server.py` carries the requests, `webhooks.py`
the events, and `tick` is called from time to time to do what is due.
"""

import heapq
import json
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from evolution.sandbox import (
    bodies,
    changes,
    demo,
    instances,
    linking,
    messages,
    phone_routes,
)
from evolution.sandbox.bodies import Refused
from evolution.sandbox.journal import Journal, read
from evolution.sandbox.world import Instance, World

logger = logging.getLogger(__name__)

Answer = tuple[int, Any]
Deliver = Callable[[str, dict[str, str], bytes], None]
ROUTES = {
    **instances.ROUTES,
    **messages.ROUTES,
    **changes.ROUTES,
    **phone_routes.ROUTES,
}


@dataclass
class Request:
    method: str
    path: str
    instance: Instance | None = None
    query: dict[str, str] = field(default_factory=dict)
    body: Any = None
    api_key: str = ""


@dataclass
class Pace:
    """How fast the stand-in lives, in seconds."""

    qr: float = 45
    qr_limit: int = 30
    link: float = 0.8
    receipt: float = 0.3
    # Scan the first QR code unasked after so long, so that nobody has to.
    scan: float | None = None


class Bridge:
    def __init__(
        self,
        deliver: Deliver = lambda url, headers, body: None,
        *,
        api_key: str = "sandbox",
        version: str = "2.3.7",
        url: str = "http://127.0.0.1:9209",
        clock: Callable[[], float] = time.time,
        journal: Journal | None = None,
        demo_life: bool = False,
        pace: Pace | None = None,
    ) -> None:
        self.deliver = deliver
        self.api_key, self.version, self.url = api_key, version, url
        self.clock, self.journal = clock, journal
        self.demo_life, self.pace = demo_life, pace or Pace()
        self.lock = threading.RLock()
        self.world = World()
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = count()
        for record in read(journal.path) if journal else ():
            self.world.apply(*record)
        if demo_life and not self.world.people:
            demo.populate(self)
        linking.boot(self)

    @property
    def takes_message_ids(self) -> bool:
        return tuple(map(int, self.version.split("-")[0].split(".")[:2])) >= (2, 4)

    def handle(
        self, method: str, target: str, body: Any = None, api_key: str = ""
    ) -> Answer:
        """Answer one request; `body` is the JSON, already read."""
        parts = urlsplit(target)
        request = Request(
            method, parts.path, query=dict(parse_qsl(parts.query)), body=body
        )
        request.api_key = api_key
        with self.lock:
            try:
                return self._route(request)
            except Refused as refusal:
                return refusal.status, refusal.body

    def _route(self, request: Request) -> Answer:
        words = [unquote(word) for word in request.path.strip("/").split("/")]
        if words == [""]:
            return 200, self._welcome()
        if words == ["instance", "create"]:
            instances.check_name(self, request)
        name = words.pop(2) if len(words) > 2 else None
        handler = ROUTES.get((request.method, "/".join(words), name is not None))
        if handler is None or (handler.since_2_4 and not self.takes_message_ids):
            raise Refused(404, [f"Cannot {request.method} {request.path}"])
        # Evolution looks for the instance first and at the key second.
        if name is not None:
            request.instance = self.world.instances.get(name)
            if request.instance is None:
                raise Refused(404, [f'The "{name}" instance does not exist'])
        self._check_key(request)
        return handler.answer(self, request)

    def _check_key(self, request: Request) -> None:
        if request.api_key == self.api_key:
            return
        token = request.instance.token if request.instance else None
        own_list = request.path == "/instance/fetchInstances" and any(
            instance.token == request.api_key
            for instance in self.world.instances.values()
        )
        if not (own_list or (token and request.api_key == token)):
            raise Refused(401, "Unauthorized")

    def _welcome(self) -> dict:
        return {
            "status": 200,
            "message": "Welcome to the Evolution API, it is working!",
            "version": self.version,
            "clientName": bodies.CLIENT_NAME,
            "manager": f"{self.url}/manager",
            "documentation": "https://doc.evolution-api.com",
            "whatsappWebVersion": "2.3000.1027934701",
        }

    def linked(self, instance: Instance) -> None:
        if self.demo_life and not self.world.demo_played:
            demo.play(self, instance)

    def record(self, kind: str, **fields: Any) -> None:
        """Change the world, and write down that it changed."""
        at = self.clock()
        with self.lock:
            if self.journal:
                self.journal.write(kind, at, fields)
            self.world.apply(kind, at, fields)

    def emit(self, instance: Instance, event: str, data: Any) -> None:
        """Send a webhook to whoever subscribed to the event."""
        if instance.is_silent:
            return
        hook = instance.webhook
        name = event.replace(".", "_").upper()
        if not (hook and hook["enabled"] and hook["url"] and name in hook["events"]):
            return
        body = bodies.envelope(instance, event, data, self.clock(), self.url)
        suffix = f"/{event.replace('.', '-')}" if hook["webhookByEvents"] else ""
        self.deliver(
            hook["url"] + suffix,
            hook["headers"] or {},
            json.dumps(body, ensure_ascii=False).encode(),
        )

    def later(self, seconds: float, action: Callable[[], None]) -> None:
        with self.lock:
            due = self.clock() + seconds
            heapq.heappush(self._due, (due, next(self._numbers), action))

    def tick(self) -> None:
        """Do what has become due."""
        with self.lock:
            while self._due and self._due[0][0] <= self.clock():
                action = heapq.heappop(self._due)[2]
                try:
                    action()
                except Exception:
                    logger.exception("The sandbox failed at what was due")
