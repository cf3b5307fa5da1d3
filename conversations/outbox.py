"""Send what is to be sent: in order, at most once, with the intent stored first.

A message is `queued`, then `sending` (committed before the first byte leaves), then
`sent`. Where the outcome is not known it is `unknown`, and stays so until the bridge's
own record says whether it left: found means sent, not found means that it is queued
again. It is never repeated blindly.
"""

import logging
import time
from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Max, QuerySet
from django.utils import timezone

from conversations import hot, whatsapp
from conversations.delivery import Status, confirm, drop, fail, set_status
from conversations.durability import durable
from conversations.logs import about
from conversations.mailbox import Lease, LeaseLost, backoff, fence, now
from conversations.media import sending
from conversations.media.fetching import carries_file
from conversations.models import AgentSettings, Conversation, Message
from conversations.obstacles import obstacle
from conversations.reconciling import READ_AGAIN_AFTER, new_attempt, reconcile
from conversations.whatsapp import BridgeError, Kind, MediaContent, Quote

logger = logging.getLogger(__name__)

MAX_ATTEMPTS = 20
# While as many files are being sent as memory may hold.
ROOM_AGAIN_AFTER = timedelta(seconds=2)
# The bridge itself failed over it; what stands before it, and is down, says otherwise.
ANSWERED_NO = (400, 500)
# A process that was frozen after it stored its intent must not send any more.
SEND_WITHIN = 1.0
# Seconds, for one message.
LONGEST_TYPING = 20


def flush(lease: Lease) -> datetime | None:
    """Send everything in order. Return when to look again, or None when all is settled."""
    while pk := hot.first(_UNSETTLED, lease.conversation_id):
        message = hot.messages("id = %s", pk)[0]
        message.conversation = hot.conversation(lease.conversation_id)
        step = _deliver if message.status == Status.QUEUED else reconcile
        with about(reply=message.pk, message=_asked_ids(message)):
            until = step(lease, message)
        if until:
            return until
    return None


_UNSETTLED = """
    SELECT id FROM conversations_message WHERE conversation_id = %s
    AND status IN ('queued', 'sending', 'unknown') ORDER BY id LIMIT 1"""


def _asked_ids(message: Message) -> str:
    """The keys of the messages that it answers, for the log."""
    if not message.decision_id:
        return ""
    sql = (
        "SELECT message_id AS id FROM llm_decision_messages"
        " WHERE decision_id = %s ORDER BY message_id"
    )
    return ",".join(
        str(one.pk) for one in hot.select(Message, sql, message.decision_id)
    )


def put(
    conversation: Conversation,
    parts: list[str],
    quoted: Message | None = None,
    mentioned: str = "",
    **fields,
) -> list[Message]:
    """Store the parts of one text, to be sent in this order.

    The first one quotes, and mentions the JID whose number it begins with.
    """
    moment = timezone.now()
    stored = []
    for part, text in enumerate(parts, 1):
        message = Message(
            conversation=conversation,
            direction=Message.Direction.OUT,
            text=text,
            part=part,
            sent_at=moment,
            quoted_id=quoted.whatsapp_id if quoted and part == 1 else "",
            quoted_text=quoted.text if quoted and part == 1 else "",
            mentions=[mentioned] if mentioned and part == 1 else [],
            **fields,
        )
        hot.insert(message)
        stored.append(message)
    return stored


def addressed(text: str, jid: str) -> str:
    """The text as WhatsApp wants it where it mentions somebody."""
    return f"@{jid.partition('@')[0]} {text}" if jid else text


# A queued message: intent, send, outcome


def _deliver(lease: Lease, message: Message) -> datetime | None:
    if message.attempts:
        again_at = message.attempted_at + backoff(message.attempts)
        if again_at > now():
            return again_at
    if message.attempts >= MAX_ATTEMPTS:
        with transaction.atomic():
            fence(lease)
            fail(
                message, f"Given up after {message.attempts} attempts: {message.error}"
            )
        return None
    if reason := obstacle(message):
        with transaction.atomic():
            fence(lease)
            drop(message, *reason)
        return None
    if until := _typed_until(message):
        return until
    with sending.lane(message) as is_free:
        return _try(lease, message) if is_free else now() + ROOM_AGAIN_AFTER


def _try(lease: Lease, message: Message) -> datetime | None:
    try:
        # Before the intent: what takes long here must not take long after it.
        content = sending.content(message) if carries_file(message) else None
    except sending.NotNow as error:
        set_status(message, Status.QUEUED, error=str(error))
        return now() + READ_AGAIN_AFTER
    except sending.Unsendable as error:
        with transaction.atomic():
            fence(lease)
            fail(message, str(error))
        return None
    message_id = message.whatsapp_id or _new_message_id(message)
    if not _store_intent(lease, message, message_id):
        return now() + backoff(message.attempts)
    return _send(message, message_id, content)


