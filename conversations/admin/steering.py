"""The buttons of a conversation's page: each calls one function of `steering`."""

from datetime import datetime, timedelta

from django.contrib.auth.models import AbstractBaseUser
from django.core.files.uploadedfile import UploadedFile
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from conversations import cases, steering
from conversations.media.sending import uploaded
from conversations.models import Conversation, Message
from conversations.steering import NotPossible
from llm.models import Label

Verdict = Label.Verdict


def steer(
    conversation: Conversation,
    staff: AbstractBaseUser,
    action: str,
    text: str,
    message: int | None,
    file: UploadedFile | None = None,
) -> str:
    """Do it, and say what was done; or raise NotPossible."""
    if message is None:
        if file and action == "reply":
            return _send_file(conversation, staff, text, file)
        return _steer_conversation(conversation, staff, action, text)
    found = conversation.messages.filter(pk=message).first()
    if found is None:
        raise NotPossible(_("That message is gone."))
    return _steer_message(found, staff, action, text)


def _steer_conversation(
    conversation: Conversation, staff: AbstractBaseUser, action: str, text: str
) -> str:
    match action:
        case "reply":
            steering.reply(conversation, text, staff)
            mark_read(conversation, timezone.now())
            return _("Your reply is on its way, and the agent stands back.")
        case "pause":
            steering.pause(conversation)
            return _("Paused until somebody resumes.")
        case "pause_hour":
            steering.pause(conversation, timezone.now() + timedelta(hours=1))
            return _("Paused for an hour.")
        case "pause_day":
            steering.pause(conversation, _tomorrow())
            return _("Paused until tomorrow.")
        case "resume":
            steering.resume(conversation)
            return _("Resumed: the agent may speak again.")
    raise NotPossible(_("There is no such action."))


def _send_file(
    conversation: Conversation,
    staff: AbstractBaseUser,
    caption: str,
    file: UploadedFile,
) -> str:
    steering.send_file(conversation, uploaded(file), caption, staff)
    mark_read(conversation, timezone.now())
    return _("Your file is on its way, and the agent stands back.")


def _steer_message(
    message: Message, staff: AbstractBaseUser, action: str, text: str
) -> str:
    match action:
        case "approve":
            steering.approve(message, staff)
            return _("Approved: the draft is on its way.")
        case "approve_edited":
            steering.approve(message, staff, text)
            return _("Approved as edited: it is on its way.")
        case "discard":
            steering.discard(message, staff)
            return _("The draft is discarded.")
        case "send_again":
            steering.send_again(message, staff)
            return _("It will be sent again.")
        case "drop":
            steering.drop(message, staff)
            return _("Dropped: it will not be sent.")
        case "edit":
            steering.edit(message, text, staff)
            return _("It is being edited, for everybody.")
        case "delete":
            steering.delete(message, staff)
            return _("It is being deleted, for everybody.")
        case "judge_again":
            steering.judge_again(message)
            return _("It will be judged again.")
        case "fetch_again":
            steering.fetch_again(message)
            return _("Its file will be fetched.")
    raise NotPossible(_("There is no such action."))


def correct(
    conversation: Conversation, staff: AbstractBaseUser, verdict: str, message: int
) -> str:
    """Note what somebody says of a judgement, and say what was noted."""
    if verdict not in (Verdict.WANTED, Verdict.UNWANTED):
        raise NotPossible(_("There is no such action."))
    decision = cases.judgement(conversation.messages.filter(pk=message))
    if decision is None:
        raise NotPossible(_("No model has judged this message."))
    if not cases.correct(decision, staff, verdict):
        return _("Taken back.")
    if verdict == Verdict.WANTED:
        return _("Noted: a reply was wanted.")
    return _("Noted: no reply was wanted.")


def mark_read(conversation: Conversation, until: datetime) -> None:
    """Only ever forward: another window may have shown more."""
    unread = Q(read_until=None) | Q(read_until__lt=until)
    Conversation.objects.filter(unread, pk=conversation.pk).update(read_until=until)


def _tomorrow() -> datetime:
    midnight = timezone.localtime().replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight + timedelta(days=1)
