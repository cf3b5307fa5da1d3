"""Edit or delete, for everybody in the chat, what was sent already.

To do it twice is harmless. So what has no known outcome is simply done again, and the
message is changed here once the bridge has said yes.
"""

from datetime import timedelta

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction
from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext as _

from conversations import mailbox, whatsapp
from conversations.models import Message, MessageChange
from conversations.whatsapp import BridgeError, Kind

State = MessageChange.State

# WhatsApp's own limits.
EDITED_WITHIN = timedelta(minutes=15)
DELETED_WITHIN = timedelta(hours=60)
MOST_ATTEMPTS = 10
# So long nobody else tries it: longer than any call to the bridge.
CLAIMED = timedelta(seconds=90)
SENT = (Message.Status.SENT, Message.Status.DELIVERED, Message.Status.READ)


def obstacle(message: Message, *, is_deletion: bool) -> str:
    """Why it cannot be changed, "" where it can."""
    if not is_own(message):
        return _("Only what was sent from here can be changed.")
    if message.deleted_at:
        return _("It is deleted already.")
    age = timezone.now() - message.sent_at
    if is_deletion:
        if age > DELETED_WITHIN:
            return _(
                "WhatsApp deletes nothing for everybody after two and a half days."
            )
        return ""
    if message.kind != Kind.TEXT:
        return _("Only texts can be edited.")
    if age > EDITED_WITHIN:
        return _("WhatsApp lets nobody edit a message after 15 minutes.")
    return ""


def is_own(message: Message) -> bool:
    by_us = message.author in (Message.Author.AGENT, Message.Author.STAFF)
    return by_us and message.status in SENT and bool(message.whatsapp_id)


@transaction.atomic
def ask(message: Message, staff: AbstractBaseUser, text: str = "") -> MessageChange:
    """Have it edited to the text, or deleted where there is none.

    Raises IntegrityError while an earlier change of it waits.
    """
    change = MessageChange.objects.create(
        message=message, staff=staff, text=text, is_deletion=not text
    )
    mailbox.enqueue("conversations.tasks.change_message", change.pk)
    return change


def due() -> list[int]:
    waiting = MessageChange.objects.filter(state=State.WAITING)
    return list(
        waiting.filter(due_at__lte=timezone.now()).values_list("pk", flat=True)[:100]
    )


def work(pk: int) -> None:
    """Carry a change out, if it is due and nobody else does."""
    moment = timezone.now()
    mine = MessageChange.objects.filter(
        pk=pk, state=State.WAITING, due_at__lte=moment
    ).update(due_at=moment + CLAIMED, attempts=F("attempts") + 1)
    if not mine:
        return
    change = MessageChange.objects.select_related("message__conversation").get(pk=pk)
    if _is_made(change):
        return _end(change, State.DONE)
    if why := obstacle(change.message, is_deletion=change.is_deletion):
        return _end(change, State.FAILED, why)
    if change.attempts > MOST_ATTEMPTS:
        return _end(change, State.FAILED, change.error or _("No try came to its end."))
    try:
        _tell_the_bridge(change)
    except BridgeError as error:
        return _not_done(change, error)
    with transaction.atomic():
        _change(change)
        _end(change, State.DONE)


def _is_made(change: MessageChange) -> bool:
    """Whether the bridge told of it already, whose answer to us was lost."""
    message = change.message
    if change.is_deletion:
        return message.deleted_at is not None
    return message.deleted_at is None and message.text == change.text


def _tell_the_bridge(change: MessageChange) -> None:
    message, conversation = change.message, change.message.conversation
    place = conversation.instance, conversation.jid, message.whatsapp_id
    provider = whatsapp.provider()
    if change.is_deletion:
        provider.delete_message(*place)
    else:
        provider.edit_message(*place, change.text)


def _change(change: MessageChange) -> None:
    own, moment = Message.objects.filter(pk=change.message_id), timezone.now()
    if change.is_deletion:
        own.filter(deleted_at=None).update(deleted_at=moment)
    else:
        own.filter(pruned_at=None).update(text=change.text, edited_at=moment)


def _not_done(change: MessageChange, error: BridgeError) -> None:
    may_work = error.retryable or error.unknown
    if not may_work or change.attempts >= MOST_ATTEMPTS:
        return _end(change, State.FAILED, str(error))
    wait = timedelta(seconds=min(60, 2.0**change.attempts))
    MessageChange.objects.filter(pk=change.pk).update(
        due_at=timezone.now() + wait, error=str(error)[:500]
    )


def _end(change: MessageChange, state: str, error: str = "") -> None:
    MessageChange.objects.filter(pk=change.pk).update(
        state=state, error=error[:500], text=""
    )
