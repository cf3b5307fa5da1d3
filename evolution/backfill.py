"""Back-fill: stores what is in Evolution's record and no webhook told us of.

A search reads that record from the last moment known good until now, the oldest first, so
that it can stop anywhere and go on there. What it finds takes the way of every webhook:
what is there already stays one row, and what is too old gets that outcome.
"""

import logging
import uuid
from datetime import UTC, datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from conversations.mailbox import now
from conversations.models import AgentSettings, Message
from conversations.whatsapp import BridgeError
from evolution import instances, watchdog, webhook
from evolution.models import OVERLAP, SETTLING, Instance, MissedSearch, Why
from evolution.record import Reader, second_of
from evolution.values import dig, mapping, storable, text

logger = logging.getLogger(__name__)

State = Instance.State
# What is older is of no use to anybody, and a record may reach back for years.
FURTHEST = timedelta(days=7)
# After so many pages another search gets its turn; then this one goes on.
MOST_PAGES = 200
FIRST_RETRY = timedelta(seconds=15)
KEEP_EMPTY = timedelta(days=1)
KEEP = timedelta(days=90)


class LeaseLost(Exception):
    """Another worker searches now: stop."""


# When


def due() -> list[int]:
    """The instances whose record is to be searched now."""
    moment = now()
    is_free = Q(search_token="") | Q(search_lease__lt=moment)
    is_due = Q(search_at=None) | Q(search_at__lte=moment)
    was_never_linked = Q(state=State.UNKNOWN, webhook_at=None)
    rows = Instance.objects.exclude(state=State.REMOVED).exclude(was_never_linked)
    return list(rows.filter(is_free, is_due).values_list("pk", flat=True))


def ask(why: Why, **which: object) -> None:
    """Have the record searched as soon as a worker can."""
    rows = Instance.objects.exclude(state=State.REMOVED).filter(**which)
    rows.update(search_at=now(), search_why=why)


# How


def search(pk: int) -> None:
    """Search one instance's record, if it is due and nobody else does."""
    if pk not in due() or (token := _claim(pk)) is None:
        return
    row = Instance.objects.get(pk=pk)
    why = row.search_why
    Instance.objects.filter(pk=pk).update(search_at=None, search_why="")
    try:
        next_at = _look(row.name, token, why)
    except LeaseLost:
        logger.warning("Another worker searches the record of %s", row)
        return
    except BridgeError as error:
        next_at = _fail(row, why, str(error))
    except Exception as error:
        logger.exception("Cannot look for missed messages of %s", row)
        next_at = _fail(row, why, repr(error))
    _release(pk, token, next_at)


def _claim(pk: int) -> str | None:
    moment, token = now(), uuid.uuid4().hex
    free = Instance.objects.filter(Q(search_token="") | Q(search_lease__lt=moment))
    taken = free.filter(pk=pk).update(search_token=token, search_lease=_lease_end())
    return token if taken else None


def _lease_end() -> datetime:
    # A page takes its time, and is not stored by parts.
    return now() + timedelta(seconds=settings.LEASE_SECONDS * 2)


def _release(pk: int, token: str, next_at: datetime) -> None:
    mine = Instance.objects.filter(pk=pk, search_token=token)
    # Unless somebody asked for another one meanwhile.
    mine.filter(search_at=None).update(search_at=next_at)
    mine.update(search_token="", search_lease=None)


def _interval() -> timedelta:
    return timedelta(minutes=settings.MISSED_SEARCH_MINUTES)


def _look(name: str, token: str, why: str) -> datetime:
    """Search; return when to search again."""
    row = instances.refresh(name)
    is_open, is_settled = row.state == State.OPEN, row.is_settled
    if not is_open and why != Why.BUTTON:
        row.searches.filter(finished_at=None).update(error="")
        return now() + _interval()
    run = _Search(_row_of_search(row, why), token)
    if not run.read():
        return now()
    run.finish(is_complete=is_open and is_settled)
    if is_open:
        watchdog.look(row, run.newest, run.newest_found)
    next_at = now() + _interval()
    return next_at if is_settled else min(next_at, row.state_at + SETTLING)


def _row_of_search(row: Instance, why: str) -> MissedSearch:
    """The search that was interrupted, or a new one."""
    moment = timezone.now()
    since = max(row.complete_until or row.state_at or moment, moment - FURTHEST)
    found, is_new = MissedSearch.objects.get_or_create(
        instance=row,
        finished_at=None,
        defaults={
            "why": why or Why.SCHEDULE,
            "since": since,
            "until": moment,
            "position": since,
        },
    )
    if not is_new:
        found.until, found.why = moment, why or found.why
        if why:
            found.step_back()
        found.save(update_fields=["until", "why", "position"])
    return found


