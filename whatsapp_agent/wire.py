"""HTTP sessions that let other threads compute while they wait for a server."""

import io
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPResponse

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection

from whatsapp_agent.interpreter import waiting

_thread = threading.local()


def session() -> requests.Session:
    """A session for one thread: requests does not promise to share one safely."""
    made = requests.Session()
    for scheme in ("http://", "https://"):
        made.mount(scheme, _Adapter())
    return made


@contextmanager
def until(deadline: float) -> Iterator[None]:
    """Nothing stretches an answer to this thread beyond the deadline (monotonic)."""
    _thread.deadline = deadline
    try:
        yield
    finally:
        _thread.deadline = None


class _Reader(io.RawIOBase):
    """What a socket receives, until the deadline.

    A socket's own timeout starts again with each byte, in headers and chunk sizes
    too, so that a server could hold us for as long as it likes.
    """

    def __init__(self, raw: io.RawIOBase, sock, deadline: float | None) -> None:
        self.raw = raw
        self.sock = sock
        self.deadline = deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer) -> int | None:
        if self.deadline is not None:
            left = self.deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError("deadline")
            if self.sock.fileno() != -1:
                self.sock.settimeout(left)
        with waiting():
            return self.raw.readinto(buffer)

    def close(self) -> None:
        self.raw.close()
        super().close()


class _Response(HTTPResponse):
    def __init__(self, sock, *args, **kwargs) -> None:
        super().__init__(sock, *args, **kwargs)
        deadline = getattr(_thread, "deadline", None)
        self.fp = io.BufferedReader(_Reader(self.fp.detach(), sock, deadline))


class _HTTPConnection(HTTPConnection):
    response_class = _Response

    def connect(self) -> None:
        with waiting():
            super().connect()


class _HTTPSConnection(HTTPSConnection):
    response_class = _Response

    def connect(self) -> None:
        with waiting():
            super().connect()


class _HTTPPool(HTTPConnectionPool):
    ConnectionCls = _HTTPConnection


class _HTTPSPool(HTTPSConnectionPool):
    ConnectionCls = _HTTPSConnection


class _Adapter(HTTPAdapter):
    def init_poolmanager(self, *args, **kwargs) -> None:
        super().init_poolmanager(*args, **kwargs)
        self._use_our_pools(self.poolmanager)

    def proxy_manager_for(self, *args, **kwargs):
        return self._use_our_pools(super().proxy_manager_for(*args, **kwargs))

    def _use_our_pools(self, manager):
        manager.pool_classes_by_scheme = {"http": _HTTPPool, "https": _HTTPSPool}
        return manager
