"""People to begin with, and a conversation that shows a newcomer what the agent does."""

from typing import TYPE_CHECKING

from evolution.sandbox import people
from evolution.sandbox.world import Instance

if TYPE_CHECKING:
    from evolution.sandbox.bridge import Bridge

PEOPLE = {
    "Ana": "5511988880101",
    "Bruno": "5511988880102",
    "Chen": "5511988880103",
    "Dora": "5511988880104",
}
GROUP_JID = "120363000000000101@g.us"
# Seconds after the link, who, what. The last line goes to the agent alone.
SCRIPT = [
    (2, "Ana", "Morning! The cabin is booked, Friday to Sunday 🎉"),
    (3.5, "Bruno", "Brilliant, thanks Ana"),
    (5, "Chen", "I'll bring the big cooler and some board games"),
    (6.5, "Dora", "Does anyone know what time the last train leaves on Friday?"),
    (10, "Bruno", "😂 let's hope later than last year"),
    (12, "Chen", "@assistant what should we pack for two days in the mountains?"),
    (15, "Ana", "Good thinking. See you all at the station!"),
]
DIRECT = (17, "Dora", "Hi! Can you remind me what I should bring on Friday?")


def populate(bridge: "Bridge") -> None:
    for name, phone in PEOPLE.items():
        bridge.record("person", name=name, phone=phone)
    bridge.record(
        "group", jid=GROUP_JID, name="Weekend trip", members=list(PEOPLE.values())
    )


def play(bridge: "Bridge", instance: Instance) -> None:
    bridge.record("demo")
    for seconds, name, text in SCRIPT:
        _say_later(bridge, instance, seconds, GROUP_JID, name, text)
    seconds, name, text = DIRECT
    _say_later(
        bridge, instance, seconds, bridge.world.people[PEOPLE[name]].jid, name, text
    )


def _say_later(
    bridge: "Bridge",
    instance: Instance,
    seconds: float,
    chat: str,
    name: str,
    text: str,
) -> None:
    def say() -> None:
        if instance.state == "open":
            people.write(bridge, instance, chat, text, sender=PEOPLE[name])

    bridge.later(seconds, say)
