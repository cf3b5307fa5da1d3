"""A stand-in model server over real sockets, which does what it is told to."""

import contextlib
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

Behaviour = Callable[[socket.socket], None]


@dataclass
class Received:
    path: str
    headers: dict[str, str]
    body: object


@dataclass
class Server:
    """Plays `script` connection by connection; the last behaviour goes on for ever."""

    script: list[Behaviour]
    received: list[Received] = field(default_factory=list)
    url: str = ""

    @property
    def bodies(self) -> list:
        return [request.body for request in self.received]


@contextlib.contextmanager
def serving(*script: Behaviour) -> Iterator[Server]:
    listener = socket.create_server(("127.0.0.1", 0))
    server = Server(list(script), url=f"http://127.0.0.1:{listener.getsockname()[1]}")
    threading.Thread(target=_accept, args=(listener, server), daemon=True).start()
    try:
        yield server
    finally:
        # Closing alone would not wake the thread that waits in accept().
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def answer(
    data: object, status: int = 200, headers: dict[str, str] | None = None
) -> Behaviour:
    body = data if isinstance(data, bytes) else json.dumps(data).encode()
    return lambda connection: connection.sendall(
        head(status, {"Content-Length": str(len(body)), **(headers or {})}) + body
    )


def head(status: int, headers: dict[str, str]) -> bytes:
    fields = {"Content-Type": "application/json", "Connection": "close", **headers}
    lines = [f"HTTP/1.1 {status} Whatever", *(f"{k}: {v}" for k, v in fields.items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def hang(connection: socket.socket) -> None:
    """Say nothing until the other side leaves."""
    connection.settimeout(10)
    with contextlib.suppress(OSError):
        connection.recv(1)


def hang_up(connection: socket.socket) -> None:
    """Close without a word."""


def hang_up_in_the_body(connection: socket.socket) -> None:
    connection.sendall(head(200, {"Content-Length": "100"}) + b'{"choices"')


def drip(data: bytes, every: float = 0.05) -> Behaviour:
    """Send byte by byte, far more slowly than any deadline allows."""

    def behave(connection: socket.socket) -> None:
        with contextlib.suppress(OSError):
            for byte in data:
                connection.sendall(bytes([byte]))
                time.sleep(every)

    return behave


def drip_body(connection: socket.socket) -> None:
    connection.sendall(head(200, {"Content-Length": "10000"}))
    drip(b"x" * 10_000)(connection)


def drip_chunk_size(connection: socket.socket) -> None:
    connection.sendall(head(200, {"Transfer-Encoding": "chunked"}))
    drip(b"0" * 10_000)(connection)


def _accept(listener: socket.socket, server: Server) -> None:
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        threading.Thread(target=_serve, args=(connection, server), daemon=True).start()


def _serve(connection: socket.socket, server: Server) -> None:
    with connection, contextlib.suppress(OSError):
        received = _receive(connection)
        if received is None:
            return
        server.received.append(received)
        is_last = len(server.script) == 1
        behave = server.script[0] if is_last else server.script.pop(0)
        behave(connection)
        connection.shutdown(socket.SHUT_WR)


def _receive(connection: socket.socket) -> Received | None:
    with connection.makefile("rb") as stream:
        request_line = stream.readline().decode()
        if not request_line:
            return None
        headers = {}
        while (line := stream.readline().decode().strip()) != "":
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        body = stream.read(int(headers.get("content-length", 0)))
    if not headers.get("content-type", "").startswith("multipart/"):
        body = json.loads(body or b"null")
    return Received(request_line.split()[1], headers, body)
