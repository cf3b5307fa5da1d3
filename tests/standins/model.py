"""A stand-in model server: OpenAI's chat completions and transcriptions over real sockets.

It answers by what it is asked to judge: the first step gets the `p=` that the text
names, the second one names the `#tokens` of the messages it answers. So whoever reads
the replies can tell which messages were answered, and how often. In a recording it
hears the words that the sandbox puts into its tags.
"""

import argparse
import contextlib
import json
import re
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.standins.hosts import LOCAL

TOKEN = re.compile(r"#[\w-]+")
SPOKEN = re.compile(rb"TRANSCRIPT=(.*?)OggS", re.DOTALL)
PROBABILITY = re.compile(r"\bp=(\d+)")
# Faults after which another try may succeed.
PASSING = ("429", "500", "hang_up", "hang_up_in_the_body")
DRIP_SECONDS = 60


@dataclass(frozen=True)
class Question:
    """One request, as the model sees it."""

    step: str  # "relevance", "response" or "transcription"
    texts: list[str]  # those to judge or to answer, or what was heard
    pictures: int = 0
    at: float = field(default_factory=time.time)

    @property
    def tokens(self) -> list[str]:
        return TOKEN.findall(" ".join(self.texts))

    @property
    def p(self) -> int:
        if not any(self.texts):
            return 0
        named = PROBABILITY.findall(" ".join(self.texts))
        return max(map(int, named), default=90)


def read_question(body: dict) -> Question:
    """Find the numbered messages in the transcript that the last line points at."""
    parts = body["messages"][-1]["content"]
    if isinstance(parts, str):
        parts = [{"type": "text", "text": parts}]
    prompt = parts[0]["text"]
    lines = [json.loads(line) for line in prompt.splitlines()]
    asked = next(line for line in reversed(lines) if {"judge", "answer"} & line.keys())
    numbers = asked.get("judge") or asked.get("answer")
    texts = {line["n"]: line.get("text", "") for line in lines if "n" in line}
    step = "relevance" if "judge" in asked else "response"
    pictures = sum(part["type"] == "image_url" for part in parts)
    return Question(step, [texts[number] for number in numbers], pictures)


def hear(form: bytes) -> Question:
    """The words in the recording that a form brings."""
    found = SPOKEN.search(form)
    return Question("transcription", [found[1].decode() if found else ""])


def write_answer(question: Question) -> str:
    if question.step == "relevance":
        verdict = {"why": "as the text says", "kind": "question", "p": question.p}
        return json.dumps(verdict)
    return " ".join(["Re:", *(question.tokens or question.texts)])


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    timeout = 75
    server: "_Server"

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        is_heard = self.path.endswith("/audio/transcriptions")
        question = hear(raw) if is_heard else read_question(json.loads(raw))
        fault = self.server.owner.ask(question)
        if fault:
            getattr(self, f"_{fault}" if not fault.isdigit() else "_fail")(fault)
        elif is_heard:
            self._write(200, {"text": question.texts[0], "language": "en"})
        else:
            self._write(200, _completion(write_answer(question)))

    def _fail(self, status: str) -> None:
        headers = {"Retry-After": "1"} if status == "429" else {}
        self._write(int(status), {"error": {"message": "Not now"}}, **headers)

    def _hang_up(self, fault: str) -> None:
        self.close_connection = True

    def _hang_up_in_the_body(self, fault: str) -> None:
        self._start(200, 1000)
        self.wfile.write(b'{"choices": [{"message"')
        self.wfile.flush()
        self.close_connection = True

    def _nonsense(self, fault: str) -> None:
        self._write(200, _completion("Beep. I would rather not say."))

    def _drip(self, fault: str) -> None:
        self._start(200, 1000)
        for _ in range(DRIP_SECONDS * 10):
            self.wfile.write(b" ")
            self.wfile.flush()
            time.sleep(0.1)
        self.close_connection = True

    def _write(self, status: int, body: dict, **headers: str) -> None:
        data = json.dumps(body).encode()
        self._start(status, len(data), **headers)
        self.wfile.write(data)
        self.wfile.flush()

    def _start(self, status: int, length: int, **headers: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(length))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


def _completion(text: str) -> dict:
    return {
        "model": "stand-in",
        "choices": [{"message": {"content": text}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 100, "completion_tokens": 10},
    }


class _Server(ThreadingHTTPServer):
    request_queue_size = 256
    daemon_threads = True
    block_on_close = False
    owner: "ModelServer"

    def handle_error(self, request: socket.socket, address: object) -> None:
        pass  # the client was killed, which is what this is all about


class ModelServer:
    """`misbehave` names the fault to show for a question; `delay` is in seconds.

    `plans` holds the faults that the next questions about a token suffer, `delays`
    how long the model thinks about it.
    """

    def __init__(self, port: int = 0, delay: float = 0, host: str = LOCAL) -> None:
        self.delay: Callable[[Question], float] = lambda question: max(
            (self.delays.get(token, 0) for token in question.tokens), default=delay
        )
        self.misbehave: Callable[[Question], str] = self._planned
        self.plans: dict[str, list[str]] = {}
        self.delays: dict[str, float] = {}
        self.questions: list[Question] = []
        self._server = _Server((host, port), Handler)
        self._server.owner = self
        self.url = f"http://{host}:{self._server.server_address[1]}/v1"
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.05,), daemon=True
        )

    def ask(self, question: Question) -> str:
        """Think, and return the fault to show, "" for none."""
        self.questions.append(question)
        time.sleep(self.delay(question))
        return self.misbehave(question)

    def _planned(self, question: Question) -> str:
        plans = [self.plans.get(token) for token in question.tokens]
        return next((plan.pop(0) for plan in plans if plan), "")

    def asked(self, token: str) -> list[Question]:
        return [question for question in self.questions if token in question.tokens]

    def start(self) -> "ModelServer":
        self._thread.start()
        return self

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(timeout=5)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=9210)
    parser.add_argument("--delay", type=float, default=0, help="Seconds.")
    options = parser.parse_args()
    ModelServer(options.port, options.delay).start()
    with contextlib.suppress(KeyboardInterrupt):
        threading.Event().wait()


if __name__ == "__main__":
    main()
