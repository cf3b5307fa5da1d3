"""What staff can do. A person always wins: the agent stands back where one acts."""

from datetime import datetime

from django.contrib.auth.models import AbstractBaseUser
from django.db import IntegrityError, transaction
from django.utils import timezone

from conversations import cases, changes, intake, mailbox, outbox
from conversations.media import sending
from conversations.media.fetching import carries_file, forgive
from conversations.models import FOREVER, AgentSettings, Conversation, Message
from conversations.splitting import split
from conversations.whatsapp import MediaContent
from llm.models import Label

Status = Message.Status
Outcome = Message.Outcome


class NotPossible(Exception):
    """What was asked for does not fit the state that things are in by now."""


@transaction.atomic
def reply(
    conversation: Conversation, text: str, staff: AbstractBaseUser
) -> list[Message]:
    """Send a text by hand, and stand back."""
    parts = split(text)
    if not parts:
        raise NotPossible("There is nothing to send.")
    return _put(conversation, parts, staff)


def send_file(
    conversation: Conversation,
    given: MediaContent,
    caption: str,
    staff: AbstractBaseUser,
) -> Message:
    """Send a file by hand, and stand back."""
    caption = caption.strip()
    try:
        file = sending.hold(AgentSettings.of(conversation.instance), given, caption)
    except sending.Unsendable as error:
        raise NotPossible(str(error)) from error
    kind, told = sending.kind_of(file, caption), sending.told(file)
    with transaction.atomic():
        [file.message] = _put(conversation, [caption], staff, kind=kind, media=told)
        file.save()
    return file.message


def _put(
    conversation: Conversation, parts: list[str], staff: AbstractBaseUser, **fields
) -> list[Message]:
    conversation = _lock(conversation)
    stored = outbox.put(
        conversation,
        parts,
        author=Message.Author.STAFF,
        status=Status.QUEUED,
        staff=staff,
        **fields,
    )
    changed = intake.take_over(conversation, timezone.now())
    changed += mailbox.make_due(conversation, timezone.now())
    if changed:
        conversation.save(update_fields=changed)
    return stored


@transaction.atomic
def pause(conversation: Conversation, until: datetime = FOREVER) -> None:
    Conversation.objects.filter(pk=conversation.pk).update(paused_until=until)


@transaction.atomic
def resume(conversation: Conversation) -> None:
    """End a pause, a take-over and a silence asked for: the agent may speak again."""
    Conversation.objects.filter(pk=conversation.pk).update(
        paused_until=None, taken_over_until=None, quiet_until=None
    )


@transaction.atomic
def approve(draft: Message, staff: AbstractBaseUser, text: str | None = None) -> None:
    """Send a draft with all its parts, or the edited text in its place."""
    parts = _parts(draft)
    if text is not None and not text.strip():
        raise NotPossible("There is nothing to send.")
    cases.note_draft(draft, staff, Label.Verdict.WANTED)
    if text is None or text == whole_text(draft):
        parts.update(status=Status.QUEUED, staff=staff, received_at=timezone.now())
    else:
        parts.delete()
        outbox.put(
            draft.conversation,
            split(text),
            author=Message.Author.AGENT,
            status=Status.QUEUED,
            staff=staff,
            decision_id=draft.decision_id,
            quoted=_quoted(draft),
            mentioned=next(iter(draft.mentions), ""),
        )
    _asked(draft).update(outcome=Outcome.REPLYING, reason=f"Approved by {staff}"[:300])
    mailbox.ring(draft.conversation_id)


@transaction.atomic
def discard(draft: Message, staff: AbstractBaseUser) -> None:
    parts = _parts(draft)
    cases.note_draft(draft, staff, Label.Verdict.UNWANTED)
    parts.update(status=Status.DROPPED, error=f"Discarded by {staff}"[:500])
    _asked(draft).update(
        outcome=Outcome.DISCARDED, reason=f"Discarded by {staff}"[:300]
    )


def whole_text(draft: Message) -> str:
    return "\n\n".join(_parts(draft).values_list("text", flat=True))


