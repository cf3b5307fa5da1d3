"""A model and a bridge in one process of their own, far faster than what they serve.

The model answers after a set time, the bridge at once; it remembers when each text came.
"""

import asyncio
import json
import sys
import time

JUDGEMENT = json.dumps({"why": "an open question to all", "kind": "question", "p": 90})
REPLY = "The museum is open until six today, and until nine on Fridays."


class StandIns:
    def __init__(self) -> None:
        self.delay = 0.0
        self.sent: list[tuple[str, float]] = []  # to whom, and when (monotonic)

    async def serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        try:
            while True:
                path, body = await read_request(reader)
                arrived_at = time.monotonic()
                answer = json.dumps(await self._answer(path, body, arrived_at)).encode()
                head = (
                    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                    f"Content-Length: {len(answer)}\r\n\r\n"
                )
                writer.write(head.encode() + answer)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    async def _answer(self, path: str, body: dict, arrived_at: float) -> object:
        if path.endswith("/chat/completions"):
            await asyncio.sleep(self.delay)
            return completion(body)
        if path.startswith("/message/sendText/"):
            self.sent.append((body["number"], arrived_at))
            return {"key": {"id": f"SENT{len(self.sent):012}"}, "status": "PENDING"}
        if path == "/reset":
            self.delay, self.sent = body["delay"], []
        if path == "/sent":
            return self.sent
        return {"version": "2.3.7"}


async def read_request(reader: asyncio.StreamReader) -> tuple[str, dict]:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    length = 0
    for line in head.split("\r\n"):
        name, _, value = line.partition(":")
        if name.lower() == "content-length":
            length = int(value)
    body = await reader.readexactly(length)
    return head.split(" ", 2)[1], json.loads(body) if body else {}


def completion(body: dict) -> dict:
    text = JUDGEMENT if "response_format" in body else REPLY
    return {
        "model": "bench",
        "choices": [{"message": {"content": text}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 900, "completion_tokens": 20},
    }


async def main(port: int) -> None:
    standins = StandIns()
    server = await asyncio.start_server(
        standins.serve, "127.0.0.1", port, backlog=1024, limit=1_000_000
    )
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
