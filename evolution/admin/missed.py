"""What the page of an instance tells of missed messages, and the lists of what was done."""

from datetime import datetime, timedelta

from django.contrib import admin
from django.http import HttpRequest
from django.template.defaultfilters import date
from django.utils import timezone
from django.utils.functional import cached_property
from django.utils.html import format_html
from django.utils.translation import gettext as _, gettext_lazy, ngettext

from evolution.models import Instance, MissedSearch, Silence, Why
from llm.admin_records import RecordAdmin, SinceFilter

SHOWN_FOR = timedelta(days=1)


class MissedView:
    """The latest searches of one instance, each in a sentence."""

    def __init__(self, row: Instance, may_search: bool) -> None:
        self.row = row
        self.may_search = may_search

    @cached_property
    def latest(self) -> MissedSearch | None:
        return self.row.searches.order_by("-pk").first()

    @cached_property
    def last_with_some(self) -> MissedSearch | None:
        """Else the next search, five minutes later, would hide what was found."""
        lately = timezone.now() - SHOWN_FOR
        found = self.row.searches.filter(found__gt=0, started_at__gte=lately)
        return found.exclude(pk=self.latest and self.latest.pk).order_by("-pk").first()

    @cached_property
    def silence(self) -> Silence | None:
        return self.row.silences.filter(ended_at=None).first()

    @property
    def is_asked_for(self) -> bool:
        return self.row.search_why == Why.BUTTON

    @property
    def version(self) -> str:
        latest, silence = self.latest, self.silence
        facts = [self.is_asked_for, self.may_search]
        if latest:
            facts += [latest.pk, latest.finished_at, latest.found, latest.error]
        if silence:
            minute = int(timezone.now().timestamp() / 60)  # for its "ago"
            facts += [silence.pk, silence.steps, minute]
        return "|".join(map(str, facts))

    @property
    def sentences(self) -> list[str]:
        return [sentence(one) for one in (self.latest, self.last_with_some) if one] or [
            _("Nobody has looked for missed messages yet")
        ]


def sentence(search: MissedSearch) -> str:
    """In words: "3 missed messages found, since 14:02"."""
    words = {"n": search.found, "since": _time(search.since)}
    if search.is_failing:
        return _("Looking for messages since %(since)s fails") % words
    if search.finished_at is None:
        return _("Looking for messages since %(since)s…") % words
    if not search.found:
        return _("No message was missed since %(since)s") % words
    said = ngettext(
        "%(n)d missed message found, since %(since)s",
        "%(n)d missed messages found, since %(since)s",
        search.found,
    )
    if not search.too_old:
        return said % words
    too_old = ngettext(
        "%(n)d of them too old to answer",
        "%(n)d of them too old to answer",
        search.too_old,
    )
    return f"{said % words}; {too_old % {'n': search.too_old}}"


def _time(moment: datetime) -> str:
    local = timezone.localtime(moment)
    is_today = local.date() == timezone.localdate()
    return date(local, "TIME_FORMAT" if is_today else "DATETIME_FORMAT")


class StartedFilter(SinceFilter):
    field = "started_at"


class OfInstances(RecordAdmin):
    """Whoever may look at the numbers may see how they fared."""

    def has_view_permission(
        self, request: HttpRequest, obj: object | None = None
    ) -> bool:
        return request.user.has_perm("evolution.view_instance")


@admin.register(MissedSearch)
class MissedSearchAdmin(OfInstances):
    list_display = (
        "started_at",
        "instance",
        "why",
        "since",
        "found",
        "too_old",
        "how_it_went",
    )
    list_filter = (StartedFilter, "why")
    list_select_related = ("instance",)
    fields = (
        "instance",
        "why",
        "since",
        "until",
        "position",
        "started_at",
        "finished_at",
        "seen",
        "found",
        "too_old",
        "unreadable",
        "failures",
        "error",
    )

    @admin.display(description=gettext_lazy("how it went"))
    def how_it_went(self, search: MissedSearch) -> str:
        if search.is_failing:
            return format_html('<div dir="auto">{}</div>', search.error[:200])
        return _("Finished") if search.finished_at else _("Under way")


class NoticedFilter(SinceFilter):
    field = "noticed_at"


@admin.register(Silence)
class SilenceAdmin(OfInstances):
    list_display = (
        "noticed_at",
        "instance",
        "began_at",
        "ended_at",
        "missed",
        "told_at",
    )
    list_filter = (NoticedFilter,)
    list_select_related = ("instance",)
    fields = (
        "instance",
        "began_at",
        "noticed_at",
        "ended_at",
        "missed",
        "done",
        "restarted_at",
        "told_at",
        "told_end_at",
    )

    @admin.display(description=gettext_lazy("what was done"))
    def done(self, silence: Silence) -> str:
        return format_html(
            '<pre class="record" dir="auto" tabindex="0">{}</pre>', silence.steps
        )
