"""The right to work on a conversation: leases, wake-ups, and whom to blame for a crash.

The database is the truth. A conversation has work when `due_at` has come; a wake-up
only says "look now" and may be lost, repeated or late. Whoever holds the lease works
alone; every transaction that follows begins with `fence`, so that a holder who was
frozen for too long can only lose.
"""

import logging
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Q, QuerySet
from django.utils import timezone
from django_q.conf import Conf
from django_q.models import OrmQ
from django_q.signing import SignedPackage
from django_q.tasks import async_task

from conversations import hot
from conversations.models import Conversation, Quarantine

logger = logging.getLogger(__name__)

# Claims in a row that achieved nothing, because the process died. A suspect runs
# while no other suspect does, so that the blame is exact; then it is given up.
SUSPECT_AFTER = 3
GUILTY_AFTER = 9
# A wake-up that brought nothing after so many seconds was lost.
WAKE_UP_TIMEOUT = timedelta(seconds=2)
# While more wake-ups wait than this, none was lost: the worker is behind, and further
# ones would only keep it from its work.
QUEUE_LIMIT = 20


class LeaseLost(Exception):
    """Somebody else works on the conversation now: stop, and touch nothing."""


@dataclass(eq=False)
class Lease:
    conversation_id: int
    token: str
    is_quarantined: bool = False
    renewed: float = field(default_factory=time.monotonic)

    @property
    def is_fresh(self) -> bool:
        return time.monotonic() - self.renewed < settings.LEASE_SECONDS * 0.8


def now() -> datetime:
    """One clock for every host: the database's. SQLite has one host by construction."""
    if connection.vendor == "sqlite":
        return timezone.now()
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        return cursor.fetchone()[0]


def backoff(attempts: int) -> timedelta:
    return timedelta(seconds=min(60, 0.5 * 2**attempts))


def lease_end() -> datetime:
    return now() + timedelta(seconds=settings.LEASE_SECONDS)


# Wake-ups


def enqueue(func: str, *args: int, at: datetime | None = None) -> None:
    """Queue a task with the transaction that is open; Redis gets it after the commit."""
    if not Conf.ORM:
        transaction.on_commit(lambda: async_task(func, *args), robust=True)
        return
    task_id = uuid.uuid4().hex
    task = {
        "id": task_id,
        "name": f"{func.rpartition('.')[2]}-{'-'.join(map(str, args))}",
        "func": func,
        "args": args,
        "kwargs": {},
        "started": timezone.now(),
        "ack_failure": True,
    }
    hot.insert(
        OrmQ(
            key=Conf.CLUSTER_NAME,
            payload=SignedPackage.dumps(task),
            lock=at or timezone.now(),
        )
    )


def wake(conversation_id: int, at: datetime) -> datetime | None:
    """Queue a wake-up; return the `wake_at` to store with it."""
    if not Conf.ORM and at > timezone.now():
        return None  # Redis has no delayed tasks: the dispatcher sends this one in time
    enqueue("conversations.tasks.process", conversation_id, at=at)
    return at


def make_due(conversation: Conversation, at: datetime) -> list[str]:
    """Make work due at the latest `at`; return the fields to save."""
    if conversation.due_at is not None and conversation.due_at <= at:
        return []
    conversation.due_at = at
    conversation.wake_at = wake(conversation.pk, at)
    return ["due_at", "wake_at"]


def ring(conversation_id: int) -> None:
    """There is work to do now."""
    with transaction.atomic():
        conversation = Conversation.objects.select_for_update().get(pk=conversation_id)
        if fields := make_due(conversation, timezone.now()):
            conversation.save(update_fields=fields)


def free_or_expired(moment: datetime) -> Q:
    return Q(lease_token="") | Q(lease_until__lt=moment)


def wake_due() -> int:
    """Wake what is due and was not woken, or whose wake-up was lost. Return how many."""
    moment = now()
    asleep = Q(wake_at=None) | Q(wake_at__lt=moment - WAKE_UP_TIMEOUT)
    due = Conversation.objects.filter(
        free_or_expired(moment), asleep, due_at__lte=moment
    ).order_by("due_at")
    ids = list(due.values_list("pk", flat=True)[:200])
    if ids and Conf.ORM and _waiting() > QUEUE_LIMIT:
        return 0
    for pk in ids:
        with transaction.atomic():
            if Conversation.objects.filter(asleep, pk=pk).update(wake_at=moment):
                enqueue("conversations.tasks.process", pk)
    return len(ids)


def _waiting() -> int:
    return OrmQ.objects.filter(lock__lte=timezone.now()).count()


# Leases


def claim(conversation_id: int, owner: str) -> Lease | None:
    """Take the lease if there is work due and nobody holds it."""
    lease = Lease(conversation_id, uuid.uuid4().hex)
    if _take(lease, owner, f"crashes < {SUSPECT_AFTER}"):
        return lease
    is_suspect = _waiting_suspects().filter(pk=conversation_id).exists()
    if not (is_suspect and _enter_quarantine(lease.token, owner)):
        return None
    if _take(lease, owner, f"crashes >= {SUSPECT_AFTER}"):
        lease.is_quarantined = True
        return lease
    _leave_quarantine(lease.token)
    return None


def _take(lease: Lease, owner: str, condition: str) -> bool:
    moment = now()
    return (
        hot.execute(
            "UPDATE conversations_conversation SET lease_token = %s, lease_until = %s,"
            " lease_owner = %s, crashes = crashes + 1"
            " WHERE id = %s AND due_at <= %s AND (lease_token = '' OR lease_until < %s)"
            f" AND {condition}",
            lease.token,
            lease_end(),
            owner,
            lease.conversation_id,
            moment,
            moment,
        )
        > 0
    )


