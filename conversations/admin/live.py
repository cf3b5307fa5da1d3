"""Whether an open page of a conversation still shows what is so."""

import hashlib

from django.db.models import OuterRef, Subquery

from conversations.admin.history import MOST_LIVE, live
from conversations.admin.standing import standing
from conversations.models import Conversation, MessageChange
from llm.models import Decision

# All that changes in a message after it was stored.
CHANGING = (
    "pk",
    "whatsapp_id",
    "outcome",
    "reason",
    "status",
    "error",
    "edited_at",
    "deleted_at",
    "sent_at",
    "staff",
    "sender",
    "file__state",
    "file__error",
    "file__read_at",
)


def stamp(conversation: Conversation, cursor: str) -> str:
    """The same as long as the page after the cursor would look the same.

    Receipts and outcomes change rows that are there, which no counter tells; to read
    these columns of a page costs a hundredth of drawing it.
    """
    judged = Decision.messages.through.objects.filter(message=OuterRef("pk"))
    changes = MessageChange.objects.filter(message=OuterRef("pk"))
    rows = (
        live(conversation, cursor)
        .annotate(
            decided=Subquery(judged.order_by("-decision").values("decision")[:1]),
            change=Subquery(changes.order_by("-pk").values("state")[:1]),
        )
        .order_by("-sent_at", "-pk")
        .values_list(*CHANGING, "decided", "change")[: MOST_LIVE + 1]
    )
    shown = repr((standing(conversation), list(rows)))
    return hashlib.sha256(shown.encode()).hexdigest()[:16]
