"""Send what is to be sent: in order, at most once, with the intent stored first.

A message is `queued`, then `sending` (committed before the first byte leaves), then
`sent`. Where the outcome is not known it is `unknown`, and stays so until the bridge's
own record says whether it left: found means sent, not found means that it is queued
again. It is never repeated blindly.
"""

import logging
import time
import uuid
from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Max, QuerySet
from django.utils import timezone

from conversations import gates, hot, whatsapp
from conversations.durability import durable
from conversations.logs import about
from conversations.mailbox import Lease, LeaseLost, fence, now
from conversations.media import sending
from conversations.media.fetching import carries_file
from conversations.models import AgentSettings, Conversation, Message, Mode
from conversations.whatsapp import BridgeError, Kind, MediaContent, Quote

logger = logging.getLogger(__name__)

Status = Message.Status
Outcome = Message.Outcome

MAX_ATTEMPTS = 20
# A process that was frozen after it stored its intent must not send any more.
SEND_WITHIN = 1.0
# Seconds, for one message.
LONGEST_TYPING = 20
# The bridge's clock is not ours, and ours may have been wrong when it was sent.
CLOCK_TOLERANCE = timedelta(minutes=10)
# The bridge uploads a file for as long as it takes, also when nobody waits any more.
UPLOADED_WITHIN = timedelta(minutes=5)
READ_AGAIN_AFTER = timedelta(seconds=30)


def flush(lease: Lease) -> datetime | None:
    """Send everything in order. Return when to look again, or None when all is settled."""
    while pk := hot.first(_UNSETTLED, lease.conversation_id):
        message = hot.messages("id = %s", pk)[0]
        message.conversation = hot.conversation(lease.conversation_id)
        step = _deliver if message.status == Status.QUEUED else _reconcile
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


# An unknown outcome: ask the bridge's record


def _reconcile(lease: Lease, message: Message) -> datetime | None:
    if message.status == Status.SENDING:
        _set(message, Status.UNKNOWN, error="The sender died before it knew")
    if wait := _under_way_for(message):
        return now() + wait
    try:
        found = _find(message)
    except BridgeError as error:
        _set(message, Status.UNKNOWN, error=f"Cannot look it up: {error}")
        return now() + _backoff(message.attempts)
    if not found and _may_be_uploaded(message):
        _set(message, Status.UNKNOWN, error="Its file may still be on its way")
        return now() + READ_AGAIN_AFTER
    with transaction.atomic():
        fence(lease)
        if found:
            confirm(message, found)
        else:
            _set(message, Status.QUEUED, error=f"{message.error}; it did not leave")
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


def _new_attempt() -> str:
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
        if record.whatsapp_id == message.whatsapp_id
        or sending.is_same(message, record.kind, record.text, record.media)
    ]
    if message.whatsapp_id in ids:
        return message.whatsapp_id
    taken = set(
        conversation.messages.with_whatsapp_ids(ids)
        .exclude(pk=message.pk)
        .values_list("whatsapp_id", flat=True)
    )
    return next((id_ for id_ in reversed(ids) if id_ not in taken), "")


# A queued message: intent, send, outcome


def _deliver(lease: Lease, message: Message) -> datetime | None:
    if message.attempts:
        again_at = message.attempted_at + _backoff(message.attempts)
        if again_at > now():
            return again_at
    if message.attempts >= MAX_ATTEMPTS:
        with transaction.atomic():
            fence(lease)
            fail(
                message, f"Given up after {message.attempts} attempts: {message.error}"
            )
        return None
    if obstacle := _obstacle(message):
        with transaction.atomic():
            fence(lease)
            _drop(message, *obstacle)
        return None
    if until := _typed_until(message):
        return until
    try:
        # Before the intent: what takes long here must not take long after it.
        content = sending.content(message) if carries_file(message) else None
    except sending.NotNow as error:
        _set(message, Status.QUEUED, error=str(error))
        return now() + READ_AGAIN_AFTER
    except sending.Unsendable as error:
        with transaction.atomic():
            fence(lease)
            fail(message, str(error))
        return None
    message_id = message.whatsapp_id or _new_message_id(message)
    if not _store_intent(lease, message, message_id):
        return now() + _backoff(message.attempts)
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
    message.attempt = _new_attempt()
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
        mine.update(status=Status.UNKNOWN, error=str(error)[:500])
        return message.attempted_at + timedelta(seconds=settings.RECONCILE_SECONDS)
    if error.retryable:
        mine.update(status=Status.QUEUED, error=str(error)[:500])
        return now() + _backoff(message.attempts)
    with transaction.atomic():
        fail(message, str(error))
    return None


def _backoff(attempts: int) -> timedelta:
    return timedelta(seconds=min(60, 0.5 * 2**attempts))


# What became of it. No fence: these are facts about the world.

_ECHO = """
    SELECT id FROM conversations_message
    WHERE conversation_id = %s AND whatsapp_id = %s AND NOT (whatsapp_id = '')
    AND id <> %s LIMIT 1"""
_CONFIRM_RECEIPT = """
    UPDATE conversations_message SET status = %s, whatsapp_id = %s, error = ''
    WHERE id = %s"""
