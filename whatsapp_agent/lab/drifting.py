"""Week by week: is the model of step 1 still the one that was labelled?"""

from collections.abc import Iterator
from dataclasses import dataclass

from django.utils.formats import date_format
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from conversations.models import Conversation
from llm.lab import drift_chart
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
        "drawing": _drawing(found.points),
        "weeks": list(_weeks(found.points)),
    }


def alarms() -> dict[int, list[str]]:
    """By conversation."""
    return {
        group: [sentence(one) for one in compared.alarms]
        for group, compared in drift().groups.items()
        if compared.alarms
    }


def _drawing(points: tuple[Point, ...]) -> SafeString | None:
    """One week alone has nothing to be compared with."""
    if len(points) < 2:
        return None
    days = [date_format(one.week, "MONTH_DAY_FORMAT") for one in points]
    return drift_chart.strip(
        points,
        days,
        _("Distance of the scores, week by week"),
        _("A dashed line stands where another version began"),
    )


def _weeks(points: tuple[Point, ...]) -> Iterator[Week]:
    return map(Week, reversed(points))
