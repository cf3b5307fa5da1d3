"""The settings of one instance: what it has of its own, and what is common to all."""

from collections.abc import Iterator
from dataclasses import dataclass

from django.contrib import messages
from django.contrib.admin import ModelAdmin
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _

from conversations import instance_settings, numbers, settings_history as history
from conversations.admin import (
    settings_fields,
    settings_history,
    settings_page,
    settings_sections,
)
from conversations.admin.instance_form import OWN, InstanceSettingsForm
from conversations.instance_settings import COMMON
from conversations.models import AgentSettings
from llm import providers, transcription

TEMPLATE = "admin/conversations/agentsettings/change_form.html"
CHANGE = "conversations.change_agentsettings"


@dataclass(frozen=True)
class Tab:
    """A page of the settings: the common ones, or an instance's."""

    name: str
    url: str
    is_current: bool
    own: int = 0
    is_gone: bool = False


def url(name: str = "") -> str:
    page = reverse("admin:conversations_agentsettings_change", args=[1])
    return f"{page}?{urlencode({'instance': name})}" if name else page


def tabs(row: AgentSettings, current: str = "") -> list[Tab]:
    """None where there is but one number, and nothing that is its own."""
    names, linked = instance_settings.names(row), numbers.ours()
    if len(names) < 2 and not row.own_values and not current:
        return []
    instances = [
        Tab(
            name,
            url(name),
            name == current,
            len(instance_settings.own(row, name)),
            name not in linked,
        )
        for name in names
    ]
    return [Tab("", url(), not current), *instances]


def respond(admin: ModelAdmin, request: HttpRequest, name: str) -> HttpResponse:
    if not admin.has_view_or_change_permission(request):
        raise PermissionDenied
    if request.method == "POST":
        return _change(admin, request, name)
    return _show(admin, request, _form(AgentSettings.load(), name))


def _form(row: AgentSettings, name: str, data=None) -> InstanceSettingsForm:
    if name not in instance_settings.names(row):
        raise Http404
    return InstanceSettingsForm(data, row=row, name=name)


def _change(admin: ModelAdmin, request: HttpRequest, name: str) -> HttpResponse:
    if not request.user.has_perm(CHANGE):
        raise PermissionDenied
    with transaction.atomic():
        form = _form(history.lock(), name, request.POST)
        is_valid = form.is_valid()
        if is_valid and form.changed:
            change = instance_settings.save(form.row, name, form.changed, request.user)
            told = [settings_fields.label(one) for one in change.after]
            admin.log_change(
                request, form.row, [{"changed": {"name": name, "fields": told}}]
            )
    if not is_valid:
        return _show(admin, request, form)
    laid = form.row.laid_over(name)
    for missing in lacking(laid):
        messages.warning(request, _("It cannot be asked yet: %s") % missing)
    messages.success(request, _("The settings of %s are saved.") % name)
    return HttpResponseRedirect(url(name))


def lacking(agent: AgentSettings) -> list[str]:
    """What the providers of its models have not got yet, as sentences."""
    asked = sorted({agent.relevance_provider, agent.response_provider})
    found = [providers.missing(provider) for provider in asked]
    if agent.transcribe != AgentSettings.Transcribe.NEVER:
        found.append(transcription.missing(agent.transcription_provider))
    return list(dict.fromkeys(filter(None, found)))


def _show(
    admin: ModelAdmin, request: HttpRequest, form: InstanceSettingsForm
) -> HttpResponse:
    may_change = request.user.has_perm(CHANGE)
    rows = {row.name: row for row in _rows(form, may_change)}
    sections = [
        settings_page.section_of(section, rows)
        for section in settings_sections.SECTIONS
    ]
    sees_changes = request.user.has_perm("conversations.view_settingschange")
    context = {
        **admin.admin_site.each_context(request),
        "opts": AgentSettings._meta,
        "original": form.row,
        "title": _("Settings of %s") % form.name,
        "subtitle": None,
        "instance": form.name,
        "tabs": tabs(form.row, form.name),
        "is_gone": form.name not in numbers.ours(),
        "form": form,
        "errors": form.errors,
        "seen": form.seen,
        "switch": rows[settings_sections.SWITCH],
        "sections": [one for one in sections if one.groups],
        "changes": settings_history.latest(form.name) if sees_changes else None,
        "may_change": may_change,
        "page_url": url(form.name),
    }
    request.current_app = admin.admin_site.name
    return TemplateResponse(request, TEMPLATE, context)


def _rows(form: InstanceSettingsForm, may_change: bool) -> Iterator[settings_page.Row]:
    for name in settings_sections.OVERRIDABLE:
        bound, mine = form[name], form.own.get(name, COMMON)
        in_force = form.row_value(name) if mine == COMMON else history.read(name, mine)
        yield settings_page.Row(
            name,
            bound.label,
            bound.help_text,
            str(settings_fields.UNITS.get(name, "")),
            bound.as_widget() if may_change else settings_fields.told(name, in_force),
            bound.errors if bound.errors else "",
            is_switch=False,
            is_readonly=not may_change,
            own_box=form[f"{OWN}{name}"] if may_change else None,
            is_own=mine != COMMON,
            common=settings_page.short(
                settings_fields.told(name, form.row_value(name))
            ),
        )