def _typed_until(message: Message) -> datetime | None:
    """When the agent would have typed it: nobody is kept waiting for that but its chat."""
    agent = AgentSettings.of(message.conversation.instance)
    is_typed = message.author == Message.Author.AGENT and message.kind == Kind.TEXT
    if not (agent.typing_speed and is_typed) or message.attempts or message.staff_id:
        return None
    seconds = min(len(message.text) / agent.typing_speed, LONGEST_TYPING)
    began = message.received_at
    if message.part > 1 and message.decision_id:
        earlier = message.conversation.messages.filter(
            decision=message.decision_id, part__lt=message.part
        )
        began = earlier.aggregate(at=Max("sent_at"))["at"] or began
    until = began + timedelta(seconds=seconds)
    if until <= now():
        return None
    if agent.show_typing:
        left = (until - now()).total_seconds()
        conversation = message.conversation
        whatsapp.provider().show_typing(conversation.instance, conversation.jid, left)
    return until


def _new_message_id(message: Message) -> str:
    if message.kind != Kind.TEXT:
        return ""  # the bridge takes none with those
    try:
        return whatsapp.provider().new_message_id(message.conversation.instance)
    except BridgeError:
        return ""


_INTEND = """
    UPDATE conversations_message SET status = 'sending', whatsapp_id = %s, attempt = %s,
    attempted_at = %s, sent_at = %s, attempts = attempts + 1
    WHERE id = %s AND status = 'queued'"""


def _store_intent(lease: Lease, message: Message, message_id: str) -> bool:
    """Commit that the message is about to leave; return whether it still may."""
    message.attempt = new_attempt()
    with durable(), transaction.atomic():
        fence(lease, last_message_at=now())
        # Only now: waiting for the others' transactions is no reason not to send.
        message.attempted_at, stored_at = now(), time.monotonic()
        if not hot.execute(
            _INTEND,
            message_id,
            message.attempt,
            message.attempted_at,
            message.attempted_at,
            message.pk,
        ):
            raise LeaseLost
    message.attempts += 1
    if lease.is_fresh and time.monotonic() - stored_at <= SEND_WITHIN:
        return True
    # It did not leave and will not, so the bridge need not be asked.
    _mine(message).update(status=Status.QUEUED, error="There was no time to send it")
    return False


def _mine(message: Message) -> QuerySet[Message]:
    """The message, as long as nobody else has taken it up."""
    return Message.objects.filter(
        pk=message.pk, attempt=message.attempt, status=Status.SENDING
    )


def _send(
    message: Message, message_id: str, content: MediaContent | None
) -> datetime | None:
    conversation = message.conversation
    try:
        sent_id = _hand_over(message, message_id, content)
    except BridgeError as error:
        return _not_sent(message, error)
    with transaction.atomic():
        if connection.features.has_select_for_update:
            # Its echo may be coming in at this moment: one of the two waits here.
            Conversation.objects.select_for_update().filter(pk=conversation.pk).first()
        confirm(message, sent_id)
    with about(whatsapp_id=sent_id, decision=message.decision_id):
        logger.info("Sent")
    return None


def _hand_over(message: Message, message_id: str, content: MediaContent | None) -> str:
    """Have the bridge send it, and return its WhatsApp id."""
    conversation, provider = message.conversation, whatsapp.provider()
    quote = _quote(message)
    if message.kind == Kind.REACTION:
        if quote is None:
            raise BridgeError("What it reacts to is gone.", kind="rejected")
        return provider.react(conversation.instance, quote, message.text)
    if content is not None:
        return provider.send_media(
            conversation.instance,
            conversation.jid,
            Kind(message.kind),
            content,
            message.text,
            quote,
        )
    return provider.send_message(
        conversation.instance,
        conversation.jid,
        message.text,
        quote=quote,
        message_id=message_id,
        mentions=message.mentions,
    )


# Saying in the index's own words that the id is not empty lets SQLite use it, here and
# below: it takes `<> ''` for something else.
_QUOTED = "conversation_id = %s AND whatsapp_id = %s AND NOT (whatsapp_id = '') LIMIT 1"


def _quote(message: Message) -> Quote | None:
    if not message.quoted_id:
        return None
    found = hot.messages(_QUOTED, message.conversation_id, message.quoted_id)
    if not found:
        return None
    asked = found[0]
    sender = asked.sender.address.jids[-1:] if asked.sender else []
    return Quote(
        asked.whatsapp_id, message.conversation.jid, "".join(sender), asked.text
    )


def _not_sent(message: Message, error: BridgeError) -> datetime | None:
    logger.warning("Message %s: %s", message.pk, error)
    mine = _mine(message)
    if error.unknown:
        if error.status in ANSWERED_NO and carries_file(message):
            sending.note_refusal(message)
        mine.update(status=Status.UNKNOWN, error=str(error)[:500])
        return message.attempted_at + timedelta(seconds=settings.RECONCILE_SECONDS)
    if error.retryable:
        mine.update(status=Status.QUEUED, error=str(error)[:500])
        return now() + backoff(message.attempts)
    with transaction.atomic():
        fail(message, str(error))
    return None
