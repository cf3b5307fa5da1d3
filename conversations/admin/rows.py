"""What the list of conversations tells of each, in a constant number of queries."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from django.db.models import (
    BooleanField,
    ExpressionWrapper,
    IntegerField,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Value,
)
from django.db.models.functions import Coalesce, Left
from django.db.models.lookups import Exact
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.timesince import timesince
from django.utils.translation import gettext as _, gettext_lazy, ngettext

from conversations.admin.bubbles import KINDS
from conversations.admin.history import author
from conversations.models import AgentSettings, Conversation, Message, Mode
from conversations.whatsapp import Kind

Outcome = Message.Outcome
Status = Message.Status

PREVIEW = 120
MOST_UNREAD = 99
MODES = {
    Mode.OFF: gettext_lazy("Off"),
    Mode.SHADOW: gettext_lazy("Shadow"),
    Mode.DRAFT: gettext_lazy("Draft"),
    Mode.LIVE: gettext_lazy("Live"),
}
BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
# A reply was due and did not come. In a group, who stands back owes nobody anything.
OWED = [
    Outcome.PENDING,
    Outcome.NOT_HEARD,
    Outcome.GATE_FAILED,
    Outcome.RESPONSE_FAILED,
    Outcome.SEND_FAILED,
]
OWED_IN_DIRECT = [Outcome.PAUSED, Outcome.TAKEN_OVER, Outcome.OVER_BUDGET]


class Count(Subquery):
    """How many rows a subquery has: bounded, if it is."""

    template = "(SELECT COUNT(*) FROM (%(subquery)s) AS counted)"
    output_field = IntegerField()


@dataclass(frozen=True)
class Chip:
    text: str
    tone: str = ""
    explained: str = ""  # to who cannot see where it stands


@dataclass(frozen=True)
class Row:
    conversation: Conversation
    preview: str = ""
    author: str = ""
    is_deleted: bool = False
    when: str = ""
    unread: str = ""
    chips: list[Chip] = field(default_factory=list)

    @property
    def pk(self) -> str:
        """As it stands in ids and links: templates would put it as people count."""
        return str(self.conversation.pk)


def rows(conversations: Iterable[Conversation]) -> list[Row]:
    shown = list(conversations)
    keys = [conversation.pk for conversation in shown]
    facts = {fact["pk"]: fact for fact in _facts(keys)}
    last = _last([fact["last"] for fact in facts.values()])
    waiting = _waiting(keys)
    return [
        _row(
            one,
            facts[one.pk],
            last.get(one.pk),
            waiting,
            AgentSettings.of(one.instance).bot_name,
        )
        for one in shown
        if one.pk in facts
    ]


def unread() -> QuerySet[Message]:
    """The messages of a conversation that nobody has read."""
    read_until = Coalesce(OuterRef("read_until"), Value(BEGINNING))
    return (
        Message.objects.inbound()
        .filter(conversation=OuterRef("pk"), sent_at__gt=read_until)
        .exclude(kind=Kind.REACTION)
    )


def is_unanswered() -> Subquery:
    """Whether a conversation's last message should have had a reply."""
    is_direct = Q(Exact(OuterRef("is_group"), False))
    owed = Q(outcome__in=OWED) | Q(outcome__in=OWED_IN_DIRECT) & is_direct
    is_owed = ExpressionWrapper(Q(direction="in") & owed, BooleanField())
    return Subquery(_latest().values(owed=is_owed)[:1], BooleanField())


def when(at: datetime) -> str:
    """The hour today, the day of the week within a week, else the date."""
    local = timezone.localtime(at)
    days = (timezone.localdate() - local.date()).days
    if days <= 0:
        return date_format(local, "TIME_FORMAT")
    if days == 1:
        return _("Yesterday")
    return date_format(local, "l" if days < 7 else "SHORT_DATE_FORMAT")


def _latest() -> QuerySet[Message]:
    messages = Message.objects.filter(conversation=OuterRef("pk"))
    return messages.exclude(kind=Kind.REACTION).order_by("-sent_at", "-pk")


def _facts(keys: list[int]) -> QuerySet:
    return (
        Conversation.objects.filter(pk__in=keys)
        .annotate(
            last=Subquery(_latest().values("pk")[:1]),
            unread=Count(unread().order_by("sent_at").values("pk")[: MOST_UNREAD + 1]),
            is_unanswered=is_unanswered(),
        )
        .values("pk", "last", "unread", "is_unanswered")
    )


def _last(keys: list[int | None]) -> dict[int, Message]:
    """The messages by their conversation."""
    messages = (
        Message.objects.filter(pk__in=keys)
        .select_related("sender", "staff")
        .annotate(start=Left("text", PREVIEW))
        .defer("text", "quoted_text", "media", "mentions")
    )
    return {message.conversation_id: message for message in messages}


def _waiting(keys: list[int]) -> dict[int, Counter]:
    """How many drafts and recent failures each conversation has."""
    messages = Message.objects.filter(conversation__in=keys)
    day = timezone.now() - timedelta(days=1)
    # One by one: each status has an index.
    waiting = [
        messages.filter(status=Status.DRAFT, part=1),
        messages.filter(status=Status.FAILED, sent_at__gte=day),
    ]
    counted: dict[int, Counter] = {key: Counter() for key in keys}
    for found in waiting:
        for key, status in found.values_list("conversation", "status"):
            counted[key][status] += 1
    return counted


def _row(
    conversation: Conversation,
    facts: dict,
    last: Message | None,
    waiting: dict[int, Counter],
    agent: str,
) -> Row:
    at = conversation.last_message_at
    since = last.sent_at if last and facts["is_unanswered"] else None
    unread = facts["unread"]
    return Row(
        conversation,
        preview=_preview(last) if last else "",
        author=who(conversation, last, agent) if last else "",
        is_deleted=bool(last and last.deleted_at),
        when=when(at) if at else "",
        unread=f"{MOST_UNREAD}+" if unread > MOST_UNREAD else str(unread or ""),
        chips=[*_waits(since, waiting[conversation.pk]), *_stands(conversation)],
    )


def who(conversation: Conversation, message: Message, agent: str) -> str:
    """In a direct chat it is clear whose messages come in."""
    if message.is_inbound and not conversation.is_group:
        return ""
    return author(message, agent)


def _preview(message: Message) -> str:
    if message.deleted_at:
        return _("Deleted message")
    text = message.gone or " ".join(message.start.split())
    if message.kind == Kind.TEXT:
        return text
    kind = KINDS.get(message.kind, message.kind)
    return f"{kind}: {text}" if text else str(kind)


def _waits(since: datetime | None, waiting: Counter) -> Iterable[Chip]:
    if since:
        yield Chip(_age(since), "warn", _("Unanswered for"))
    if waiting[Status.FAILED]:
        yield Chip(_("Not sent"), "bad")
    if drafts := waiting[Status.DRAFT]:
        text = ngettext("%(n)d draft waits", "%(n)d drafts wait", drafts)
        yield Chip(text % {"n": drafts}, "warn")


def _stands(conversation: Conversation) -> Iterable[Chip]:
    if conversation.is_paused:
        yield Chip(_("Paused"))
    elif conversation.is_taken_over:
        yield Chip(_("Taken over"))
    elif conversation.is_quiet:
        yield Chip(_("Asked to be quiet"))
    if conversation.mode != Mode.LIVE:
        yield Chip(MODES[conversation.mode])


def _age(since: datetime) -> str:
    if timezone.now() - since < timedelta(minutes=1):
        return _("a moment")
    return timesince(since, depth=1)
