import json
from pathlib import Path
from typing import Any

from evolution.sandbox import linking, people
from evolution.sandbox.bridge import Bridge, Pace
from evolution.sandbox.world import Instance

RECORDINGS = Path(__file__).parent.parent / "recordings"
ALICE, CARL = "5511988887777", "5511977776666"
GROUP = "120363000000000001@g.us"


def recording(name: str) -> dict:
    return json.loads((RECORDINGS / name).read_text())


def shape(value: Any) -> Any:
    """The keys of a body, at every depth; of lists the union of their elements'."""
    if isinstance(value, dict):
        if value and all(key.isdigit() for key in value):
            return "bytes"
        return {key: shape(item) for key, item in value.items()}
    if isinstance(value, list):
        merged: dict = {}
        for item in value:
            found = shape(item)
            merged |= found if isinstance(found, dict) else {}
        return [merged]
    return None


class Clock:
    def __init__(self) -> None:
        self.now = 1_795_340_000.0

    def __call__(self) -> float:
        return self.now


class Town:
    """A bridge with two people and a group, and everything that it emitted."""

    def __init__(self, **options: Any) -> None:
        self.events: list[dict] = []
        self.clock = Clock()
        options = {"pace": Pace(link=0, receipt=0), "clock": self.clock} | options
        self.bridge = Bridge(self._deliver, **options)

    def _deliver(self, url: str, headers: dict, body: bytes) -> None:
        self.events.append(json.loads(body))

    def populate(self) -> "Town":
        people.add_person(self.bridge, "Alice", ALICE, "239513548562601")
        people.add_person(self.bridge, "Carl", CARL, "305628633182105")
        people.add_group(self.bridge, "Family", [ALICE, CARL], GROUP)
        return self

    def ask(
        self, method: str, target: str, body: Any = None, key: str = "sandbox"
    ) -> tuple[int, Any]:
        answer = self.bridge.handle(method, target, body, key)
        self.bridge.tick()
        return answer

    def create(self, name: str = "wa1", **fields: Any) -> Instance:
        hook = {"url": "http://agent.test/hook", "headers": {}, "events": []}
        body = {
            "instanceName": name,
            "integration": "WHATSAPP-BAILEYS",
            "webhook": hook,
            **fields,
        }
        status, _ = self.ask("POST", "/instance/create", body)
        assert status == 201
        return self.bridge.world.instances[name]

    def link(self, name: str = "wa1") -> Instance:
        instance = self.create(name, qrcode=True)
        linking.scan(self.bridge, instance)
        self.bridge.tick()
        assert instance.state == "open"
        return instance

    def emitted(self, event: str) -> list[dict]:
        return [body for body in self.events if body["event"] == event]

    def pass_time(self, seconds: float) -> None:
        self.clock.now += seconds
        self.bridge.tick()
