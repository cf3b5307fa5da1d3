"""What needs a person, and where it is dealt with."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from django.contrib.auth.models import AnonymousUser, User
from django.db.models import Count, Max, Q
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.http import urlencode
from django.utils.text import Truncator
from django.utils.translation import gettext as _, ngettext, ngettext_lazy

from conversations import inbox
from conversations.models import Conversation, Message
from evolution.models import (
    Instance,
    MissedSearch,
    RefusedWebhook,
    Silence,
    UnreadableEvent,
)
from whatsapp_agent.home.bounds import count
from whatsapp_agent.home.chats import found, message_url
from whatsapp_agent.home.day import UNANSWERED, Day
from whatsapp_agent.home.spending import Spending

Person = User | AnonymousUser
MESSAGES = "admin:conversations_message_changelist"
MOST = 12  # numbers that are named one by one


@dataclass(frozen=True)
class Concern:
    text: str
    url: str
    tone: str = "bad"
    newest: Message | None = None  # the last one of them

    @property
    def newest_url(self) -> str:
        return message_url(self.newest)


@dataclass(frozen=True)
class Kind:
    """Messages of the last day that somebody should look at."""

    name: str  # as in Day.counts
    text: Promise
    tone: str
    query: dict[str, str]  # shows them in the list


KINDS = [
    Kind(
        "failed",
        ngettext_lazy(
            "%(n)d message was not sent", "%(n)d messages were not sent", "n"
        ),
        "bad",
        {"status__exact": "failed", "since": "day"},
    ),
    Kind(
        "unknown",
        ngettext_lazy(
            "Whether %(n)d message left is unknown",
            "Whether %(n)d messages left is unknown",
            "n",
        ),
        "bad",
        {"status__exact": "unknown"},
    ),
    Kind(
        "unanswered",
        ngettext_lazy(
            "The model failed on %(n)d message",
            "The model failed on %(n)d messages",
            "n",
        ),
        "bad",
        {"outcome__in": ",".join(UNANSWERED), "since": "day"},
    ),
    Kind(
        "drafts",
        ngettext_lazy(
            "%(n)d draft waits for approval", "%(n)d drafts wait for approval", "n"
        ),
        "warn",
        {"status__exact": "draft", "since": "day"},
    ),
    Kind(
        "over_budget",
        ngettext_lazy(
            "A budget was spent: %(n)d message got no answer",
            "A budget was spent: %(n)d messages got no answer",
            "n",
        ),
        "warn",
        {"outcome__exact": "over_budget", "since": "day"},
    ),
]


@dataclass(frozen=True)
class Outbox:
    waiting: int
    unknown: int
    newest_unknown: int | None


# Written out: only so does SQLite see that its partial index has them all.
UNSETTLED = """"conversations_message"."status" IN ('queued', 'sending', 'unknown')"""


def outbox() -> Outbox:
    rows = Message.objects.extra(where=[UNSETTLED])
    is_unknown = Q(status=Message.Status.UNKNOWN)
    return Outbox(
        **rows.aggregate(
            waiting=Count("pk", ~is_unknown),
            unknown=Count("pk", is_unknown),
            newest_unknown=Max("pk", filter=is_unknown),
        )
    )


def of_messages(day: Day, outbox: Outbox, may_open_chats: bool) -> Iterator[Concern]:
    counts = {**day.counts, "unknown": outbox.unknown}
    newest = {**day.newest, "unknown": outbox.newest_unknown}
    messages = found(filter(None, newest.values())) if may_open_chats else {}
    for kind in KINDS:
        if n := counts[kind.name]:
            url = f"{reverse(MESSAGES)}?{urlencode(kind.query)}"
            message = messages.get(newest.get(kind.name))
            yield Concern(kind.text % {"n": n}, url, kind.tone, message)


def of_bridge(user: Person) -> Iterator[Concern]:
    if user.has_perm("evolution.view_instance"):
        yield from _not_taken_in()
        yield from _silent()
        yield from _not_searched()
    if user.has_perm("evolution.view_unreadableevent"):
        yield from _unreadable()
    if user.has_perm("evolution.view_refusedwebhook"):
        yield from _refused()


def _not_taken_in() -> Iterator[Concern]:
    if problem := inbox.problem():
        yield Concern(problem, reverse("admin:conversations_worker_changelist"))


def _silent() -> Iterator[Concern]:
    for one in Silence.objects.filter(ended_at=None).select_related("instance")[:MOST]:
        text = _("%(name)s is silent: messages come late, by looking for them")
        yield Concern(text % {"name": one.instance}, _page_of(one.instance_id))


def _not_searched() -> Iterator[Concern]:
    failing = MissedSearch.objects.filter(finished_at=None).exclude(error="")
    rows = failing.exclude(instance__state=Instance.State.REMOVED)
    for one in rows.select_related("instance")[:MOST]:
        text = _("Missed messages of %(name)s cannot be looked for: %(error)s")
        said = Truncator(one.error).chars(120)
        yield Concern(
            text % {"name": one.instance, "error": said}, _page_of(one.instance_id)
        )


def _page_of(instance_id: int) -> str:
    return reverse("admin:evolution_instance_change", args=[instance_id])


def _unreadable() -> Iterator[Concern]:
    if n := count(UnreadableEvent.objects.filter(replayed_at=None)):
        text = ngettext(
            "%d webhook could not be read", "%d webhooks could not be read", n
        )
        url = reverse("admin:evolution_unreadableevent_changelist")
        yield Concern(text % n, f"{url}?replayed_at__isempty=1")


def _refused() -> Iterator[Concern]:
    since = timezone.now() - timedelta(days=1)
    if n := count(RefusedWebhook.objects.filter(last_at__gte=since)):
        text = ngettext(
            "Webhooks of %d sender were refused",
            "Webhooks of %d senders were refused",
            n,
        )
        url = reverse("admin:evolution_refusedwebhook_changelist")
        yield Concern(text % n, f"{url}?since=day")


def of_limits(spending: Spending) -> Iterator[Concern]:
    """The day's limits on model calls, where they are used up."""
    for one in (spending.whole, *spending.numbers):
        url = _limits_of(one.name)
        told = {"name": one.name, "calls": one.most_calls, "cost": one.most_cost}
        if one.are_calls_used_up:
            yield Concern(_used_up_calls(one.name) % told, url)
        if one.is_cost_used_up:
            yield Concern(_used_up_cost(one.name) % told, url)


def _limits_of(name: str) -> str:
    url = reverse("admin:conversations_agentsettings_change", args=[1])
    return f"{url}?{urlencode({'instance': name})}#limits" if name else f"{url}#limits"


def _used_up_calls(name: str) -> str:
    if name:
        return _("Today's %(calls)d model calls of %(name)s are used up")
    return _("Today's %(calls)d model calls are used up")


def _used_up_cost(name: str) -> str:
    if name:
        return _("Today's %(cost)s of %(name)s are spent")
    return _("Today's %(cost)s are spent")


def of_pauses(user: Person) -> Iterator[Concern]:
    """Chats with messages today in which the agent was told to be silent."""
    if not user.has_perm("conversations.view_conversation"):
        return
    now = timezone.now()
    active = Conversation.objects.filter(last_message_at__gte=now - timedelta(days=1))
    url = reverse("admin:conversations_conversation_changelist")
    if n := count(active.filter(paused_until__gt=now)):
        text = ngettext(
            "The agent is paused in %d active conversation",
            "The agent is paused in %d active conversations",
            n,
        )
        yield Concern(text % n, f"{url}?standing_back=paused", "")
