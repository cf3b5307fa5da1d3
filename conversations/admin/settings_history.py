"""The changes of the settings: told to staff, and undone by them."""

from collections.abc import Iterator
from dataclasses import dataclass

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html, format_html_join
from django.utils.http import urlencode
from django.utils.safestring import SafeString
from django.utils.text import Truncator
from django.utils.translation import gettext as _, gettext_lazy

from conversations import instance_settings, settings_history as history
from conversations.admin import settings_fields, settings_sections
from conversations.admin.forms import AgentSettingsForm
from conversations.instance_settings import COMMON
from conversations.models import AgentSettings, SettingsChange
from llm.admin_records import RecordAdmin, SinceFilter

SHOWN = 10
# A longer value is shortened, and unfolds.
SHORT = 60


class NotUndone(Exception):
    """Why a change cannot be undone, as a sentence."""


@dataclass(frozen=True)
class Value:
    text: str

    @property
    def is_long(self) -> bool:
        return len(self.text) > SHORT or "\n" in self.text

    @property
    def start(self) -> str:
        return Truncator(" ".join(self.text[: 2 * SHORT].split())).chars(SHORT)


@dataclass(frozen=True)
class FieldChange:
    label: str
    old: Value
    new: Value


@dataclass(frozen=True)
class Change:
    change: SettingsChange

    @property
    def fields(self) -> Iterator[FieldChange]:
        before, after = self.change.before, self.change.after
        for name in after:
            yield FieldChange(
                settings_fields.label(name),
                Value(settings_fields.told(name, before.get(name))),
                Value(settings_fields.told(name, after[name])),
            )

    @property
    def names(self) -> str:
        return settings_fields.labels(self.change.after)


def latest(instance: str = "") -> list[Change]:
    """Of an instance, or of all."""
    changes = SettingsChange.objects.select_related("staff", "undoes")
    if instance:
        changes = changes.filter(instance=instance)
    return [Change(change) for change in changes.order_by("-pk")[:SHOWN]]


@transaction.atomic
def undo(change: SettingsChange, staff: object) -> AgentSettings:
    """Set the fields back to what they were, unless they were changed since."""
    row = history.lock()
    _refuse_what_is_gone(change)
    if change.instance:
        return _undo_of_instance(change, row, staff)
    _refuse_what_changed_since(change, row)
    before = history.values(row, change.before)
    for name, plain in change.before.items():
        setattr(row, name, history.read(name, plain))
    _refuse_what_cannot_be(row, change)
    history.save(row, before, staff, undoes=change)
    return row


def _undo_of_instance(
    change: SettingsChange, row: AgentSettings, staff: object
) -> AgentSettings:
    mine = instance_settings.own(row, change.instance)
    _refuse({name: mine.get(name, COMMON) for name in change.after}, change)
    wanted = {**mine, **change.before}
    laid = {
        name: getattr(row, name) if wanted.get(name, COMMON) == COMMON else wanted[name]
        for name in settings_sections.OVERRIDABLE
    }
    _refuse_the_invalid(laid, change)
    instance_settings.save(row, change.instance, change.before, staff, undoes=change)
    return row


def _refuse_what_is_gone(change: SettingsChange) -> None:
    known = (
        settings_sections.OVERRIDABLE if change.instance else settings_sections.NAMES
    )
    if gone := change.before.keys() - set(known):
        raise NotUndone(
            _("There is no such setting any more: %s.") % settings_fields.labels(gone)
        )


def _refuse_what_changed_since(change: SettingsChange, row: AgentSettings) -> None:
    _refuse(history.values(row, change.after), change)


def _refuse(now: history.Values, change: SettingsChange) -> None:
    later = history.since(change.pk, change.instance)
    reasons = []
    for name, plain in change.after.items():
        if not instance_settings.is_same(name, plain, now[name]):
            last = later[name][-1] if name in later else None
            who = last and (last.staff or last.commander)
            reasons.append(
                _("“%(setting)s” was changed since by %(who)s.")
                % {
                    "setting": settings_fields.label(name),
                    "who": who or _("somebody else"),
                }
            )
    if reasons:
        raise NotUndone(" ".join([*reasons, _("Nothing was undone.")]))


def _refuse_what_cannot_be(row: AgentSettings, change: SettingsChange) -> None:
    """The rest of the settings may have moved on, and so may the rules."""
    _refuse_the_invalid(history.values(row, settings_sections.NAMES), change)


def _refuse_the_invalid(data: history.Values, change: SettingsChange) -> None:
    common = history.values(AgentSettings.load(), settings_sections.NAMES)
    form = AgentSettingsForm(common | data, instance=AgentSettings.load())
    if not form.is_valid():
        reasons = (
            f"{settings_fields.label(name)}: {error}"
            for name, errors in form.errors.items()
            for error in errors
        )
        raise NotUndone(" ".join([_("It cannot be as it was."), *reasons]))


@admin.register(SettingsChange)
class SettingsChangeAdmin(RecordAdmin):
    list_display = ("changed_at", "staff", "commander", "where", "what", "undoes")
    list_filter = (type("ChangedSinceFilter", (SinceFilter,), {"field": "changed_at"}),)
    list_select_related = ("staff", "undoes")
    fields = (
        "changed_at",
        "staff",
        "commander",
        "where",
        "what",
        "values",
        "undoes",
    )

    def get_urls(self) -> list[URLPattern]:
        undo = path(
            "<int:pk>/undo/",
            self.admin_site.admin_view(self.undo),
            name="conversations_settingschange_undo",
        )
        return [undo, *super().get_urls()]

    def undo(self, request: HttpRequest, pk: int) -> HttpResponse:
        if request.method != "POST":
            return HttpResponse(status=405, headers={"Allow": "POST"})
        if not request.user.has_perm("conversations.change_agentsettings"):
            raise PermissionDenied
        change = get_object_or_404(SettingsChange, pk=pk)
        try:
            row = undo(change, request.user)
        except NotUndone as error:
            self.message_user(request, str(error), messages.ERROR)
        else:
            self.log_change(request, row, [{"changed": {"fields": _labels(change)}}])
            self.message_user(
                request, _("Undone: %s.") % settings_fields.labels(change.after)
            )
        url = reverse("admin:conversations_agentsettings_change", args=[1])
        query = (
            f"?{urlencode({'instance': change.instance})}" if change.instance else ""
        )
        return HttpResponseRedirect(f"{url}{query}#history")

    @admin.display(description=gettext_lazy("of"))
    def where(self, change: SettingsChange) -> str:
        return change.instance or _("All instances")

    @admin.display(description=gettext_lazy("settings"))
    def what(self, change: SettingsChange) -> str:
        return Change(change).names

    @admin.display(description=gettext_lazy("values"))
    def values(self, change: SettingsChange) -> SafeString:
        rows = (
            (one.label, one.old.text, one.new.text) for one in Change(change).fields
        )
        return format_html(
            '<dl class="settings-values">{}</dl>',
            format_html_join(
                "",
                '<dt>{}</dt><dd><bdi class="old">{}</bdi> → <bdi>{}</bdi></dd>',
                rows,
            ),
        )


def _labels(change: SettingsChange) -> list[str]:
    return [settings_fields.label(name) for name in change.after]
