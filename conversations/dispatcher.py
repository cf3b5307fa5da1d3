"""Wakes what is due: what was parked, what was forgotten, what a dead worker left."""

import logging
import threading
import time
from datetime import timedelta

from django.conf import settings
from django.db import DatabaseError, close_old_connections, connections
from django.utils import timezone
from django_q.conf import Conf

from conversations import changes, forgetting, mailbox, whatsapp
from conversations.models import Conversation, Worker
from llm.lab import replay

logger = logging.getLogger(__name__)

EVERY = 0.05  # seconds
SIGN_OF_LIFE_EVERY = 5
# A task that was not taken up for so long was lost.
LOOK_AFTER_AGAIN = 15
# Work that is due for so long, while threads are free, is not taken up any more.
STUCK_AFTER = timedelta(seconds=45)


class Dispatcher(threading.Thread):
    def __init__(self, slot: str) -> None:
        super().__init__(name="dispatcher", daemon=True)
        self._slot = slot
        self._looked_at = time.monotonic()
        self._starving = 0
        self._waiting: set[tuple] = set()
        self._neglected: dict[tuple[str, int], float] = {}

    @property
    def is_stuck(self) -> bool:
        """Whether this thread hangs, or work starves although threads are free."""
        return time.monotonic() - self._looked_at > 60 or self._starving >= 3

    def run(self) -> None:
        started_at = timezone.now()
        next_sign = 0.0
        has_looked_back = False
        while True:
            try:
                if time.monotonic() >= next_sign:
                    next_sign = time.monotonic() + SIGN_OF_LIFE_EVERY
                    close_old_connections()
                    self._sign(started_at)
                    if not has_looked_back:
                        whatsapp.provider().look_back()
                        has_looked_back = True
                    self._look_after()
                mailbox.wake_due()
            except DatabaseError:
                logger.exception("The dispatcher cannot reach the database")
                connections.close_all()
                time.sleep(1)
            self._looked_at = time.monotonic()
            time.sleep(EVERY)

    def _sign(self, started_at) -> None:
        Worker.objects.update_or_create(
            slot=self._slot,
            defaults={"started_at": started_at, "seen_at": timezone.now()},
        )
        self._starving = self._starving + 1 if self._is_starving() else 0

    def _look_after(self) -> None:
        """Work that waits for no message: the bridge's record, replays, changes."""
        now = time.monotonic()
        before, self._neglected = self._neglected, {}
        for task in [
            *(("look_after", pk) for pk in whatsapp.provider().neglected()),
            *(("replay", pk) for pk in replay.due()),
            *(("change_message", pk) for pk in changes.due()),
            *(("forget", pk) for pk in forgetting.due()),
        ]:
            # It stays neglected until a thread takes it up.
            asked_at = before.get(task)
            if asked_at is None or now - asked_at >= LOOK_AFTER_AGAIN:
                asked_at = now
                name, pk = task
                mailbox.enqueue(f"conversations.tasks.{name}", pk)
            self._neglected[task] = asked_at

    def _is_starving(self) -> bool:
        moment = mailbox.now()
        overdue = Conversation.objects.filter(
            mailbox.free_or_expired(moment),
            due_at__lt=moment - STUCK_AFTER,
            crashes__lt=mailbox.SUSPECT_AFTER,  # suspects wait for one another
        ).order_by("due_at")
        before = self._waiting
        self._waiting = set(overdue.values_list("pk", "due_at")[:200])
        # A backlog that is being worked off, however slowly, is no reason to start anew.
        if not before or before - self._waiting:
            return False
        busy = Conversation.objects.filter(
            lease_owner=self._slot, lease_until__gt=moment
        )
        # Some threads may be about other things, or just be taking a lease.
        return 2 * busy.count() < Conf.WORKERS * settings.WORKER_THREADS


def start(slot: str) -> Dispatcher:
    dispatcher = Dispatcher(slot)
    dispatcher.start()
    return dispatcher
