"""Store what the bridge reports, once, and mark the conversation due.

Everything here runs inside the caller's transaction: what was answered 200 is committed.
"""

from datetime import datetime, timedelta

from django.db.models import Case, F, Max, Q, When
from django.utils import timezone

from conversations import contacts, delivery, hot
from conversations.mailbox import enqueue, make_due
from conversations.media.fetching import CARRIERS
from conversations.media.sending import is_same
from conversations.models import AgentSettings, Contact, Conversation, Message
from conversations.whatsapp import (
    AddressesLearned,
    Event,
    IncomingMessage,
    Kind,
    MessageDeleted,
    MessageEdited,
    Origin,
    StatusUpdate,
)

# Context for the next answer, but never a call to answer.
NEVER_ANSWERED = {
    Kind.REACTION: "A reaction",
    Kind.STICKER: "A sticker",
    Kind.POLL_VOTE: "A vote",
    Kind.PIN: "A pinned message",
    Kind.HIDDEN: "Shown on the phone only",
    Kind.UNKNOWN: "Nothing readable in it",
}
# How far WhatsApp's clock may be ahead of ours.
AHEAD = timedelta(minutes=5)
# The bridge repeats a delivery for some twenty minutes, whatever it told of since.
REPEATED_FOR = timedelta(minutes=30)
TICK = timedelta(microseconds=1)
# A receipt only ever moves a message up this ladder.
BELOW = {
    Message.Status.SENT: ["sending", "unknown"],
    Message.Status.DELIVERED: ["sending", "unknown", "sent"],
    Message.Status.READ: ["sending", "unknown", "sent", "delivered"],
    Message.Status.FAILED: ["sending", "unknown", "sent"],
}


class TooEarly(Exception):
    """The event is about a message that is not known yet: deliver it again later."""


def receive(events: list[Event]) -> list[Message]:
    """Return the messages that were not there before."""
    stored = []
    for event in events:
        match event:
            case IncomingMessage():
                if message := receive_message(event):
                    stored.append(message)
            case StatusUpdate():
                update_status(event)
            case MessageEdited():
                _edit(event)
            case MessageDeleted():
                _require(_same(event).first(), event)
                _same(event).filter(deleted_at=None).update(deleted_at=timezone.now())
            case AddressesLearned():
                contacts.resolve(event.address, event.name)
    return stored


def receive_message(event: IncomingMessage) -> Message | None:
    """Store a message, or return None if it is already there."""
    sender = contacts.resolve(event.sender, event.sender_name)
    conversation = _conversation(event, sender)
    if event.from_me:
        if _is_known(event, conversation):
            return None
        if ours := _sent_by_us(event, conversation):
            delivery.confirm(ours, event.whatsapp_id)
            return None
        return _store_own(event, conversation)
    return _store_inbound(event, conversation, sender)


def _is_known(event: IncomingMessage, conversation: Conversation) -> bool:
    """Whether the message is already there. If it is one of ours, then it was sent."""
    stored = conversation.messages.exclude(whatsapp_id="")
    known = stored.filter(whatsapp_id=event.whatsapp_id).first()
    if known and known.status in Message.UNSETTLED:
        delivery.confirm(known, event.whatsapp_id)
    return known is not None


def _conversation(event: IncomingMessage, sender: Contact | None) -> Conversation:
    """The conversation, locked: messages are stored one after the other."""
    if event.group_jid:
        found = hot.group(event.instance, event.group_jid)
        group = found or _start(event, event.group_jid)
        if not group.name:
            enqueue("conversations.tasks.learn_group", group.pk)
        return group
    contact = sender
    if event.chat != event.sender:
        name = "" if event.from_me else event.sender_name
        contact = contacts.resolve(event.chat, name)
    found = hot.direct(event.instance, contact)
    return found or _start(event, contact.phone_jid or contact.lid, contact)


def _start(event: IncomingMessage, jid: str, contact=None) -> Conversation:
    agent = AgentSettings.of(event.instance)
    mode = agent.new_group_mode if event.group_jid else agent.new_direct_mode
    conversation = Conversation.objects.get_or_create(
        instance=event.instance,
        jid=jid,
        defaults={"is_group": bool(event.group_jid), "contact": contact, "mode": mode},
    )[0]
    if contact and conversation.contact_id != contact.pk:
        conversation.contact = contact
        conversation.save(update_fields=["contact"])
    return conversation


def _message(event: IncomingMessage, conversation: Conversation, **fields) -> Message:
    """The message, not yet stored."""
    now = timezone.now()
    # Our clock may be behind, and WhatsApp's order is to stay. But what comes from
    # further ahead would stay the last message for long.
    sent_at = min(event.sent_at, now + AHEAD)
    return Message(
        conversation=conversation,
        whatsapp_id=event.whatsapp_id,
        kind=event.kind.value,
        text=event.text,
        media=event.media,
        quoted_id=event.quoted_id,
        quoted_sender=event.quoted_sender,
        quoted_text=event.quoted_text,
        mentions=list(event.mentions),
        sent_at=sent_at,
        received_at=now,
        **fields,
    )


def _store_inbound(
    event: IncomingMessage, conversation: Conversation, sender
) -> Message | None:
    outcome, reason = _settled_at_once(event)
    message = _message(
        event,
        conversation,
        direction="in",
        sender=sender,
        outcome=outcome,
        reason=reason,
    )
    if not hot.insert(message):
        _is_known(event, conversation)
        return None
    fields = _seen(conversation, message)
    if not outcome:
        fields += make_due(conversation, _expected_end(event, message.received_at))
    _save(conversation, fields)
    return message


