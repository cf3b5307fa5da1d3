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
    (1, "Ana", "Morning! The cabin is booked, Friday to Sunday 🎉"),
    (2, "Bruno", "Brilliant, thanks Ana"),
    (3, "Chen", "I'll bring the big cooler and some board games"),
    (4, "Dora", "Does anyone know when the last train leaves on Friday?"),
    (16, "Bruno", "😂 later than last year, then"),
    (18, "Chen", "@assistant what should we pack for two days in the mountains?"),
    (24, "Ana", "Good thinking. See you all at the station!"),
]
DIRECT = (20, "Dora", "Hi! Who are you, and what can you do?")
# What the agent is told about the group, so that it has something to say.
FACTS = (
    "The group travels to a mountain cabin from Friday to Sunday. "
    "The last train leaves on Friday at 21:40 from platform 4. "
    "For two days in the mountains, pack warm clothes, a rain jacket, good boots and a "
    "head torch. "
    "The cabin has six beds, a kitchen and a fireplace."
)
# A text for all conversations, of which a reply is given what fits the question.
CABIN = """\
# Arrival

The key is in the box beside the door; its code comes by text message on the day.
You can move in from 3 pm and stay until 11 am on the last day.

# Breakfast

Breakfast is served in the valley, at the inn by the bridge, from 8 to 10, on Sundays
until 11. It costs 9 euros, children pay half.

# Dogs

Dogs are welcome on the ground floor. Please bring a blanket for them.
"""


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
