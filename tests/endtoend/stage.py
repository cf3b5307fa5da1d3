"""A person with a direct chat and a group of her own, for one test."""

from itertools import count

from evolution.sandbox.world import Message
from tests.standins.agent import Scene, wait_until

WAITING = {"", "replying"}
_numbers = count(1)


class Stage:
    def __init__(self, scene: Scene, name: str) -> None:
        self.scene, self.agent = scene, scene.agent
        self.bridge, self.model = scene.bridge, scene.model
        self.ana = self.bridge.person(f"Ana {next(_numbers)}")
        self.chat = f"{self.ana}@s.whatsapp.net"
        self.group = self.bridge.group(name[:60], [self.ana])

    def token(self) -> str:
        return f"#{next(_numbers)}"

    def say(self, text: str, group: bool = False, **fields: object) -> Message:
        return self.bridge.write(self.ana, text, self.group if group else "", **fields)

    def outcome(self, message: Message, seconds: float = 40) -> str:
        """What became of it, once it is final."""
        wait_until(lambda: self.agent.outcome(message.id) not in WAITING, seconds)
        return self.agent.outcome(message.id)

    def decisions(self, message: Message) -> list[tuple[str, str, str]]:
        rows = self.agent.rows(
            "SELECT d.step, d.source, d.outcome FROM llm_decision d"
            " JOIN llm_decision_messages l ON l.decision_id = d.id"
            " JOIN conversations_message m ON m.id = l.message_id"
            " WHERE m.whatsapp_id = ? ORDER BY d.step",
            message.id,
        )
        return [tuple(row) for row in rows]
