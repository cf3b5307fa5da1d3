"""What followed a decision: signs of what people made of it, weak ones each.

They are shown beside a case, and never counted: who is content says nothing.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from django.db.models import Model, Q
from django.db.models.functions import Left
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from llm.models import Decision
from llm.stopping import is_stop

ANSWER = timedelta(minutes=5)
WITHIN = timedelta(hours=1)
MOST = 60  # messages read after a decision
LONGEST = 200
THUMBS_DOWN = "👎"
CORRECTION = re.compile(
    r"\W*(?:no\b|nope|wrong|not (?:true|right|correct)|that(?:'s| is) (?:not|wrong)|"
    r"incorrect|actually|falso|errado|não|nein|falsch|stimmt nicht|faux|non\b|لا\b|нет\b)",
    re.IGNORECASE,
)


class Kind(StrEnum):
    ANSWERED = "answered"
    QUOTED = "quoted"
    CORRECTED = "corrected"
    THUMBS_DOWN = "thumbs_down"
    STOP = "stop"


WORDS: dict[Kind, Promise] = {
    Kind.ANSWERED: _("A member answered within five minutes"),
    Kind.QUOTED: _("Our reply was quoted"),
    Kind.CORRECTED: _("Our reply was corrected"),
    Kind.THUMBS_DOWN: _("A thumbs-down"),
    Kind.STOP: _("Somebody said stop"),
}
# Whether it speaks for a reply, or against the one that was sent.
SPEAKS_FOR = {Kind.ANSWERED, Kind.QUOTED}


@dataclass(frozen=True)
class Signal:
    kind: Kind
    message: Model  # that shows it

    @property
    def words(self) -> Promise:
        return WORDS[self.kind]

    @property
    def tone(self) -> str:
        return "" if self.kind in SPEAKS_FOR else "warn"


def signals(decision: Decision) -> list[Signal]:
    """The first of each kind. Reads a few messages by index."""
    burst = list(decision.messages.order_by("sent_at", "pk"))
    if not burst:
        return []
    replies = set(
        _messages()
        .filter(decision__messages__in=burst, direction="out")
        .exclude(whatsapp_id="")
        .exclude(status__in=["draft", "failed", "dropped"])
        .values_list("whatsapp_id", flat=True)
    )
    first: dict[Kind, Signal] = {}
    for signal in _found(burst, replies, _later(burst[-1])):
        first.setdefault(signal.kind, signal)
    return list(first.values())


def _found(
    burst: list[Model], replies: set[str], later: Iterable[Model]
) -> Iterator[Signal]:
    asked = {message.whatsapp_id for message in burst if message.whatsapp_id}
    senders = {message.sender_id for message in burst}
    is_open = not replies  # nobody has answered so far
    for message in later:
        text = message.start.strip()
        if message.kind == "reaction":
            if message.quoted_id in replies and text.startswith(THUMBS_DOWN):
                yield Signal(Kind.THUMBS_DOWN, message)
            continue
        if message.quoted_id in replies:
            is_no = CORRECTION.match(text)
            yield Signal(Kind.CORRECTED if is_no else Kind.QUOTED, message)
        if replies and is_stop(text):
            yield Signal(Kind.STOP, message)
        is_other = message.sender_id not in senders
        is_soon = message.sent_at <= burst[-1].sent_at + ANSWER
        is_about = not message.quoted_id or message.quoted_id in asked
        if is_open and is_other and is_soon and is_about and text:
            is_open = False
            yield Signal(Kind.ANSWERED, message)


def _later(last: Model) -> list[Model]:
    """What people wrote after it, oldest first."""
    after = (
        _messages()
        .filter(
            ~Q(sent_at=last.sent_at, pk__lte=last.pk),
            conversation=last.conversation_id,
            sent_at__gte=last.sent_at,
            sent_at__lte=last.sent_at + WITHIN,
        )
        .order_by("sent_at", "pk")
        .annotate(start=Left("text", LONGEST))
        .defer("text", "media", "quoted_text")
    )
    return [message for message in after[:MOST] if message.direction == "in"]


def _messages():
    return Decision._meta.get_field("messages").related_model.objects
