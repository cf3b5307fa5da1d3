"""Delete what a contact said, everywhere, because they or staff want it.

All messages of their direct chats, and their own in groups; where others quoted them; and
the prompts of every decision in these conversations, which repeat what was said. What came
of each message, the probabilities and the labels stay, and so do the addresses: else a
block would be forgotten too, and the bridge's copy would come in as new.

It walks by index in transactions of a few milliseconds, and may be broken off anywhere:
done again, it finds less to do.
"""

from collections.abc import Iterable, Iterator
from datetime import timedelta

from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import AbstractBaseUser
from django.contrib.contenttypes.models import ContentType
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from conversations import mailbox
from conversations.media import deleting
from conversations.models import Contact, Conversation, Forgetting, Message
from conversations.prune import Pace, prepared
from llm.models import Decision

Outcome = Message.Outcome
Status = Message.Status

WINDOW = 500  # rows looked at together
# So long nobody else takes it up; told anew with each conversation.
CLAIMED = timedelta(minutes=10)
# What is just being sent is looked up by its text.
AGAIN = timedelta(minutes=2)
WHY = "Forgotten at their wish"
HAS_TEXT = Q(pruned_at=None) & ~Q(text="", quoted_text="", media={})


@transaction.atomic
def ask(contact: Contact, staff: AbstractBaseUser | None = None) -> Forgetting:
    wish = Forgetting.objects.create(contact=contact, staff=staff)
    mailbox.enqueue("conversations.tasks.forget", wish.pk)
    return wish


def due() -> list[int]:
    waiting = Forgetting.objects.filter(done_at=None, due_at__lte=timezone.now())
    return list(waiting.values_list("pk", flat=True)[:20])


def conversations(contact: Contact) -> QuerySet[Conversation]:
    spoken = Message.objects.filter(sender=contact).order_by()
    return Conversation.objects.filter(
        Q(contact=contact) | Q(pk__in=spoken.values("conversation").distinct())
    )


def work(pk: int) -> None:
    """Forget, unless somebody else is at it. What could not go yet is tried again."""
    moment = timezone.now()
    waiting = Forgetting.objects.filter(pk=pk, done_at=None)
    if not waiting.filter(due_at__lte=moment).update(due_at=moment + CLAIMED):
        return
    contact = Contact.objects.get(forgettings=pk)
    texts = prompts = 0
    is_left = False
    for conversation in conversations(contact):
        waiting.update(due_at=timezone.now() + CLAIMED)
        _settle(conversation, contact)
        texts += _forget_messages(conversation, contact)
        prompts += _forget_prompts(conversation)
        is_left |= _own(conversation, contact).filter(HAS_TEXT).exists()
    deleting.sweep()
    if is_left:
        waiting.update(due_at=timezone.now() + AGAIN)
        return
    with transaction.atomic():
        _forget_names(contact)
        Forgetting.objects.filter(pk=pk).update(
            done_at=timezone.now(), texts=texts, prompts=prompts
        )


def _own(conversation: Conversation, contact: Contact) -> QuerySet[Message]:
    """What goes whole: in a direct chat our replies tell as much as the questions."""
    messages = conversation.messages.all()
    return messages.filter(sender=contact) if conversation.is_group else messages


def _settle(conversation: Conversation, contact: Contact) -> None:
    own = _own(conversation, contact)
    with transaction.atomic():
        own.pending().update(outcome=Outcome.FILTERED, reason=WHY)
        # The reasons of commands name who gave them.
        own.filter(outcome=Outcome.COMMAND).update(reason=WHY)
        if not conversation.is_group:
            waiting = own.filter(status__in=[Status.QUEUED, Status.DRAFT])
            # That it will be done is the last thing that is said.
            waiting.exclude(author=Message.Author.COMMAND).update(
                status=Status.DROPPED, error=WHY
            )


def _forget_messages(conversation: Conversation, contact: Contact) -> int:
    own, moment = _own(conversation, contact), timezone.now()
    jids, theirs, deleted, pace = contact.address.jids, set(), 0, Pace()
    for window in _windows(conversation):
        theirs.update(one.whatsapp_id for one in window if _is_by(one, contact))
        keys = [one.pk for one in window]
        gone = own.filter(HAS_TEXT, pk__in=keys).exclude(status__in=Message.UNSETTLED)
        deleted += pace.write(
            list(gone.values_list("pk", flat=True)),
            lambda batch: _emptied(batch, moment),
        )
        quotes = [
            one.pk
            for one in window
            if one.quoted_sender in jids or one.quoted_id in theirs - {""}
        ]
        pace.write(quotes, _unquoted)
    return deleted


def _is_by(message: Message, contact: Contact) -> bool:
    return message.is_inbound and message.sender_id == contact.pk


def _emptied(keys: list[int], moment):
    rows = Message.objects.filter(pk__in=keys)
    change = prepared(rows, text="", quoted_text="", media={}, pruned_at=moment)

    def empty() -> int:
        changed = change()
        deleting.forget(keys)
        return changed

    return empty


def _unquoted(keys: list[int]):
    return prepared(Message.objects.filter(pk__in=keys), quoted_text="")


def _windows(conversation: Conversation) -> Iterator[list[Message]]:
    """By the index (conversation, sent_at, id)."""
    rows = conversation.messages.chronological().only(
        "sent_at", "direction", "sender", "whatsapp_id", "quoted_id", "quoted_sender"
    )
    window = list(rows[:WINDOW])
    while window:
        yield window
        last = window[-1]
        later = rows.filter(sent_at__gte=last.sent_at)
        window = list(later.exclude(sent_at=last.sent_at, pk__lte=last.pk)[:WINDOW])


def _forget_prompts(conversation: Conversation) -> int:
    told = Decision.objects.filter(conversation=conversation, pruned_at=None)
    told = told.exclude(input="", output="")
    keys, moment = list(told.values_list("pk", flat=True)), timezone.now()

    def forgotten(batch: list[int]):
        rows = Decision.objects.filter(pk__in=batch)
        return prepared(rows, input="", output="", why="", pruned_at=moment)

    return Pace().write(keys, forgotten)


def _forget_names(contact: Contact) -> None:
    Contact.objects.filter(pk=contact.pk).update(name="")
    direct = Conversation.objects.filter(contact=contact, is_group=False)
    keys = list(direct.values_list("pk", flat=True))
    direct.update(name="")
    _unname(Contact, [contact.pk])
    _unname(Conversation, keys)


def _unname(model: type, keys: Iterable[int]) -> None:
    """The log of what staff did had their names."""
    entries = LogEntry.objects.filter(
        content_type=ContentType.objects.get_for_model(model),
        object_id__in=[str(key) for key in keys],
    )
    entries.update(object_repr="-")
