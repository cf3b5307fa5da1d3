"""What a reply is given of the texts, and the record of it beside the decision."""

from dataclasses import dataclass

from django.db import connection

from conversations import hot
from conversations.knowledge.search import IN_FORCE, Found, Place, find, within
from conversations.models import AgentSettings, Conversation, KnowledgeUse
from llm.knowledge import NOTHING, Knowledge, Passage, Text
from llm.models import Decision
from llm.transcript import Line

# What was said before that a short question is understood by.
BEFORE = 3
MOST_TOPICS = 40

# The texts to be given whole, the widest first; of the others only that there are some.
_TEXTS = f"""
    SELECT t.id, t.title, v.body, v.id, v.number, t.reach
    FROM conversations_knowledgetext t
    JOIN conversations_knowledgeversion v ON v.text_id = t.id
    WHERE t.use = 'always' AND {IN_FORCE} AND v.number = (
        SELECT max(number) FROM conversations_knowledgeversion WHERE text_id = t.id
    )
    UNION ALL
    SELECT 0, '', '', 0, 0, 0 WHERE EXISTS (
        SELECT 1 FROM conversations_knowledgetext t
        WHERE t.use = 'searched' AND {IN_FORCE}
    )
    ORDER BY 6, 1"""
_TOPICS = f"""
    SELECT t.title FROM conversations_knowledgetext t
    WHERE {IN_FORCE} ORDER BY t.reach DESC, t.id LIMIT {MOST_TOPICS}"""


@dataclass(frozen=True)
class Given:
    knowledge: Knowledge = NOTHING
    uses: tuple[KnowledgeUse, ...] = ()  # unsaved


def given(
    agent: AgentSettings,
    conversation: Conversation,
    lines: list[Line],
    judged: list[int],
) -> Given:
    """For a reply to the judged lines."""
    if not conversation.has_knowledge:
        return Given()
    place = Place(conversation.instance, conversation.pk)
    with connection.cursor() as cursor:
        cursor.execute(_TEXTS, place.values)
        rows = cursor.fetchall()
    whole = [row for row in rows if row[0]]
    is_searched = len(whole) < len(rows)
    found = _found(agent, place, lines, judged) if is_searched else []
    knowledge = Knowledge(
        texts=tuple(Text(title, body) for _pk, title, body, *_rest in whole),
        passages=tuple(Passage(one.title, one.heading, one.text) for one in found),
        is_searched=is_searched,
    )
    return Given(knowledge, (*map(_whole, whole), *map(_part, found)))


def topics(conversation: Conversation) -> list[str]:
    """The titles of what holds here."""
    if not conversation.has_knowledge:
        return []
    with connection.cursor() as cursor:
        cursor.execute(_TOPICS, Place(conversation.instance, conversation.pk).values)
        return [title for (title,) in cursor.fetchall()]


def record(decision: Decision, uses: tuple[KnowledgeUse, ...]) -> None:
    """Store beside a stored decision what it was given."""
    for use in uses:
        use.decision_id = decision.pk
        hot.insert(use)


def _found(
    agent: AgentSettings, place: Place, lines: list[Line], judged: list[int]
) -> list[Found]:
    burst = [line for line in lines if line.n in judged and not line.is_deleted]
    first = min(judged, default=0)
    before = [line for line in lines if line.n < first and not line.is_deleted]
    found = find(
        "\n".join(line.text for line in burst),
        [line.text for line in before[-BEFORE:]],
        place,
    )
    return within(found, agent.knowledge_passages, agent.knowledge_characters)


def _whole(row: tuple) -> KnowledgeUse:
    _pk, title, _body, version, number, _reach = row
    return KnowledgeUse(version_id=version, title=title, number=number)


def _part(found: Found) -> KnowledgeUse:
    return KnowledgeUse(
        version_id=found.version_id,
        passage_id=found.passage_id,
        title=found.title,
        number=found.version,
        part=found.number,
    )
