"""What models were asked since midnight and what that cost: of all numbers, and of each."""

from dataclasses import dataclass, field
from decimal import Decimal

from django.db.models import Count, Sum

from conversations import ledger
from conversations.models import AgentSettings

MOST_SHOWN = 12
NOTHING = (0, Decimal(0))
NO_LIMITS = (None, None)


@dataclass(frozen=True)
class Used:
    name: str  # of a number; "" of all together
    calls: int
    cost: Decimal
    most_calls: int | None
    most_cost: Decimal | None

    @property
    def are_calls_used_up(self) -> bool:
        return self.most_calls is not None and self.calls >= self.most_calls

    @property
    def is_cost_used_up(self) -> bool:
        return self.most_cost is not None and self.cost >= self.most_cost

    @property
    def is_used_up(self) -> bool:
        return self.are_calls_used_up or self.is_cost_used_up

    @property
    def places(self) -> int:
        """A call costs less than a cent, and a month's bill is no matter of mills."""
        return 2 if self.cost >= 1 else 4


@dataclass(frozen=True)
class Spending:
    whole: Used
    numbers: list[Used] = field(default_factory=list)  # where there are several

    @property
    def shown(self) -> list[Used]:
        """The costliest, each of them once."""
        by_cost = sorted(self.numbers, key=lambda one: (-one.cost, -one.calls))
        return by_cost[:MOST_SHOWN]


def today(agent: AgentSettings, instances: list[str]) -> Spending:
    """By one query over the decisions of the day."""
    rows = ledger.called_today().order_by().values_list("conversation__instance")
    sums = rows.annotate(calls=Count("pk"), cost=Sum("cost"))
    found = {name: (calls, cost or Decimal(0)) for name, calls, cost in sums}
    limits = {name: _own_limits(agent, name) for name in agent.own_values}
    limited = [name for name, own in limits.items() if own != NO_LIMITS]
    numbers = [
        Used(name, *found.get(name, NOTHING), *limits.get(name, NO_LIMITS))
        for name in sorted({*instances, *found, *limited})
    ]
    whole = Used(
        "",
        sum(one.calls for one in numbers),
        sum((one.cost for one in numbers), Decimal(0)),
        *agent.daily_limits,
    )
    return Spending(whole, numbers if len(numbers) > 1 or limited else [])


def _own_limits(agent: AgentSettings, name: str) -> tuple:
    pairs = zip(agent.laid_over(name).daily_limits, agent.daily_limits, strict=True)
    return tuple(None if own == common else own for own, common in pairs)