def fence(lease: Lease, **values: int | datetime) -> None:
    """Begin a transaction of the holder: lock the row, or find that the lease is lost."""
    fenced_at = time.monotonic()  # the update may have to wait
    assignments = "".join(f", {column} = %s" for column in values)
    if not _update(
        lease, f"lease_until = %s{assignments}", lease_end(), *values.values()
    ):
        raise LeaseLost
    lease.renewed = fenced_at


def park(lease: Lease, until: datetime, **values: int) -> None:
    """Give the lease up and keep the work for later. A clean end is no crash."""
    with transaction.atomic():
        fence(lease, **values)
        wake_at = wake(lease.conversation_id, until)
        _update(
            lease,
            f"{_GIVEN_UP}, due_at = %s, wake_at = %s, crashes = crashes - 1",
            until,
            wake_at,
        )


def release(lease: Lease) -> bool:
    """Give the lease up if nothing is left to do; return whether it was."""
    with transaction.atomic():
        # In a statement of its own: PostgreSQL sees here what others stored while the
        # fence waited for them.
        fence(lease)
        return _update(lease, f"{_GIVEN_UP}, {_NOTHING_DUE}", where=_NOTHING_LEFT)


# Written by hand, since every message passes here several times and Django needs a
# millisecond to put such a statement together.
_GIVEN_UP = "lease_token = '', lease_until = NULL, lease_owner = ''"
_NOTHING_DUE = "due_at = NULL, wake_at = NULL, crashes = 0, errors = 0"
_NOTHING_LEFT = """
    AND NOT EXISTS (
        SELECT 1 FROM conversations_message m WHERE m.conversation_id = conversations_conversation.id
        AND m.direction = 'in' AND m.outcome = ''
    ) AND NOT EXISTS (
        SELECT 1 FROM conversations_message m WHERE m.conversation_id = conversations_conversation.id
        AND m.status IN ('queued', 'sending', 'unknown')
    )"""


def _update(
    lease: Lease, assignments: str, *values: int | datetime | None, where: str = ""
) -> bool:
    """Update the conversation if the lease still holds; return whether it did."""
    return (
        hot.execute(
            f"UPDATE conversations_conversation SET {assignments}"
            f" WHERE id = %s AND lease_token = %s{where}",
            *values,
            lease.conversation_id,
            lease.token,
        )
        > 0
    )


def free(owner: str) -> int:
    """Free every lease of a worker whose processes are all dead. Return how many.

    Those of suspects run on for a while, with no holder.
    """
    Quarantine.objects.filter(owner=owner).update(token="", until=None, owner="")
    held = Conversation.objects.filter(lease_owner=owner).exclude(lease_token="")
    for crashes in range(SUSPECT_AFTER, GUILTY_AFTER):
        seconds = settings.SUSPECT_SECONDS * 2 ** (crashes - SUSPECT_AFTER)
        held.filter(crashes=crashes).update(
            lease_until=now() + timedelta(seconds=seconds), lease_owner="", wake_at=None
        )
    return held.update(lease_token="", lease_until=None, lease_owner="", wake_at=None)


def _enter_quarantine(token: str, owner: str) -> bool:
    Quarantine.objects.get_or_create(pk=1)
    moment = now()
    vacant = Quarantine.objects.filter(Q(token="") | Q(until__lt=moment))
    return bool(vacant.update(token=token, until=lease_end(), owner=owner))


def _leave_quarantine(token: str) -> None:
    if Quarantine.objects.filter(token=token).update(token="", until=None, owner=""):
        _wake_next_suspect()


def _wake_next_suspect() -> None:
    """The next one has waited for this, and its last wake-up came too early."""
    waiting = _waiting_suspects().order_by("due_at").values_list("pk", flat=True)
    if (pk := waiting.first()) is not None:
        with transaction.atomic():
            enqueue("conversations.tasks.process", pk)


def _waiting_suspects() -> QuerySet[Conversation]:
    moment = now()
    return Conversation.objects.filter(
        free_or_expired(moment), due_at__lte=moment, crashes__gte=SUSPECT_AFTER
    )


# One heart per process keeps all its leases alive


class Heart(threading.Thread):
    def __init__(self) -> None:
        super().__init__(name="heart", daemon=True)
        self._held: dict[str, Lease] = {}
        self._lock = threading.Lock()

    def run(self) -> None:
        while True:
            time.sleep(settings.LEASE_SECONDS / 3)
            try:
                self._beat()
            except Exception:
                # The leases may run out meanwhile; then `fence` stops their holders.
                # Whatever it was, the heart beats on.
                logger.exception("Cannot renew leases")
            finally:
                connection.close()  # a connection for a query in ten seconds is too many

    def _beat(self) -> None:
        with self._lock:
            held = dict(self._held)
        if not held:
            return
        beat_at = time.monotonic()
        mine = Conversation.objects.filter(lease_token__in=held)
        mine.update(lease_until=lease_end())
        Quarantine.objects.filter(token__in=held).update(until=lease_end())
        for token in mine.values_list("lease_token", flat=True):
            held[token].renewed = beat_at

    @contextmanager
    def holding(self, lease: Lease) -> Iterator[None]:
        with self._lock:
            self._held[lease.token] = lease
        try:
            yield
        finally:
            with self._lock:
                del self._held[lease.token]
            if lease.is_quarantined:
                _leave_quarantine(lease.token)


_heart: Heart | None = None
_heart_lock = threading.Lock()


def holding(lease: Lease):
    """Keep the lease alive while the context lasts."""
    global _heart
    with _heart_lock:
        if _heart is None or not _heart.is_alive():
            _heart = Heart()
            _heart.start()
    return _heart.holding(lease)
