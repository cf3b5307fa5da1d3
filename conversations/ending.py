"""How a burst's work ends: all that was decided about it, in one transaction."""

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Model
from django.utils import timezone

from conversations import hot, ledger
from conversations.logs import about
from conversations.mailbox import Lease, LeaseLost, fence
from conversations.models import Message
from llm.models import Decision

logger = logging.getLogger(__name__)

_SETTLE = """
    UPDATE conversations_message SET outcome = %s, reason = %s
    WHERE direction = 'in' AND outcome = '' AND id IN"""
CHANGED = "It was edited or deleted meanwhile, and judged anew"


class Overtaken(Exception):
    """What was judged is not what stands there now."""

    def __init__(self, decisions: tuple[Decision, ...]) -> None:
        super().__init__(CHANGED)
        self.decisions = decisions


@dataclass(frozen=True)
class Ending:
    lease: Lease
    burst: list[Message]

    def settle(self, outcome: str, reason: str, *decisions: Decision) -> None:
        with transaction.atomic():
            self.decide(outcome, reason, *decisions)
        log("Outcome %s", outcome, *decisions)

    def decide(self, outcome: str, reason: str, *decisions: Decision) -> None:
        """Within the transaction that stores what follows from it.

        Raises Overtaken if the burst was edited or deleted since it was read, LeaseLost
        if somebody else settled it.
        """
        fence(self.lease, crashes=1, errors=0)
        ids = [message.pk for message in self.burst]
        unchanged, times = self._unchanged
        sql = f"{_SETTLE} ({hot.places(ids)}) {unchanged}"
        if hot.execute(sql, outcome, reason[:300], *ids, *times) != len(ids):
            if Message.objects.filter(pk__in=ids).pending().count() == len(ids):
                raise Overtaken(decisions)
            raise LeaseLost  # staff settled it meanwhile
        ledger.store(self.burst, decisions)

    @property
    def _unchanged(self) -> tuple[str, list[datetime]]:
        """The condition that the burst stands as it was read, and its values."""
        conditions, values = "", []
        for column in ("edited_at", "deleted_at"):
            read = [at for one in self.burst if (at := getattr(one, column))]
            conditions += f" AND ({column} IS NULL"
            conditions += f" OR {column} IN ({hot.places(read)}))" if read else ")"
            values += read
        return conditions, values

    def wait(self, until: datetime, *decisions: Decision) -> datetime:
        """Keep what was decided so far, and look again then."""
        with transaction.atomic():
            fence(self.lease)
            ledger.store(self.burst, decisions)
        log("Looked at again at %s", until, *decisions)
        return until

    def anew(self, overtaken: Overtaken) -> datetime:
        """Keep what was spent, and look again: at once, but not for ever in a row."""
        decisions = overtaken.decisions
        spent = [one for one in decisions if one.source == "model" and one.pk is None]
        for one in spent:
            if one.outcome != Decision.Outcome.FAILED:
                one.outcome, one.p, one.why = Decision.Outcome.OVERTAKEN, None, CHANGED
        before = self.burst[-1].decisions.filter(outcome=Decision.Outcome.OVERTAKEN)
        until = timezone.now() + timedelta(seconds=min(60, 2.0 ** before.count() - 1))
        return self.wait(until, *spent)


def log(event: str, value: object, *decisions: Decision) -> None:
    with about(decision=ids(decisions)):
        logger.info(event, value)


def ids(rows: Iterable[Model]) -> str:
    """The rows' keys, for the log."""
    return ",".join(str(row.pk) for row in rows)
