"""One run: traffic, faults and kills, then silence, then the verdict."""

import argparse
import json
import random
import sys
import threading
import time
from typing import Any

from bench.torture import checker, plot
from bench.torture.killer import Killer
from bench.torture.traffic import Traffic
from conversations.models import Conversation, Message
from evolution.sandbox.bridge import Answer
from tests.standins.agent import (
    WEBHOOK_SECRET,
    Agent,
    free_port,
    wait_until,
    webhook_url,
)
from tests.standins.bridge import FAULTS, StandIn
from tests.standins.model import PASSING, ModelServer, Question
from whatsapp_agent.management.commands.run import web_command

# A frozen process that has looked at its clock and not yet sent may still send when it
# is thawed. So an unknown outcome must not be looked up before the longest freeze is
# over: the worker ends a process that stands still after 15 s, and by default an outcome
# is looked up after 90.
RECONCILE_SECONDS = 14
SEND_TIMEOUT = 2
MODEL_FAULTS = 0.04
BRIDGE_FAULTS = 0.08


class FaultyBridge(StandIn):
    """Fails now and then, and notes when people saw which reply."""

    def __init__(self, *args: Any, seed: int, share: float, **options: Any) -> None:
        super().__init__(*args, **options)
        self._share = share  # of the sends, those that fail
        self.seen_at: dict[str, float] = {}
        self.faults = dict.fromkeys(FAULTS, 0)
        self._random, self._lock = random.Random(seed), threading.Lock()

    def fault_of(self, body: dict) -> str:
        with self._lock:
            if self._random.random() >= self._share:
                return ""
            fault = self._random.choice(FAULTS)
            self.faults[fault] += 1
            return fault

    def after(
        self, method: str, path: str, body: Any, answer: Answer
    ) -> Answer | str | None:
        if path.startswith("/message/sendText/") and answer[0] == 201:
            for conversation, number in plot.TOKEN.findall(body["text"]):
                self.seen_at.setdefault(f"#{conversation}-{number}", time.time())
        return super().after(method, path, body, answer)


class FaultyModel(ModelServer):
    def __init__(self, seed: int) -> None:
        super().__init__()
        self._random, self._lock = random.Random(seed), threading.Lock()
        self.faults = 0
        self.delay = lambda question: self._draw(0.05, 0.3)
        self.misbehave = self._fault

    def _draw(self, least: float, most: float) -> float:
        with self._lock:
            return self._random.uniform(least, most)

    def _fault(self, question: Question) -> str:
        with self._lock:
            if self._random.random() >= MODEL_FAULTS:
                return ""
            self.faults += 1
            return self._random.choice(PASSING)


class Trial:
    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.folder = options.folder
        self.random = random.Random(options.seed)
        port = free_port()
        self.bridge = FaultyBridge(
            webhook_url(port),
            WEBHOOK_SECRET,
            seed=options.seed,
            share=0.4 if options.control == "blind" else BRIDGE_FAULTS,
            send_timeout=SEND_TIMEOUT,
        )
        self.model = FaultyModel(options.seed)
        self.agent = Agent(
            self.folder,
            bridge_url=self.bridge.url,
            model_url=self.model.url,
            port=port,
            settings={"relevance_timeout": 60, "response_timeout": 60},
            settings_module=self._settings_module,
            database_url=options.database,
            command=self._command(port),
            EVOLUTION_SEND_TIMEOUT=str(SEND_TIMEOUT),
            RECONCILE_SECONDS=str(self._reconcile_seconds),
        )

    @property
    def _reconcile_seconds(self) -> int:
        return 4 if self.options.control else RECONCILE_SECONDS

    @property
    def _settings_module(self) -> str:
        is_blind = self.options.control == "blind"
        return "bench.torture.blind_settings" if is_blind else "whatsapp_agent.settings"

    def _command(self, port: int) -> list[str] | None:
        """The control runs a stock cluster under the same supervisor."""
        if self.options.control != "qcluster":
            return None
        commands = {
            "web": web_command("127.0.0.1", port),
            "worker": [sys.executable, "manage.py", "qcluster"],
        }
        code = (
            "import json, sys; from whatsapp_agent.supervisor import Supervisor; "
            "Supervisor(json.loads(sys.argv[1])).run()"
        )
        return [sys.executable, "-c", code, json.dumps(commands)]

    def run(self) -> checker.Verdict:
        self.agent.prepare()
        if Message.objects.exists():
            raise SystemExit("This database is not empty; name one for tests only.")
        self.model.start()
        self.bridge.start()
        try:
            self.agent.start()
            return self._play()
        finally:
            self.agent.kill()
            self.bridge.stop()
            self.model.stop()

    def _play(self) -> checker.Verdict:
        options = self.options
        self.plot = plot.write_plot(
            self.bridge, options.conversations, options.messages, self.random
        )
        self.traffic = Traffic(self.bridge, self.plot, options.seed, options.rate)
        self.killer = Killer(
            self.agent,
            self.random,
            tuple(options.seconds_between_kills),
            only_worker_processes=options.control == "qcluster",
        )
        started = time.monotonic()
        self.killer.start()
        self.traffic.run()
        self.producing_seconds = time.monotonic() - started
        time.sleep(5)
        self.killer.stop()
        self._wait_until_settled()
        self.all_seconds = time.monotonic() - started
        self.exit_code = None
        if options.control != "qcluster":
            # A web server that is told to end while it starts may take its time.
            wait_until(self.agent.is_up, 30)
            self.exit_code = self.agent.terminate()
        verdict = checker.judge(self.bridge, self.plot)
        self._judge_surroundings(verdict)
        return verdict

    def _wait_until_settled(self) -> None:
        deadline = time.monotonic() + self.options.patience
        while time.monotonic() < deadline:
            if not Conversation.objects.exclude(due_at=None).exists():
                return
            time.sleep(0.3)

    def _judge_surroundings(self, verdict: checker.Verdict) -> None:
        for refusal in self.traffic.refused:
            verdict.add("webhook refused for good", refusal)
        if self.exit_code:
            verdict.add("unclean end", f"exit code {self.exit_code}")
