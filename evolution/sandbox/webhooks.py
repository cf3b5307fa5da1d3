"""Delivers webhooks as Evolution does: at once, side by side, unordered, retried.

Retries are kept in memory and are gone after a restart, as with the real one.
"""

import base64
import hashlib
import heapq
import hmac
import http.client
import json
import logging
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from queue import SimpleQueue
from urllib.parse import urlsplit

logger = logging.getLogger(__name__)

# Evolution drops an event for good when the receiver answers one of these.
FINAL = {400, 401, 403, 404, 422}
WAITS = (5, 10, 20, 40, 80, 160, 300, 300, 300)
USER_AGENT = "axios/1.13.2"


@dataclass
class Delivery:
    url: str
    headers: dict[str, str]
    body: bytes
    attempts: int = 0


def jwt(key: str, now: float) -> str:
    """The token that Evolution sends in place of a header named `jwt_key`."""
    claims = {
        "iat": int(now),
        "exp": int(now) + 600,
        "app": "evolution",
        "action": "webhook",
    }
    parts = [
        base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=")
        for part in ({"alg": "HS256", "typ": "JWT"}, claims)
    ]
    signature = hmac.digest(key.encode(), b".".join(parts), hashlib.sha256)
    parts.append(base64.urlsafe_b64encode(signature).rstrip(b"="))
    return b".".join(parts).decode()


class Webhooks:
    """Call `deliver`; `lost` is told of every delivery that was given up, `taken` of every
    one that was answered 2xx."""

    def __init__(
        self,
        *,
        workers: int = 32,
        waits: tuple[float, ...] = WAITS,
        timeout: float = 30,
        lost: Callable[[Delivery, str], None] | None = None,
        taken: Callable[[Delivery], None] | None = None,
    ) -> None:
        self.waits, self.timeout, self.lost, self.taken = waits, timeout, lost, taken
        self.delivered = self.failed = self.pending = 0
        self._queue: SimpleQueue[Delivery | None] = SimpleQueue()
        self._later: list[tuple[float, int, Delivery]] = []
        self._numbers = count()
        self._changed = threading.Condition()
        self._stopped = False
        self._threads = [
            threading.Thread(target=run, daemon=True)
            for run in (self._wake_retries, *[self._work] * workers)
        ]
        for thread in self._threads:
            thread.start()

    def deliver(self, url: str, headers: dict[str, str], body: bytes) -> None:
        headers = dict(headers)
        if key := headers.pop("jwt_key", None):
            headers["Authorization"] = f"Bearer {jwt(key, time.time())}"
        with self._changed:
            self.pending += 1
        self._queue.put(Delivery(url, headers, body))

    def wait_until_idle(self, timeout: float = 10) -> bool:
        """Whether every delivery, its retries included, ended in time."""
        with self._changed:
            return self._changed.wait_for(lambda: not self.pending, timeout)

    def stop(self) -> None:
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
        for _ in self._threads[1:]:
            self._queue.put(None)
        for thread in self._threads:
            thread.join(timeout=5)

    def _work(self) -> None:
        connections: dict[tuple[str, str], http.client.HTTPConnection] = {}
        while (delivery := self._queue.get()) and not self._stopped:
            delivery.attempts += 1
            try:
                status = self._post(connections, delivery)
                problem = "" if 200 <= status < 300 else f"HTTP {status}"
            except (OSError, http.client.HTTPException) as error:
                status, problem = 0, f"{type(error).__name__}: {error}"
            self._settle(delivery, status, problem)
        for connection in connections.values():
            connection.close()

    def _post(self, connections: dict, delivery: Delivery) -> int:
        parts = urlsplit(delivery.url)
        where = parts.scheme, parts.netloc
        reused = where in connections
        if not reused:
            kind = (
                http.client.HTTPSConnection
                if parts.scheme == "https"
                else http.client.HTTPConnection
            )
            connections[where] = kind(parts.netloc, timeout=self.timeout)
        target = parts.path or "/"
        target += f"?{parts.query}" if parts.query else ""
        try:
            return self._exchange(connections[where], target, delivery)
        except (OSError, http.client.HTTPException) as error:
            connections.pop(where).close()
            # The receiver may close an idle connection at any time.
            if reused and not isinstance(error, TimeoutError):
                return self._post(connections, delivery)
            raise

    @staticmethod
    def _exchange(
        connection: http.client.HTTPConnection, target: str, delivery: Delivery
    ) -> int:
        headers = {
            "Content-Type": "application/json",
            "Accept": "application/json, text/plain, */*",
            "User-Agent": USER_AGENT,
            **delivery.headers,
        }
        connection.request("POST", target, delivery.body, headers)
        answer = connection.getresponse()
        answer.read()
        return answer.status

    def _settle(self, delivery: Delivery, status: int, problem: str) -> None:
        if not problem and self.taken:
            self.taken(delivery)
        tries_left = delivery.attempts <= len(self.waits)
        retry = bool(problem) and status not in FINAL and tries_left
        with self._changed:
            if retry:
                wait = self.waits[delivery.attempts - 1]
                wait = max(min(wait, 5), wait * random.uniform(0.8, 1.2))
                due = time.monotonic() + wait
                heapq.heappush(self._later, (due, next(self._numbers), delivery))
            elif problem:
                self.failed += 1
            else:
                self.delivered += 1
            self.pending -= not retry
            if retry or not self.pending:
                self._changed.notify_all()
        if problem and not retry:
            logger.warning("Gave up a webhook to %s: %s", delivery.url, problem)
            if self.lost:
                self.lost(delivery, problem)

    def _wake_retries(self) -> None:
        with self._changed:
            while not self._stopped:
                due = self._later[0][0] - time.monotonic() if self._later else None
                if due is not None and due <= 0:
                    self._queue.put(heapq.heappop(self._later)[2])
                else:
                    self._changed.wait(due)
