"""HTTP load over kept connections: at a fixed rate, or as fast as it is answered."""

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import cycle
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Answered:
    due_at: float  # monotonic: when it was to be sent, whenever that happened
    seconds: float  # from then to the answer
    status: int


class Client:
    """Posts to one URL. Connections are kept, and as many are opened as are needed."""

    def __init__(self, url: str, secret: str) -> None:
        parts = urlsplit(url)
        self._address = parts.hostname, parts.port
        self._head = (
            f"POST {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\n"
            f"X-Webhook-Secret: {secret}\r\nContent-Type: application/json\r\n"
        )
        self._idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def post(self, body: bytes) -> int:
        reader, writer = (
            self._idle.pop()
            if self._idle
            else await asyncio.open_connection(*self._address)
        )
        head = f"{self._head}Content-Length: {len(body)}\r\n\r\n"
        is_kept = False
        try:
            writer.write(head.encode() + body)
            status, is_kept = await _read_answer(reader)
        finally:
            if is_kept:
                self._idle.append((reader, writer))
            else:
                writer.close()
        return status

    def close(self) -> None:
        for _, writer in self._idle:
            writer.close()


async def _read_answer(reader: asyncio.StreamReader) -> tuple[int, bool]:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
    fields = dict(line.partition(": ")[::2] for line in head.split("\r\n")[1:])
    await reader.readexactly(int(fields.get("content-length", 0)))
    return int(head.split(" ", 2)[1]), fields.get("connection") != "close"


def at_rate(url: str, secret: str, bodies: list[bytes], rate: float) -> list[Answered]:
    """Open loop: each body at its scheduled time, whether or not others are answered."""

    async def post(client: Client, body: bytes, due_at: float) -> Answered:
        status = await client.post(body)
        return Answered(due_at, time.monotonic() - due_at, status)

    async def run() -> list[Answered]:
        client = Client(url, secret)
        started_at = time.monotonic() + 0.1
        tasks = []
        for number, body in enumerate(bodies):
            due_at = started_at + number / rate
            await asyncio.sleep(max(0, due_at - time.monotonic()))
            tasks.append(asyncio.create_task(post(client, body, due_at)))
        answers = await asyncio.gather(*tasks)
        client.close()
        return answers

    return asyncio.run(run())


def as_fast_as_answered(
    url: str, secret: str, bodies: list[bytes], connections: int, seconds: float
) -> float:
    """Closed loop: answers of 200 a second. Bodies start again when they run out."""

    async def post_on(client: Client, turn: Iterator[bytes], until: float) -> int:
        ok = 0
        while time.monotonic() < until:
            status = await client.post(next(turn))
            ok += status == 200
        return ok

    async def run() -> float:
        client, turn = Client(url, secret), cycle(bodies)
        started_at = time.monotonic()
        until = started_at + seconds
        counts = await asyncio.gather(
            *(post_on(client, turn, until) for _ in range(connections))
        )
        client.close()
        return sum(counts) / (time.monotonic() - started_at)

    return asyncio.run(run())
