"""One run: traffic, faults and kills, then silence, then the verdict."""

import argparse
import json
import os
import random
import sys
import time
from contextlib import ExitStack

from bench.torture import checker, plot
from bench.torture.evidence import Evidence
from bench.torture.faults import Cable, Clock, Fault, Locker
from bench.torture.faulty import BRIDGE_FAULTS, FaultyBridge, FaultyModel
from bench.torture.hosts import GATEWAY
from bench.torture.killer import Killer
from bench.torture.traffic import Traffic
from bench.torture.verdict import Verdict
from conversations.models import Contact, Conversation, MessageChange
from tests.standins.agent import (
    WEBHOOK_SECRET,
    Agent,
    free_port,
    wait_until,
    webhook_url,
)
from tests.standins.hosts import LOCAL, Host
from whatsapp_agent.management.commands.run import web_command

# A frozen process that has looked at its clock and not yet sent may still send when it
# is thawed. So an unknown outcome must not be looked up before the longest freeze is
# over: the worker ends a process that stands still after 15 s, and by default an outcome
# is looked up after 90.
RECONCILE_MARGIN = 20
SETTINGS = {
    "relevance_timeout": 60,
    "response_timeout": 60,
    "transcription_timeout": 60,
    "transcription_provider": "openai",
    "pictures": "both",
    "takeover_minutes": 1,
    "quiet_minutes": 1,
    "reacts": True,
    "reaction_threshold": 0.4,
    "reaction_gap": 0,
}


class Trial:
    def __init__(self, options: argparse.Namespace, hosts: list[Host]) -> None:
        self.options, self.folder = options, options.folder
        self.random = random.Random(options.seed)
        address = GATEWAY if len(hosts) > 1 else LOCAL
        ports = [free_port() for _ in hosts]
        self.bridge = FaultyBridge(
            webhook_url(ports[0], hosts[0].address),
            WEBHOOK_SECRET,
            seed=options.seed,
            share=0.4 if options.control == "blind" else BRIDGE_FAULTS,
            send_timeout=options.send_timeout,
            host=address,
        )
        self.model = FaultyModel(options.seed, address)
        self.faults: list[Fault] = []
        if not options.control:
            self.faults = [Locker(options.seed)]
            self.faults += [Cable(options.seed, one.link) for one in hosts if one.link]
        self.agents = [self._agent(*one) for one in zip(hosts, ports, strict=True)]

    def _agent(self, host: Host, port: int) -> Agent:
        folder = self.folder / host.name
        folder.mkdir()
        environment = {"REDIS_URL": os.environ.get("REDIS_URL", "")}
        if not self.options.control:
            clock = Clock(self.options.seed + port, folder)
            self.faults.append(clock)
            environment |= clock.environment
        return Agent(
            folder,
            bridge_url=self.bridge.url,
            model_url=self.model.url,
            port=port,
            settings=SETTINGS,
            settings_module=self._settings_module,
            database_url=os.environ["DATABASE_URL"],
            command=self._command(port),
            host=host,
            MEDIA_ROOT=os.environ["MEDIA_ROOT"],
            EVOLUTION_SEND_TIMEOUT=str(self.options.send_timeout),
            RECONCILE_SECONDS=str(self._reconcile_seconds),
            **environment,
        )

    @property
    def _reconcile_seconds(self) -> float:
        margin = 2 if self.options.control else RECONCILE_MARGIN
        return self.options.send_timeout + margin

    @property
    def _settings_module(self) -> str:
        if control := self.options.control:
            return f"bench.torture.{control}_settings"
        return "whatsapp_agent.settings"

    def _command(self, port: int) -> list[str] | None:
        """The control runs a stock cluster under the same supervisor."""
        if self.options.control != "qcluster":
            return None
        commands = {
            "web": web_command(LOCAL, port),
            "worker": [sys.executable, "manage.py", "qcluster"],
        }
        code = (
            "import json, sys; from whatsapp_agent.supervisor import Supervisor; "
            "Supervisor(json.loads(sys.argv[1])).run()"
        )
        return [sys.executable, "-c", code, json.dumps(commands)]

    def run(self) -> Verdict:
        self.agents[0].prepare()
        with ExitStack() as stack:
            for server in (self.model, self.bridge):
                server.start()
                stack.callback(server.stop)
            for agent in self.agents:
                stack.callback(agent.kill)
                agent.start()
            return self._play()

    def _play(self) -> Verdict:
        options = self.options
        each = options.messages // options.conversations
        mix = 0 if options.control else options.mix
        self.plot = plot.write_plot(
            self.bridge, options.conversations, each, self.random, mix
        )
        self._name_operators()
        self.traffic = Traffic(
            self.bridge, self.plot, self.agents, options.seed, options.rate
        )
        self.killers = [
            Killer(
                agent,
                random.Random(options.seed + n),
                tuple(options.seconds_between_kills),
                only_worker_processes=options.control == "qcluster",
            )
            for n, agent in enumerate(self.agents)
        ]
        started = time.monotonic()
        trouble = [*self.killers, *self.faults]
        for one in trouble:
            one.start()
        self.traffic.run()
        self.producing_seconds = time.monotonic() - started
        time.sleep(5)
        for one in trouble:
            one.stop()
        self._wait_until_settled()
        self.all_seconds = time.monotonic() - started
        self._end()
        self.evidence = Evidence(self.bridge, self.plot, self.traffic, self.model)
        verdict = checker.judge(self.evidence)
        self._judge_surroundings(verdict)
        return verdict

    def _name_operators(self) -> None:
        people = self.bridge.bridge.world.people
        operators = [people[one.operator] for one in self.plot if one.operator]
        Contact.objects.bulk_create(
            Contact(phone_jid=one.jid, lid=one.lid_jid, name=one.name, may_command=True)
            for one in operators
        )

    def _wait_until_settled(self) -> None:
        deadline = time.monotonic() + self.options.patience
        while time.monotonic() < deadline:
            waiting = MessageChange.objects.filter(state="waiting")
            due = Conversation.objects.exclude(due_at=None)
            has_inbox = any(agent.webhooks_waiting() for agent in self.agents)
            if not (has_inbox or due.exists() or waiting.exists()):
                return
            time.sleep(0.3)

    def _end(self) -> None:
        self.exit_code: int | None = None
        if self.options.control == "qcluster":
            return
        for agent in self.agents:
            # A web server that is told to end while it starts may take its time.
            wait_until(agent.is_up, 30)
            self.exit_code = self.exit_code or agent.terminate()

    def _judge_surroundings(self, verdict: Verdict) -> None:
        for agent in self.agents:
            if left := agent.webhooks_waiting():
                verdict.add("without outcome", f"{left} webhooks not taken in")
        for refusal in self.traffic.refused:
            verdict.add("webhook refused for good", refusal)
        if self.exit_code:
            verdict.add("unclean end", f"exit code {self.exit_code}")
