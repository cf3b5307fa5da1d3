"""What the page of the settings shows: its fields in sections, the past, the stored."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from django.contrib.admin.helpers import AdminForm
from django.db.models import Model
from django.forms import BoundField
from django.http import HttpRequest
from django.urls import reverse
from django.utils.formats import date_format, number_format
from django.utils.functional import Promise
from django.utils.safestring import SafeString
from django.utils.text import Truncator
from django.utils.timezone import localtime
from django.utils.translation import gettext as _, gettext_lazy, ngettext

from conversations.admin import settings_fields, settings_history, settings_sections
from conversations.models import (
    AgentSettings,
    Contact,
    Message,
    Pruning,
    SettingsChange,
)
from llm.lab import charts, scores
from llm.models import Decision

KINDS = {
    "texts": gettext_lazy("Texts of messages"),
    "files": gettext_lazy("Files"),
    "prompts": gettext_lazy("Prompts and answers"),
    "unreadable": gettext_lazy("Webhooks that could not be read"),
    "refused": gettext_lazy("Webhooks that were refused"),
    "tasks": gettext_lazy("Tasks that failed"),
    "sessions": gettext_lazy("Sessions of people who are gone"),
}


# A longer value is shortened where it is only mentioned.
SHORT = 80


@dataclass(frozen=True)
class Row:
    """A setting: its control, or only its value for those who may but look."""

    name: str
    label: str
    help_text: str
    unit: str
    control: SafeString | str
    errors: SafeString | str = ""
    is_switch: bool = False
    is_readonly: bool = False
    # On the page of an instance: the box that makes it its own, and the common value.
    own_box: BoundField | None = None
    is_own: bool = False
    common: str = ""

    @property
    def id(self) -> str:
        return f"id_{self.name}"

    @property
    def is_text(self) -> bool:
        return self.name in ("instructions", "group_instructions")


@dataclass(frozen=True)
class Rows:
    title: Promise | str
    rows: list[Row]


@dataclass(frozen=True)
class Section:
    slug: str
    title: Promise
    description: Promise | str
    groups: list[Rows]


@dataclass(frozen=True)
class Stored:
    label: str
    url: str
    since: datetime | None


@dataclass(frozen=True)
class Pruned:
    run: Pruning

    @property
    def label(self) -> str:
        return str(KINDS.get(self.run.kind, self.run.kind))

    @property
    def told(self) -> str:
        at = date_format(localtime(self.run.started_at), "DATETIME_FORMAT")
        deleted = number_format(self.run.deleted, force_grouping=True)
        is_over = self.run.finished_at and self.run.finished_at >= self.run.started_at
        told = _("%(n)s on %(at)s") if is_over else _("%(n)s so far, since %(at)s")
        return told % {"at": at, "n": deleted}


def context(request: HttpRequest, adminform: AdminForm, row: AgentSettings) -> dict:
    rows = {one.name: one for one in _rows(adminform)}
    user = request.user
    sees_changes = user.has_perm("conversations.view_settingschange")
    return {
        "title": _("Settings"),
        "subtitle": None,
        "switch": rows[settings_sections.SWITCH],
        "sections": [
            section_of(section, rows) for section in settings_sections.SECTIONS
        ],
        "changes": settings_history.latest() if sees_changes else None,
        "stored": list(_stored(request)),
        "pruned": list(_pruned()),
        "may_change": user.has_perm("conversations.change_agentsettings"),
        # As saved, also while the form holds something else.
        **_preview(AgentSettings.load().threshold),
    }


def section_of(section: settings_sections.Section, rows: dict[str, Row]) -> Section:
    """With those of its rows that there are."""
    groups = [
        Rows(group.title, [rows[name] for name in group.fields if name in rows])
        for group in section.groups
        if rows.keys() & set(group.fields)
    ]
    return Section(section.slug, section.title, section.description, groups)


def _rows(adminform: AdminForm) -> Iterator[Row]:
    for line in (line for fieldset in adminform for line in fieldset):
        for field in line:
            yield _readonly(field) if field.is_readonly else _editable(field)


def _readonly(field) -> Row:
    name = field.field["name"]
    return Row(
        name,
        field.field["label"],
        field.field["help_text"],
        str(settings_fields.UNITS.get(name, "")),
        field.contents(),
        is_switch=False,
        is_readonly=True,
    )


def _editable(field) -> Row:
    bound = field.field
    return Row(
        bound.name,
        bound.label,
        bound.help_text,
        str(settings_fields.UNITS.get(bound.name, "")),
        bound.as_widget(),
        field.errors(),
        is_switch=field.is_checkbox,
    )


def short(told: str) -> str:
    return Truncator(" ".join(told.split())).chars(SHORT)


def _preview(threshold: float) -> dict:
    """What would have happened at this threshold and at others."""
    found = scores.recent()
    words = charts.Words(
        _("How likely a reply was wanted"),
        sentence(found).format(**numbers(found, threshold, threshold)),
        _("probability that a reply is wanted"),
    )
    return {
        "scores": found,
        "days": scores.DAYS,
        "saved": threshold,
        "chart": charts.histogram(found.counts, threshold, words),
        "sentence": sentence(found),
        "told": words.description,
        "steps": [
            (tenth / 10, found.at_or_above(tenth / 10), found.share(tenth / 10))
            for tenth in range(11)
        ],
    }


def sentence(found: scores.Scores) -> str:
    """With places for the numbers, which the page fills in again as they change."""
    return ngettext(
        "At {at}, {count} of the last {total} judged moment would have had a reply"
        " ({share} %); now: {now}.",
        "At {at}, {count} of the last {total} judged moments would have had a reply"
        " ({share} %); now: {now}.",
        found.total,
    )


def numbers(found: scores.Scores, at: float, saved: float) -> dict[str, str]:
    return {
        "at": number_format(at, decimal_pos=2),
        "count": _whole(found.at_or_above(at)),
        "total": _whole(found.total),
        "share": _whole(found.share(at)),
        "now": _whole(found.at_or_above(saved)),
    }


def _whole(number: float) -> str:
    # As the page rounds: a half goes up.
    return number_format(int(number + 0.5), force_grouping=True)


def _stored(request: HttpRequest) -> Iterator[Stored]:
    """The lists that this person may open, and how far back they reach."""
    lists: Iterable[tuple[str, type[Model], str]] = (
        (_("Messages"), Message, "received_at"),
        (_("Contacts"), Contact, ""),
        (_("Decisions, with their prompts and answers"), Decision, "created_at"),
        (_("Changes of these settings"), SettingsChange, "changed_at"),
    )
    for label, model, field in lists:
        meta = model._meta
        if request.user.has_perm(f"{meta.app_label}.view_{meta.model_name}"):
            url = reverse(f"admin:{meta.app_label}_{meta.model_name}_changelist")
            yield Stored(label, url, _oldest(model, field) if field else None)


def _oldest(model: type[Model], field: str) -> datetime | None:
    # By key: the other columns have no index that would tell it.
    rows = model._default_manager.order_by("pk").values_list(field, flat=True)
    return rows.first()


def _pruned() -> Iterator[Pruned]:
    runs = {run.kind: run for run in Pruning.objects.exclude(started_at=None)}
    for kind in KINDS:
        if kind in runs:
            yield Pruned(runs[kind])
