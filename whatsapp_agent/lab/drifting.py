"""Week by week: is the model of step 1 still the one that was labelled?"""

from collections.abc import Iterator
from dataclasses import dataclass

from conversations.models import Conversation
from llm.lab.curves import percent
from llm.lab.drift import Point, drift
from whatsapp_agent.home.drift import sentence


@dataclass(frozen=True)
class Week:
    point: Point

    @property
    def replies(self) -> str:
        rate = self.point.response_rate
        return "–" if rate is None else percent(rate)

    @property
    def failures(self) -> str:
        return percent(self.point.failure_rate)


def strip(group: Conversation | None) -> dict:
    """The alarms of all and of this group; the weeks are those of all."""
    found = drift()
    mine = {None, group.pk} if group else {None}
    return {
        "alarms": [sentence(one) for one in found.alarms if one.conversation in mine],
        "weeks": list(_weeks(found.points)),
    }


def _weeks(points: tuple[Point, ...]) -> Iterator[Week]:
    return map(Week, reversed(points))
