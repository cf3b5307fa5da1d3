"""How likely it was thought that a reply is wanted, in the last weeks."""

import math
from dataclasses import dataclass
from datetime import timedelta

from django.db.models import Count, Func, IntegerField
from django.utils import timezone

from llm.models import Decision

DAYS = 30
STEPS = 100
# 0.29 * 100 is a little less than 29.
EDGE = 1e-9


class Hundredths(Func):
    """The hundredths that are full: 0.29 and 0.299 have 29 of them."""

    template = f"CAST(%(expressions)s * {STEPS} + {EDGE} AS INTEGER)"
    output_field = IntegerField()

    def as_postgresql(self, compiler, connection, **context) -> tuple:
        # Its CAST would round.
        template = f"FLOOR(%(expressions)s * {STEPS} + {EDGE})::integer"
        return self.as_sql(compiler, connection, template=template, **context)


@dataclass(frozen=True)
class Scores:
    """How many judgements there are with each number of hundredths, from 0 to 100."""

    counts: tuple[int, ...]

    @property
    def total(self) -> int:
        return sum(self.counts)

    def at_or_above(self, threshold: float) -> int:
        return sum(self.counts[math.ceil(threshold * STEPS - EDGE) :])

    def share(self, threshold: float) -> float:
        """In percent."""
        return 100 * self.at_or_above(threshold) / self.total if self.total else 0.0


def recent() -> Scores:
    """Those of the models; what a rule settled has no probability."""
    judged = Decision.objects.filter(
        step=Decision.Step.RELEVANCE,
        source=Decision.Source.MODEL,
        p__isnull=False,
        created_at__gte=timezone.now() - timedelta(days=DAYS),
    )
    rows = judged.order_by().values_list(Hundredths("p")).annotate(count=Count("pk"))
    counts = [0] * (STEPS + 1)
    for hundredths, count in rows:
        counts[min(max(hundredths, 0), STEPS)] += count
    return Scores(tuple(counts))