_CONFIRM = f"{_CONFIRM_RECEIPT} AND status NOT IN ('delivered', 'read')"
_OTHER_PART = """
    SELECT id FROM conversations_message WHERE conversation_id = %s
    AND status IN ('queued', 'sending', 'unknown') AND decision_id = %s LIMIT 1"""
_ANSWERED = """
    UPDATE conversations_message SET outcome = 'replied'
    WHERE direction = 'in' AND outcome IN ('replying', 'send_failed')
    AND id IN (SELECT message_id FROM llm_decision_messages WHERE decision_id = %s)"""


def confirm(message: Message, whatsapp_id: str, status: str = Status.SENT) -> None:
    """It left: by the bridge's answer, its echo, its record, or a receipt."""
    if message.status in (Status.DELIVERED, Status.READ) and status == Status.SENT:
        return
    if echo := hot.first(_ECHO, message.conversation_id, whatsapp_id, message.pk):
        Message.objects.filter(pk=echo).delete()
    hot.execute(
        _CONFIRM if status == Status.SENT else _CONFIRM_RECEIPT,
        status,
        whatsapp_id,
        message.pk,
    )
    _settle(message)


def fail(message: Message, error: str) -> None:
    """It cannot be sent: so neither can what was to follow it."""
    _set(message, Status.FAILED, error=error)
    _drop_rest(message, "An earlier part failed")
    _end(message, Outcome.SEND_FAILED, error)


def _drop(message: Message, outcome: str, reason: str) -> None:
    _set(message, Status.DROPPED, error=reason)
    _drop_rest(message, reason)
    _end(message, outcome, reason)


def _set(message: Message, status: str, error: str = "") -> None:
    message.status, message.error = status, error[:500]
    message.save(update_fields=["status", "error"])


def _drop_rest(message: Message, reason: str) -> None:
    if message.decision_id:
        rest = message.conversation.messages.filter(
            decision_id=message.decision_id, status=Status.QUEUED
        )
        rest.exclude(pk=message.pk).update(status=Status.DROPPED, error=reason[:500])


def _settle(message: Message) -> None:
    """The question is answered once the last part of its reply has left."""
    decision_id = message.decision_id
    if decision_id and not hot.first(_OTHER_PART, message.conversation_id, decision_id):
        # Why it was answered stays as it was decided.
        hot.execute(_ANSWERED, decision_id)


def _end(message: Message, outcome: str, reason: str) -> None:
    """The outcome of the question that gets no reply after all."""
    if message.decision_id:
        asked = Message.objects.filter(decisions=message.decision_id, direction="in")
        # What was obeyed, or not understood, stays so whatever became of saying it.
        asked.exclude(outcome__in=[Outcome.COMMAND, Outcome.NOT_HEARD]).update(
            outcome=outcome, reason=reason[:300]
        )


# Just before sending: is the reply still wanted?


def _obstacle(message: Message) -> tuple[str, str] | None:
    """Why a reply of the agent must not be sent any more, as outcome and reason."""
    conversation = message.conversation
    agent = AgentSettings.of(conversation.instance)
    if message.author == Message.Author.COMMAND and not message.staff_id:
        is_late = message.received_at < agent.oldest_answered_at
        return _too_late(message) if is_late else None
    if message.author != Message.Author.AGENT or message.staff_id:
        return None  # a person wrote or approved it
    if silence := gates.stood_back(agent, conversation):
        return silence
    if silence := gates.quiet(agent, conversation, is_addressed=True):
        return silence
    if conversation.mode != Mode.LIVE:
        return Outcome.PAUSED, f"In {conversation.mode} mode nothing is sent unapproved"
    if message.received_at < agent.oldest_answered_at:
        return _too_late(message)
    if message.decision_id:
        return _overtaken(message)
    return None


def _too_late(message: Message) -> tuple[str, str]:
    if message.attempts:
        return Outcome.SEND_FAILED, f"Not sent in time: {message.error}"
    return Outcome.TOO_OLD, "The reply could not be sent in time"


_ASKED = """
    direction = 'in'
    AND id IN (SELECT message_id FROM llm_decision_messages WHERE decision_id = %s)"""


def _overtaken(message: Message) -> tuple[str, str] | None:
    asked = hot.messages(_ASKED, message.decision_id)
    if asked and all(question.deleted_at for question in asked):
        return Outcome.FILTERED, "Deleted before the answer"
    if message.part > 1:
        return None  # what was begun is said to its end
    if any(one.edited_at and one.edited_at > message.received_at for one in asked):
        return Outcome.PENDING, "Edited before the answer: judged anew"
    prompt = hot.first(
        "SELECT kind FROM llm_decision WHERE id = %s", message.decision_id
    )
    if prompt != gates.UNPROMPTED:
        return None
    agent = AgentSettings.of(message.conversation.instance)
    if silence := gates.quiet(agent, message.conversation, is_addressed=False):
        return silence
    answers = message.conversation.messages.inbound().filter(
        quoted_id__in=[
            question.whatsapp_id for question in asked if question.whatsapp_id
        ],
        received_at__gte=min(question.received_at for question in asked),
        # Nothing quotes what comes later: the index spares looking at all before it.
        sent_at__gte=min(question.sent_at for question in asked),
    )
    if answers.exclude(sender__in={question.sender_id for question in asked}).exists():
        return Outcome.ANSWERED, "Somebody else answered meanwhile"
    return None
