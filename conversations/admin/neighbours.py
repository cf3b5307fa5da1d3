"""The conversations beside the one on the page."""

from django.db.models import (
    BooleanField,
    ExpressionWrapper,
    F,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
)
from django.db.models.functions import Left

from conversations.models import Conversation, Message

NEIGHBOURS = 30


def neighbours() -> QuerySet[Conversation]:
    """Those with the newest messages, and how their last one begins."""
    last = (
        Message.objects.filter(conversation=OuterRef("pk"))
        .exclude(kind="reaction")
        .order_by("-sent_at", "-pk")
    )
    unread = Q(read_until=None) | Q(read_until__lt=F("last_message_at"))
    return (
        Conversation.objects.filter(last_message_at__isnull=False)
        .select_related("contact")
        .annotate(
            last_text=Subquery(
                last.annotate(start=Left("text", 80)).values("start")[:1]
            ),
            is_unread=ExpressionWrapper(unread, BooleanField()),
            last_kind=Subquery(last.values("kind")[:1]),
            last_pruned_at=Subquery(last.values("pruned_at")[:1]),
        )
        .order_by(F("last_message_at").desc(), "-pk")[:NEIGHBOURS]
    )
