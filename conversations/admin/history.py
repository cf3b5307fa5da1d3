"""Which of a conversation's messages its page shows.

A page costs the same wherever it begins and however long the conversation is: each
question walks the index (conversation, sent_at, id) from a place in it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.db.models import Prefetch, QuerySet
from django.db.models.functions import Left
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _

from conversations.models import Conversation, KnowledgeUse, Message, MessageChange
from llm.models import Decision

PAGE = 30
# A page that has been open for long goes on with the last ones.
MOST_LIVE = 60
# What a message is called where it is only referred to.
STARTS_WITH = 80
LATE_REACTIONS = 100


@dataclass(frozen=True)
class Window:
    messages: list[Message]  # chronological
    previous: Message | None = None  # the nearest one that is not shown
    is_latest: bool = True
    is_cut: bool = False

    @property
    def cursor(self) -> str:
        """Where a live page goes on: after what it does not show."""
        return str(Place.of(self.previous)) if self.previous else ""


@dataclass(frozen=True)
class Place:
    """Where a message stands in its conversation."""

    sent_at: datetime
    pk: int

    @classmethod
    def of(cls, message: Message) -> "Place":
        return cls(message.sent_at, message.pk)

    @classmethod
    def read(cls, cursor: str) -> "Place | None":
        moment, _, pk = cursor.partition("_")
        try:
            sent_at = parse_datetime(moment)
        except ValueError:
            return None
        if sent_at is None or sent_at.tzinfo is None or not pk.isdecimal():
            return None
        return cls(sent_at, int(pk))

    def __str__(self) -> str:
        return f"{self.sent_at.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%fZ}_{self.pk}"

    # The comparison of sent_at alone comes first: an OR would not use the index.
    def before(self, messages: QuerySet[Message]) -> QuerySet[Message]:
        earlier = messages.filter(sent_at__lte=self.sent_at)
        return earlier.exclude(sent_at=self.sent_at, pk__gte=self.pk)

    def at_or_after(self, messages: QuerySet[Message]) -> QuerySet[Message]:
        later = messages.filter(sent_at__gte=self.sent_at)
        return later.exclude(sent_at=self.sent_at, pk__lt=self.pk)


def opened(conversation: Conversation, asked: Mapping[str, str]) -> Window:
    """The last messages, or those round the one that a link names."""
    for name, find in (("message", around), ("before", before), ("after", after)):
        value = asked.get(name, "")
        if value.isdecimal():
            named = conversation.messages.filter(pk=value).only("sent_at").first()
            if named:
                return find(conversation, Place.of(named))
    return latest(conversation)


def latest(conversation: Conversation) -> Window:
    return _newest(conversation.messages.all(), PAGE)


def before(conversation: Conversation, place: Place) -> Window:
    return _newest(place.before(conversation.messages.all()), PAGE, is_latest=False)


def around(conversation: Conversation, place: Place) -> Window:
    """Half a page before the place, and half a page from it on."""
    half = PAGE // 2
    older = _newest(place.before(conversation.messages.all()), half)
    found = _later(conversation, place, half)
    return Window(
        [*older.messages, *found[:half]], older.previous, is_latest=len(found) <= half
    )


def after(conversation: Conversation, place: Place) -> Window:
    # The one at the place is found too, and stands for what is not shown.
    found = _later(conversation, place, PAGE + 1)
    return Window(
        found[1 : PAGE + 1], previous=found[0], is_latest=len(found) <= PAGE + 1
    )


def since(conversation: Conversation, cursor: str) -> Window:
    """What a live page shows by now: all after its cursor, within bounds."""
    found = _newest(live(conversation, cursor), MOST_LIVE)
    first = found.messages[0] if found.messages else None
    if found.previous is None and first and str(Place.of(first)) == cursor:
        return Window(found.messages[1:], previous=first)
    is_cut = found.previous is not None and str(Place.of(found.previous)) != cursor
    return Window(found.messages, found.previous, is_cut=is_cut)


def single(conversation: Conversation, pk: int) -> Window:
    return _newest(conversation.messages.filter(pk=pk), 1)


def live(conversation: Conversation, cursor: str) -> QuerySet[Message]:
    messages = conversation.messages.all()
    place = Place.read(cursor)
    return place.at_or_after(messages) if place else messages


def late_reactions(conversation: Conversation, window: Window) -> list[Message]:
    """Of the day after an earlier page: the latest page has them among its own."""
    if window.is_latest or not window.messages:
        return []
    place = Place.of(window.messages[-1])
    reactions = (
        place.at_or_after(conversation.messages.filter(kind="reaction"))
        .filter(sent_at__lt=place.sent_at + timedelta(days=1))
        .exclude(pk=place.pk)
        .select_related("sender", "staff")
    )
    return list(reactions.order_by("sent_at", "pk")[:LATE_REACTIONS])


def author(message: Message, agent: str = "") -> str:
    """Who wrote it; what the agent is called here may be given."""
    if message.is_inbound:
        return str(message.sender or _("Unknown"))
    match message.author:
        case Message.Author.AGENT if agent:
            return agent
        case Message.Author.STAFF:
            return str(message.staff or _("Staff"))
    return message.get_author_display()


def referred_to(messages: QuerySet[Message]) -> QuerySet[Message]:
    """Messages to be named or linked to, of which only the beginning is read."""
    return messages.annotate(start=Left("text", STARTS_WITH)).only(
        "whatsapp_id",
        "kind",
        "sent_at",
        "received_at",
        "pruned_at",
        "status",
        "decision_id",
    )


def _newest(messages: QuerySet[Message], most: int, is_latest: bool = True) -> Window:
    found = list(_whole(messages).order_by("-sent_at", "-pk")[: most + 1])
    previous = found[most] if len(found) > most else None
    return Window(found[:most][::-1], previous, is_latest=is_latest)


def _later(conversation: Conversation, place: Place, most: int) -> list[Message]:
    """One more than `most`, which tells whether there are more."""
    later = _whole(place.at_or_after(conversation.messages.all()))
    return list(later.order_by("sent_at", "pk")[: most + 1])


def _whole(messages: QuerySet[Message]) -> QuerySet[Message]:
    referred = referred_to(Message.objects)
    return messages.select_related("sender", "staff", "file").prefetch_related(
        Prefetch("decisions", Decision.objects.order_by("pk").defer("input", "output")),
        Prefetch("changes", MessageChange.objects.order_by("pk")),
        Prefetch("decisions__knowledge", KnowledgeUse.objects.order_by("pk")),
        Prefetch("decisions__replies", referred.order_by("part", "pk")),
        Prefetch("decisions__messages", referred.order_by("sent_at", "pk")),
    )
