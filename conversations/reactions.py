"""An emoji where a reply would be too much: the third thing that judging may come to.

The model of step 1 is asked what it always was, so that scores stay comparable: what is
less likely to be wanted than a reply must be, and likelier than the lower threshold, gets
a reaction. To send one twice is harmless, since WhatsApp keeps one of each person.
"""

from datetime import datetime, timedelta

from django.utils import timezone

from conversations import hot, outbox
from conversations.models import AgentSettings, Conversation, Message
from conversations.whatsapp import Kind
from llm.models import Decision

# By the index (conversation, sent_at): only the time of the gap is looked through.
_LATELY = """
    SELECT id FROM conversations_message
    WHERE conversation_id = %s AND sent_at BETWEEN %s AND %s AND direction = 'out'
    AND author = 'agent' AND kind = 'reaction' AND status <> 'dropped' LIMIT 1"""


def would_do(
    agent: AgentSettings, conversation: Conversation, message: Message, p: float
) -> bool:
    """Whether a reaction is due to a message that is not to be answered."""
    if not (agent.reacts and message.whatsapp_id and p >= agent.reaction_threshold):
        return False
    # What is dated later than now was said before the clock was set back.
    moment = timezone.now()
    since = moment - timedelta(minutes=agent.reaction_gap)
    return hot.first(_LATELY, conversation.pk, since, moment) is None


def put(
    agent: AgentSettings,
    conversation: Conversation,
    message: Message,
    decision: Decision,
    at: datetime,
) -> None:
    """Into the outbox."""
    outbox.put(
        conversation,
        [agent.reaction_emoji],
        quoted=message,
        author=Message.Author.AGENT,
        status=Message.Status.QUEUED,
        decision=decision,
        kind=Kind.REACTION.value,
        received_at=at,
    )
