"""The page where people say, one after the other, where a reply was wanted.

It is blind: no score, no outcome, nothing that came after.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property

from django.contrib import messages
from django.core import signing
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import (
    HttpRequest,
    HttpResponse,
    HttpResponseNotAllowed,
    HttpResponseRedirect,
)
from django.shortcuts import render
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.translation import gettext as _, gettext_lazy

from conversations.admin.bubbles import Entry, entries
from conversations.admin.history import Place, Window
from conversations.models import AgentSettings, Conversation, Message
from llm.lab import sampling
from llm.lab.sampling import Frame, Offer, Version
from llm.models import Decision, Label

Verdict = Label.Verdict

BEFORE = 20  # messages shown before those judged
BURST = 40  # most messages from the first judged to the last
GROUPS = 100
SALT = "label"
HIDDEN = ("draft", "failed", "dropped")
# A key and a word for each answer.
ANSWERS = [
    (Verdict.WANTED, "w", gettext_lazy("Wanted")),
    (Verdict.UNWANTED, "n", gettext_lazy("Not wanted")),
    (Verdict.REACTION, "r", gettext_lazy("A reaction would do")),
    (Verdict.UNSURE, "u", gettext_lazy("Unsure")),
]


@dataclass(frozen=True)
class Queue:
    """What one person is asked."""

    rater: int
    conversation: Conversation | None

    @cached_property
    def version(self) -> Version | None:
        return sampling.version_in_use()

    @cached_property
    def frame(self) -> Frame:
        if self.version is None:
            return Frame({})
        pk = self.conversation.pk if self.conversation else None
        return sampling.frame(self.version, _since(), pk)

    @cached_property
    def offer(self) -> Offer | None:
        return sampling.draw(self.frame, self.rater)

    @cached_property
    def case(self) -> "Case | None":
        if self.offer is None:
            return None
        decisions = Decision.objects.select_related("conversation__contact")
        chosen = decisions.only("conversation").get(pk=self.offer.decision)
        return Case(chosen)

    @cached_property
    def is_begun(self) -> bool:
        """There is a last answer to undo."""
        return _last(self.rater) is not None

    @property
    def ticket(self) -> str:
        """Only what was offered can be answered: the draw would mean nothing."""
        offered = [self.rater, self.offer.decision, self.offer.inclusion]
        return signing.dumps(offered, salt=SALT)


@dataclass(frozen=True)
class Case:
    decision: Decision

    @property
    def conversation(self) -> Conversation:
        return self.decision.conversation

    @cached_property
    def judged(self) -> set[int]:
        return {message.pk for message in self._judged}

    @cached_property
    def _judged(self) -> list[Message]:
        rows = self.decision.messages.select_related("sender", "staff")
        return list(rows.chronological())

    @cached_property
    def entries(self) -> list[Entry]:
        """Some messages before, those judged, and nothing that came after."""
        first, last = Place.of(self._judged[0]), self._judged[-1]
        said = self.conversation.messages.select_related("sender", "staff").exclude(
            direction="out", status__in=HIDDEN
        )
        newest = ("-sent_at", "-pk")
        earlier = first.before(said).order_by(*newest)[:BEFORE]
        between = first.at_or_after(said).filter(sent_at__lte=last.sent_at)
        between = between.exclude(sent_at=last.sent_at, pk__gt=last.pk)
        shown = {one.pk: one for one in between.chronological()[:BURST]}
        shown |= {one.pk: one for one in self._judged}
        later = sorted(shown.values(), key=lambda one: (one.sent_at, one.pk))
        return entries(self.conversation, Window([*list(earlier)[::-1], *later]))


class LabelQueue:
    """What of ConversationAdmin is about the page of the queue."""

    def get_urls(self) -> list[URLPattern]:
        page = self.admin_site.admin_view(self.label_view)
        return [path("label/", page, name="label_queue"), *super().get_urls()]

    def label_view(self, request: HttpRequest) -> HttpResponse:
        if request.method not in ("GET", "HEAD", "POST"):
            return HttpResponseNotAllowed(["GET", "POST"])
        if not may_label(request):
            raise PermissionDenied
        if request.method == "POST":
            _answer(request)
            return HttpResponseRedirect(request.get_full_path())
        groups = Conversation.objects.filter(is_group=True)
        context = self.admin_site.each_context(request) | {
            "title": _("Label"),
            "queue": Queue(request.user.pk, _chosen(request)),
            "answers": ANSWERS,
            "groups": groups.order_by("-last_message_at")[:GROUPS],
            "page_url": reverse("admin:label_queue"),
            "enough": sampling.ENOUGH,
        }
        return render(request, "admin/lab/label.html", context)


def may_label(request: HttpRequest) -> bool:
    user = request.user
    return user.has_perms(["llm.add_label", "conversations.view_message"])


@transaction.atomic
def _answer(request: HttpRequest) -> None:
    rater = request.user
    if "undo" in request.POST:
        last = _last(rater.pk)
        if last is None:
            messages.info(request, _("There is nothing to undo."))
        else:
            last.delete()
            messages.success(request, _("Undone: here it is once more."))
        return
    verdict, offer = request.POST.get("verdict"), _offered(request)
    if offer is None or verdict not in Verdict.values:
        messages.error(request, _("That cannot be read. Please answer once more."))
        return
    Label.objects.get_or_create(
        decision_id=offer.decision,
        rater=rater,
        origin=Label.Origin.QUEUE,
        defaults={"verdict": verdict, "inclusion": offer.inclusion},
    )


def _offered(request: HttpRequest) -> Offer | None:
    try:
        offered = signing.loads(request.POST.get("ticket", ""), salt=SALT)
    except signing.BadSignature:
        return None
    rater, decision, inclusion = offered
    is_there = Decision.objects.filter(pk=decision).exists()
    return Offer(decision, inclusion) if rater == request.user.pk and is_there else None


def _last(rater: int) -> Label | None:
    own = Label.objects.filter(rater=rater, origin=Label.Origin.QUEUE)
    return own.order_by("-pk").first()


def _chosen(request: HttpRequest) -> Conversation | None:
    pk = request.GET.get("conversation", "")
    if not pk.isdecimal() or len(pk) > 18:
        return None
    return Conversation.objects.filter(pk=pk).first()


def _since() -> datetime:
    """What is deleted after its time cannot be read, nor judged."""
    kept = AgentSettings.current().keep_texts
    days = sampling.DAYS if kept is None else min(kept, sampling.DAYS)
    return timezone.now() - timedelta(days=days)
