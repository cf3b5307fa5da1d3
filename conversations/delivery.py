"""What became of a message of ours. No fence: these are facts about the world."""

from conversations import hot
from conversations.models import Message

Status = Message.Status
Outcome = Message.Outcome

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
    set_status(message, Status.FAILED, error=error)
    _drop_rest(message, "An earlier part failed")
    _end(message, Outcome.SEND_FAILED, error)


def drop(message: Message, outcome: str, reason: str) -> None:
    set_status(message, Status.DROPPED, error=reason)
    _drop_rest(message, reason)
    _end(message, outcome, reason)


def set_status(message: Message, status: str, error: str = "") -> None:
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
