"""Voice notes become words before anything is judged: the transcript is the message's text."""

from django.db import transaction
from django.utils import timezone

from conversations import hot, ledger
from conversations.mailbox import Lease, fence
from conversations.media.fetching import again, end
from conversations.media.lanes import Lanes
from conversations.media.storage import content, faults
from conversations.models import AgentSettings, Conversation, MediaFile, Message
from conversations.whatsapp import Kind
from llm import transcription
from llm.call import Call
from llm.models import Decision

State = MediaFile.State
Transcribe = AgentSettings.Transcribe

_held = Lanes(few=16)
SILENT = "No words could be heard in it"


def is_wanted(agent: AgentSettings, conversation: Conversation, addressed: str) -> bool:
    """Whether voice notes are transcribed here at all."""
    if not conversation.is_group:
        return agent.transcribe != Transcribe.NEVER
    is_judged = agent.group_policy == AgentSettings.GroupPolicy.JUDGED
    return agent.transcribe == Transcribe.EVERYWHERE and (is_judged or bool(addressed))


def hear(
    lease: Lease | None, agent: AgentSettings, message: Message, file: MediaFile
) -> float | None:
    """Put what the file says into its message, or into the file why that failed.

    Return after how many seconds to try again, if that may help. Without a lease only
    for staff, who ask for one message.
    """
    if message.text or file.read_at or file.state != State.STORED:
        return None
    if reason := _too_long(agent, message, file):
        return _end(lease, file, reason)
    try:
        with _held.of(file.bytes):
            heard = _transcribed(agent, file)
    except faults() as error:
        return _end(lease, file, f"The file cannot be read: {error!r}")
    decision = _decision(message, file, heard.call)
    if not heard.call.error:
        return _take_down(lease, message, file, heard, decision)
    if heard.call.retryable and message.kind == Kind.VOICE:
        with transaction.atomic():
            _fence(lease)
            ledger.store([message], (decision,))
            return again(file, heard.call.error, heard.call.retry_after)
    return _end(lease, file, heard.call.error, decision)


def _transcribed(agent: AgentSettings, file: MediaFile) -> transcription.Heard:
    data = content(file.file)
    return transcription.transcribe(data, file.mimetype, file.seconds, model(agent))


def give_up(lease: Lease | None, file: MediaFile) -> None:
    """It was tried for long enough. Why it failed stands in the file."""
    if file.state == State.PENDING:
        end(file, State.FAILED, file.error)
    else:
        _end(lease, file, file.error)


def _decision(message: Message, file: MediaFile, call: Call) -> Decision:
    return ledger.decision(
        call,
        conversation=message.conversation,
        step=Decision.Step.TRANSCRIPTION,
        outcome=Decision.Outcome.FAILED if call.error else Decision.Outcome.WRITTEN,
        seconds=file.seconds,
    )


def model(agent: AgentSettings) -> transcription.Model:
    return transcription.Model(
        provider=agent.transcription_provider,
        name=agent.transcription_model,
        language=agent.transcription_language,
        timeout=agent.transcription_timeout,
        price=agent.transcription_price,
    )


def _too_long(agent: AgentSettings, message: Message, file: MediaFile) -> str:
    if file.seconds is None and message.kind != Kind.VOICE:
        return "Its length is not known"
    if (file.seconds or 0) > agent.longest_voice * 60:
        return f"Longer than {agent.longest_voice:g} minutes"
    return ""


def _take_down(
    lease: Lease | None,
    message: Message,
    file: MediaFile,
    heard: transcription.Heard,
    decision: Decision,
) -> None:
    file.language, file.read_at = heard.language[:35], timezone.now()
    file.error = "" if heard.text else SILENT
    with transaction.atomic():
        _fence(lease)
        hot.execute(_SAY, heard.text, message.pk)
        _note(file, "language", "read_at", "error")
        ledger.store([message], (decision,))
    message.text = heard.text


_SAY = """
    UPDATE conversations_message SET text = %s
    WHERE id = %s AND text = '' AND pruned_at IS NULL"""


def _end(
    lease: Lease | None, file: MediaFile, reason: str, *decisions: Decision
) -> None:
    file.error, file.read_at = reason[:300], timezone.now()
    with transaction.atomic():
        _fence(lease)
        _note(file, "read_at", "error")
        ledger.store([file.message], decisions)


def _fence(lease: Lease | None) -> None:
    """Nobody holds a lease where staff asked for one message; then there is no hurry."""
    if lease:
        fence(lease)


def _note(file: MediaFile, *fields: str) -> None:
    MediaFile.objects.filter(pk=file.pk).update(
        **{name: getattr(file, name) for name in fields}
    )
