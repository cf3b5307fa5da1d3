"""What is not known to have left: the bridge's own record tells. Never repeat it blindly."""

import logging
import time
import uuid
from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection, transaction

from conversations import whatsapp
from conversations.delivery import Status, confirm, fail, set_status
from conversations.mailbox import Lease, backoff, fence, now
from conversations.media import sending
from conversations.media.fetching import carries_file
from conversations.models import Message
from conversations.whatsapp import BridgeError

logger = logging.getLogger(__name__)

# The bridge's clock is not ours, and ours may have been wrong when it was sent.
CLOCK_TOLERANCE = timedelta(minutes=10)
# The bridge uploads a file for as long as it takes, also when nobody waits any more.
UPLOADED_WITHIN = timedelta(minutes=5)
READ_AGAIN_AFTER = timedelta(seconds=30)


def reconcile(lease: Lease, message: Message) -> datetime | None:
    if message.status == Status.SENDING:
        set_status(message, Status.UNKNOWN, error="The sender died before it knew")
    if wait := _under_way_for(message):
        return now() + wait
    try:
        found = _find(message)
    except BridgeError as error:
        set_status(message, Status.UNKNOWN, error=f"Cannot look it up: {error}")
        return now() + backoff(message.attempts)
    if not found and _may_be_uploaded(message):
        return now() + READ_AGAIN_AFTER
    with transaction.atomic():
        fence(lease)
        if found:
            confirm(message, found)
        elif sending.is_refused(message):
            times = f"Given up after {sending.MOST_REFUSALS} times"
            fail(message, f"{times}: {message.error}; it did not leave")
        else:
            set_status(
                message, Status.QUEUED, error=f"{message.error}; it did not leave"
            )
    message.refresh_from_db()
    logger.info(
        "Message %s was %s", message.pk, "sent after all" if found else "not sent"
    )
    return None


def _under_way_for(message: Message) -> timedelta | None:
    """How long its request may still be under way, None once it cannot be."""
    wait = timedelta(seconds=settings.RECONCILE_SECONDS) - _passed(message)
    return wait if wait > timedelta() else None


def _may_be_uploaded(message: Message) -> bool:
    return carries_file(message) and _passed(message) < UPLOADED_WITHIN


def _passed(message: Message) -> timedelta:
    """The time since the attempt."""
    passed = now() - message.attempted_at
    started, _, _ = message.attempt.partition("-")
    if connection.vendor == "sqlite" and started.isdigit():
        # The wall clock of this host may have jumped; its steady one has not. It only
        # starts anew with the host.
        steady = timedelta(seconds=time.monotonic() - int(started))
        passed = min(passed, steady) if steady >= timedelta() else passed
    return passed


def new_attempt() -> str:
    """A token that begins with the host's steady clock."""
    return f"{int(time.monotonic())}-{uuid.uuid4().hex}"[:32]


def _find(message: Message) -> str:
    """The WhatsApp id under which the bridge recorded this message as sent, or ""."""
    conversation = message.conversation
    records = whatsapp.provider().find_sent(
        conversation.instance,
        conversation.jids,
        since=message.attempted_at - CLOCK_TOLERANCE,
        until=now() + CLOCK_TOLERANCE,
    )
    ids = [
        record.whatsapp_id
        for record in records
        if record.whatsapp_id == message.whatsapp_id or sending.is_same(message, record)
    ]
    if message.whatsapp_id in ids:
        return message.whatsapp_id
    taken = set(
        conversation.messages.with_whatsapp_ids(ids)
        .exclude(pk=message.pk)
        .values_list("whatsapp_id", flat=True)
    )
    return next((id_ for id_ in reversed(ids) if id_ not in taken), "")
