"""Just before sending: is the reply still wanted?"""

from conversations import gates, hot
from conversations.models import AgentSettings, Message, Mode
from conversations.whatsapp import Kind

Outcome = Message.Outcome

# They are about a message, and answer nothing.
SILENT = (Kind.REACTION, Kind.POLL_VOTE, Kind.PIN)


def obstacle(message: Message) -> tuple[str, str] | None:
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
    answers = answers.exclude(kind__in=SILENT)
    if answers.exclude(sender__in={question.sender_id for question in asked}).exists():
        return Outcome.ANSWERED, "Somebody else answered meanwhile"
    return None
