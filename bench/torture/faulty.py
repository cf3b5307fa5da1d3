"""A bridge and a model that fail now and then, and remember what they did."""

import random
import threading
import time
from collections import Counter
from typing import Any

from bench.torture import plot
from evolution.sandbox.bridge import Answer
from tests.standins.bridge import FAULTS, StandIn
from tests.standins.model import PASSING, ModelServer, Question

MODEL_FAULTS = 0.05
SLOW_SECONDS = (10, 40)
BRIDGE_FAULTS = 0.08
FAULTY = (
    "/message/sendText/",
    "/message/sendReaction/",
    "/chat/getBase64FromMediaMessage/",
    "/chat/updateMessage/",
    "/chat/deleteMessageForEveryone/",
)


class FaultyBridge(StandIn):
    """Notes when it was asked for which reply, and when people saw it."""

    def __init__(self, *args: Any, seed: int, share: float, **options: Any) -> None:
        super().__init__(*args, **options)
        self._share = share  # of the requests, those that fail
        self.seen_at: dict[str, float] = {}  # by the tokens that it answers
        self.asked_at: dict[str, float] = {}  # by the reply's id
        self.faults = dict.fromkeys(FAULTS, 0)
        self._random, self._lock = random.Random(seed), threading.Lock()

    def fault_of(self, path: str, body: dict) -> str:
        if not path.startswith(FAULTY):
            return ""
        with self._lock:
            if self._random.random() >= self._share:
                return ""
            fault = self._random.choice(FAULTS)
            self.faults[fault] += 1
            return fault

    def before(self, method: str, path: str, body: Any) -> Answer | str | None:
        self._current.at = time.time()
        return super().before(method, path, body)

    def after(
        self, method: str, path: str, body: Any, answer: Answer
    ) -> Answer | str | None:
        if path.startswith("/message/sendText/") and answer[0] == 201:
            self.asked_at[answer[1]["key"]["id"]] = self._current.at
            for conversation, number, _ in plot.TOKEN.findall(body["text"]):
                self.seen_at.setdefault(f"#{conversation}-{number}", time.time())
        return super().after(method, path, body, answer)


class FaultyModel(ModelServer):
    """It speaks nonsense only where that is not simply sent."""

    def __init__(self, seed: int, host: str) -> None:
        super().__init__(host=host)
        self._random, self._lock = random.Random(seed), threading.Lock()
        self.faults: Counter[str] = Counter()
        # What it spoke nonsense about, by step.
        self.spoilt: dict[str, set[str]] = {"relevance": set(), "transcription": set()}
        self.delay = lambda question: self._draw(0.05, 0.3)
        self.misbehave = self._fault

    def _draw(self, least: float, most: float) -> float:
        with self._lock:
            return self._random.uniform(least, most)

    def _fault(self, question: Question) -> str:
        with self._lock:
            if self._random.random() >= MODEL_FAULTS:
                return ""
            faults = [*PASSING, "slow"]
            if question.step in self.spoilt:
                faults.append("nonsense")
            if question.step == "transcription":
                faults.append("400")  # it takes no such recording
            fault = self._random.choice(faults)
            if fault in ("nonsense", "400"):
                self.spoilt[question.step].update(_messages(question))
            self.faults[fault] += 1
        if fault == "slow":
            time.sleep(self._draw(*SLOW_SECONDS))
            return ""
        return fault


def _messages(question: Question) -> list[str]:
    """The messages that it is about, however they are worded."""
    found = plot.TOKEN.findall(" ".join(question.texts))
    return [f"#{conversation}-{number}" for conversation, number, _ in found]