def _settled_at_once(event: IncomingMessage) -> tuple[str, str]:
    if event.origin == Origin.HISTORY:
        return Message.Outcome.TOO_OLD, "From before the phone was linked"
    if event.kind in NEVER_ANSWERED:
        return Message.Outcome.FILTERED, NEVER_ANSWERED[event.kind]
    if event.kind == Kind.TEXT and not event.text.strip():
        return Message.Outcome.FILTERED, "An empty message"
    return Message.Outcome.PENDING, ""


def _expected_end(event: IncomingMessage, received_at: datetime) -> datetime:
    """When the burst may be over. Only a hint: the pipeline looks again."""
    agent = AgentSettings.of(event.instance)
    may_be_addressed = event.mentions or event.quoted_id
    wait = agent.group_wait
    if not event.group_jid or may_be_addressed:
        wait = min(agent.direct_wait, wait)
    return received_at + timedelta(seconds=min(wait, agent.longest_wait))


def _sent_by_us(event: IncomingMessage, conversation: Conversation) -> Message | None:
    """The outbound message that this one is the echo of.

    It may come before our own send returned, and long after we gave up on it; what is
    under way comes first. A file without words from the phone would pass for any of
    ours: of files only what came through the bridge's API counts.
    """
    if event.kind in CARRIERS and event.origin == Origin.PHONE:
        return None
    is_under_way = Q(status__in=["sending", "unknown"])
    found = conversation.messages.filter(
        direction="out",
        whatsapp_id="",
        kind=event.kind.value,
        text=event.text,
        status__in=["sending", "unknown", "queued", "failed", "dropped"],
        attempted_at__gte=timezone.now() - timedelta(days=1),
    ).order_by(Case(When(is_under_way, then=0), default=1), "id")
    return next((one for one in found if is_same(one, event)), None)


def _store_own(event: IncomingMessage, conversation: Conversation) -> Message:
    """A message that we did not send: a person steps in."""
    message = _message(
        event, conversation, direction="out", author="phone", status="sent"
    )
    hot.insert(message)
    fields = _seen(conversation, message)
    # Another program on the same bridge, and a reaction, do not take over.
    if event.origin == Origin.PHONE and event.kind != Kind.REACTION:
        fields += take_over(conversation, message.sent_at)
    _save(conversation, fields)
    return message


def take_over(conversation: Conversation, at: datetime) -> list[str]:
    """Stand back from `at` on for the set time; return the fields to save."""
    agent = AgentSettings.of(conversation.instance)
    until = at + timedelta(minutes=agent.takeover_minutes)
    if until <= max(
        timezone.now(), conversation.taken_over_until or until - timedelta(1)
    ):
        return []
    conversation.taken_over_until = until
    return ["taken_over_until"]


def _seen(conversation: Conversation, message: Message) -> list[str]:
    at = min(message.sent_at, message.received_at)
    if conversation.last_message_at and conversation.last_message_at >= at:
        return []
    conversation.last_message_at = at
    return ["last_message_at"]


def _save(conversation: Conversation, fields: list[str]) -> None:
    if fields:
        hot.save(conversation, fields)


def update_status(event: StatusUpdate) -> None:
    message = _same(event).filter(direction="out").first()
    if message is None:
        _refuse_if_just_being_sent(event)
    elif message.status in BELOW[event.status]:
        if event.status == Message.Status.FAILED:
            delivery.fail(message, "WhatsApp refused the message")
        else:
            delivery.confirm(message, event.whatsapp_id, event.status)


def _refuse_if_just_being_sent(event: StatusUpdate) -> None:
    """WhatsApp's refusal can overtake the answer that tells us the message's id."""
    nameless = Message.objects.filter(
        conversation__instance=event.instance, status="sending", whatsapp_id=""
    )
    if event.status == Message.Status.FAILED and nameless.exists():
        raise TooEarly(f"Message {event.whatsapp_id} is still being sent.")


def _same(event: StatusUpdate | MessageEdited | MessageDeleted):
    # The index has only those with an id.
    named = Message.objects.exclude(whatsapp_id="")
    return named.filter(
        whatsapp_id=event.whatsapp_id, conversation__instance=event.instance
    )


def _edit(event: MessageEdited) -> None:
    message = _same(event).select_for_update(of=("self",)).first()
    _require(message, event)
    # A text that was deleted after its time does not come back.
    kept = Message.objects.filter(pk=message.pk, pruned_at=None)
    if told_at := event.told_at:
        # An earlier one that comes late. What lies further behind does so because the
        # bridge's clock was set to winter time.
        within = (told_at, told_at + REPEATED_FOR)
        kept = kept.exclude(edit_told_at__gt=told_at, edit_told_at__range=within)
    # One that comes again changes nothing.
    kept.update(
        edited_at=Case(
            When(text=event.text, then=F("edited_at")), default=_now(message)
        ),
        text=event.text,
        edit_told_at=told_at,
    )


def _now(asked: Message) -> datetime:
    """Later than any answer that was written, whatever became of the clock since."""
    answers = Message.objects.outbox().filter(decision__messages=asked)
    written = answers.order_by().aggregate(at=Max("received_at"))["at"]
    return max(filter(None, [timezone.now(), written and written + TICK]))


def _require(message: Message | None, event: MessageEdited | MessageDeleted) -> None:
    """A change can overtake its message, whose delivery failed at first."""
    if message is None:
        raise TooEarly(f"Message {event.whatsapp_id} is not here yet.")