@transaction.atomic
def send_again(message: Message, staff: AbstractBaseUser) -> None:
    """Try a failed message once more, and the parts that were to follow it."""
    if message.status != Status.FAILED:
        raise NotPossible("Only a failed message can be sent again.")
    if message.pruned_at:
        raise NotPossible("Its text has been deleted.")
    again = Message.objects.filter(pk=message.pk)
    if message.decision_id:
        again = message.conversation.messages.filter(
            decision_id=message.decision_id, status__in=[Status.FAILED, Status.DROPPED]
        )
    sending.forgive(again)
    # A new id: WhatsApp refused the old one, or never saw it.
    again.update(
        status=Status.QUEUED, staff=staff, attempts=0, whatsapp_id="", error=""
    )
    _asked(message).update(
        outcome=Outcome.REPLYING, reason=f"Sent again by {staff}"[:300]
    )
    mailbox.ring(message.conversation_id)


@transaction.atomic
def drop(message: Message, staff: AbstractBaseUser) -> None:
    """Give up a message that has not left."""
    queued = Message.objects.filter(
        pk=message.pk, status__in=[Status.QUEUED, Status.UNKNOWN]
    )
    if not queued.update(status=Status.DROPPED, error=f"Dropped by {staff}"[:500]):
        raise NotPossible("It is not waiting to be sent.")
    _asked(message).update(
        outcome=Outcome.SEND_FAILED, reason=f"Dropped by {staff}"[:300]
    )
    mailbox.ring(message.conversation_id)


@transaction.atomic
def judge_again(message: Message) -> None:
    """Give a message that ended in silence or failure a second chance."""
    silent = Message.objects.filter(pk=message.pk, direction="in", pruned_at=None)
    answered = [Outcome.REPLYING, Outcome.REPLIED, Outcome.COMMAND]
    if not silent.exclude(outcome__in=answered).update(
        outcome=Outcome.PENDING, reason=""
    ):
        raise NotPossible("It has been answered or obeyed, or its text is deleted.")
    forgive(message)
    mailbox.ring(message.conversation_id)


@transaction.atomic
def fetch_again(message: Message) -> None:
    """Have its file fetched and heard; what could not be understood is judged anew."""
    if message.pruned_at or not carries_file(message):
        raise NotPossible("There is no file to fetch.")
    if message.outcome == Outcome.NOT_HEARD:
        return judge_again(message)
    forgive(message)
    mailbox.enqueue("conversations.tasks.fetch_file", message.pk)


def edit(message: Message, text: str, staff: AbstractBaseUser) -> None:
    """Have what was sent say something else, for everybody."""
    parts = split(text)
    if len(parts) != 1:
        raise NotPossible(
            "It is too long for one message." if parts else "There is no text."
        )
    _change(message, staff, parts[0])


def delete(message: Message, staff: AbstractBaseUser) -> None:
    """Have what was sent deleted, for everybody."""
    _change(message, staff)


def _change(message: Message, staff: AbstractBaseUser, text: str = "") -> None:
    if why := changes.obstacle(message, is_deletion=not text):
        raise NotPossible(why)
    try:
        changes.ask(message, staff, text)
    except IntegrityError:
        raise NotPossible("It is being changed already.") from None


def _lock(conversation: Conversation) -> Conversation:
    return Conversation.objects.select_for_update().get(pk=conversation.pk)


def _parts(draft: Message):
    parts = draft.conversation.messages.filter(
        decision_id=draft.decision_id, status=Status.DRAFT
    ).order_by("part")
    if draft.decision_id is None or not parts.exists():
        raise NotPossible("This draft has been dealt with.")
    return parts


def _quoted(draft: Message) -> Message | None:
    if not draft.quoted_id:
        return None
    return draft.conversation.messages.with_whatsapp_ids([draft.quoted_id]).first()


def _asked(message: Message):
    asked = Message.objects.filter(decisions=message.decision_id, direction="in")
    # What was obeyed, or not understood, stays so whatever becomes of saying it.
    return asked.exclude(outcome__in=[Outcome.COMMAND, Outcome.NOT_HEARD])