def _fail(row: Instance, why: str, error: str) -> datetime:
    """Keep why it failed; return when to try again."""
    logger.warning("Cannot look for missed messages of %s: %s", row, error)
    failed = _row_of_search(row, why)
    failed.error, failed.failures = storable(error)[:500], failed.failures + 1
    failed.step_back()
    failed.save(update_fields=["error", "failures", "position"])
    wait = FIRST_RETRY * 2 ** min(failed.failures - 1, 10)
    return now() + min(wait, _interval())


class _Search:
    def __init__(self, row: MissedSearch, token: str) -> None:
        self.row, self.token = row, token
        self.name = row.instance.name
        self.newest: datetime | None = None  # of those that a webhook should tell of
        self.newest_found: datetime | None = None  # of those that none told of

    def read(self) -> bool:
        """Store what is missing; False where pages are left for another turn."""
        reader = Reader(self.name)
        for until, records in reader.spans(self.row.position, self.row.until):
            for record in self._unknown(records):
                self._store(record)
            self._advance(until, len(records))
            if reader.pages >= MOST_PAGES and not reader.is_at_end:
                return False
        return True

    def finish(self, is_complete: bool) -> None:
        """The search is over; the record up to it counts as stored."""
        row = self.row
        complete_until = row.until - OVERLAP
        with transaction.atomic():
            self._fence()
            row.finished_at, row.error = timezone.now(), ""
            row.save(update_fields=["finished_at", "error"])
            instance = Instance.objects.filter(pk=row.instance_id)
            if is_complete:
                instance.filter(complete_until=None).update(complete_until=row.since)
                instance.filter(complete_until__lt=complete_until).update(
                    complete_until=complete_until
                )
        _forget_old(row.instance_id)

    def _unknown(self, records: list[dict]) -> list[dict]:
        """Those that are not stored, or were deleted since."""
        ids = [text(dig(record, "key.id")) for record in records]
        # Asked for by their ids alone: an index has those of all instances together.
        rows = Message.objects.filter(whatsapp_id__in=ids).exclude(whatsapp_id="")
        found = rows.values_list("whatsapp_id", "conversation__instance")
        stored = {one for one, instance in found if instance == self.name}
        for record in records:
            self._remember_newest(record)
        return [
            record
            for record, whatsapp_id in zip(records, ids, strict=True)
            if whatsapp_id not in stored or dig(record, "key.deleted") is True
        ]

    def _remember_newest(self, record: dict) -> None:
        """What was sent through the API, no message of the phone's webhooks tells."""
        key = mapping(dig(record, "key"))
        if "addressingMode" in key or key.get("fromMe") is not True:
            self.newest = _later(self.newest, second_of(record))

    def _store(self, record: dict) -> None:
        is_read = webhook.take_in(self.name, record, self._count)
        if not is_read:
            self._update(unreadable=F("unreadable") + 1)

    def _count(self, stored: list[Message]) -> None:
        if not stored:
            return
        oldest = timedelta(minutes=AgentSettings.of(self.name).oldest_answered)
        too_old = [
            one
            for one in stored
            if one.is_inbound
            and one.outcome in ("", Message.Outcome.TOO_OLD)
            and timezone.now() - one.sent_at > oldest
        ]
        self._update(
            found=F("found") + len(stored), too_old=F("too_old") + len(too_old)
        )
        for one in stored:
            if one.is_inbound:
                self.newest_found = _later(self.newest_found, one.sent_at.timestamp())

    def _advance(self, until: datetime, seen: int) -> None:
        self.row.position = until
        with transaction.atomic():
            self._fence()
            self._update(position=self.row.position, seen=F("seen") + seen)

    def _fence(self) -> None:
        mine = Instance.objects.filter(pk=self.row.instance_id, search_token=self.token)
        if not mine.update(search_lease=_lease_end()):
            raise LeaseLost

    def _update(self, **fields: object) -> None:
        MissedSearch.objects.filter(pk=self.row.pk).update(**fields)


def _forget_old(instance_id: int) -> None:
    over = MissedSearch.objects.filter(instance=instance_id).exclude(finished_at=None)
    moment = timezone.now()
    over.filter(started_at__lt=moment - KEEP).delete()
    empty = over.filter(found=0, unreadable=0, why=Why.SCHEDULE)
    empty.filter(started_at__lt=moment - KEEP_EMPTY).delete()


def _later(known: datetime | None, seconds: float) -> datetime | None:
    """The later moment, of those that lie behind the time a webhook may take."""
    if not 0 < seconds < (timezone.now() - watchdog.GRACE).timestamp():
        return known
    moment = datetime.fromtimestamp(seconds, UTC)
    return moment if known is None else max(known, moment)
