"""The buttons of a conversation's page: each calls one function of `steering`."""

from datetime import timedelta

from django.contrib.auth.models import AbstractBaseUser
from django.utils import timezone

from conversations import steering
from conversations.models import Conversation, Message
from conversations.steering import NotPossible


def steer(
    conversation: Conversation,
    staff: AbstractBaseUser,
    action: str,
    text: str,
    message: int | None,
) -> str:
    """Do it, and say what was done; or raise NotPossible."""
    if message is None:
        return _steer_conversation(conversation, staff, action, text)
    found = conversation.messages.filter(pk=message).first()
    if found is None:
        raise NotPossible("That message is gone.")
    return _steer_message(found, staff, action, text)


def _steer_conversation(
    conversation: Conversation, staff: AbstractBaseUser, action: str, text: str
) -> str:
    match action:
        case "reply":
            steering.reply(conversation, text, staff)
            return "Your reply is on its way, and the agent stands back."
        case "pause":
            steering.pause(conversation)
            return "Paused until somebody resumes."
        case "pause_hour":
            steering.pause(conversation, timezone.now() + timedelta(hours=1))
            return "Paused for an hour."
        case "resume":
            steering.resume(conversation)
            return "Resumed: the agent may speak again."
    raise NotPossible("There is no such action.")


def _steer_message(
    message: Message, staff: AbstractBaseUser, action: str, text: str
) -> str:
    match action:
        case "approve":
            steering.approve(message, staff)
            return "Approved: the draft is on its way."
        case "approve_edited":
            steering.approve(message, staff, text)
            return "Approved as edited: it is on its way."
        case "discard":
            steering.discard(message, staff)
            return "The draft is discarded."
        case "send_again":
            steering.send_again(message, staff)
            return "It will be sent again."
        case "drop":
            steering.drop(message, staff)
            return "Dropped: it will not be sent."
        case "judge_again":
            steering.judge_again(message)
            return "It will be judged again."
    raise NotPossible("There is no such action.")
