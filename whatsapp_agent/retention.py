"""What is deleted after its time, in every app."""

from datetime import timedelta

from django.contrib.sessions.models import Session
from django.db.models import Case, Exists, F, OuterRef, Q, Value, When
from django.utils import timezone
from django_q.models import Task

from conversations.media.deleting import FORGOTTEN, forget
from conversations.models import AgentSettings, MediaFile, Message
from conversations.prune import Kind
from evolution.models import RefusedWebhook, UnreadableEvent
from llm.models import Decision

Outcome = Message.Outcome
Status = Message.Status

IS_ASKED = Q(
    direction=Message.Direction.IN,
    outcome__in=[Outcome.PENDING, Outcome.REPLYING, Outcome.DRAFTED],
)
IS_TO_BE_SENT = Q(status__in=[Status.DRAFT, *Message.UNSETTLED])
# A model tells in its own words what people wrote; a rule names itself.
WHY_OF_RULES = Case(
    When(step=Decision.Step.RELEVANCE, source=Decision.Source.MODEL, then=Value("")),
    default=F("why"),
)
# The echo of a message is told by its text, also long after we gave up on it.
ECHO = timedelta(days=2)


def _message_is_busy() -> Q:
    is_tried = Q(attempted_at__gte=timezone.now() - ECHO)
    return IS_ASKED | IS_TO_BE_SENT | is_tried


def _decision_is_busy() -> Q:
    about = Message.objects.filter(IS_ASKED, decisions=OuterRef("pk"))
    replies = Message.objects.filter(IS_TO_BE_SENT, decision=OuterRef("pk"))
    return Q(Exists(about)) | Q(Exists(replies))


def _file_is_busy() -> Q:
    asked = Message.objects.filter(IS_ASKED, pk=OuterRef("message"))
    return Q(Exists(asked))


def _files(agent: AgentSettings) -> int | None:
    """What somebody sent stays no longer than what they said with it."""
    days = [n for n in (agent.keep_files, agent.keep_texts) if n is not None]
    return min(days, default=None)


def _webhooks(agent: AgentSettings) -> int | None:
    return agent.keep_webhooks


KINDS = (
    Kind(
        "texts",
        Message,
        "received_at",
        lambda agent: agent.keep_texts,
        {"text": "", "quoted_text": "", "media": {}},
        Q(pruned_at=None) & ~Q(text="", quoted_text="", media={}),
        _message_is_busy,
        forget,
    ),
    Kind(
        "files",
        MediaFile,
        "created_at",
        _files,
        FORGOTTEN,
        ~Q(state=MediaFile.State.GONE),
        _file_is_busy,
        gone_at="gone_at",
    ),
    Kind(
        "prompts",
        Decision,
        "created_at",
        lambda agent: agent.keep_prompts,
        {"input": "", "output": "", "why": WHY_OF_RULES},
        Q(pruned_at=None) & ~Q(input="", output=""),
        _decision_is_busy,
    ),
    Kind("unreadable", UnreadableEvent, "received_at", _webhooks),
    Kind("refused", RefusedWebhook, "last_at", _webhooks),
    Kind("tasks", Task, "stopped", lambda agent: agent.keep_tasks),
    Kind("sessions", Session, "expire_date", lambda agent: 0),
)
