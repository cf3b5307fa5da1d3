"""The settings, with the form's own rules, and in the history of changes."""

from typing import Annotated

from django.db import transaction
from django.http import HttpRequest
from ninja import ModelSchema, Router, Schema
from ninja.errors import HttpError
from pydantic import Field, StringConstraints

from conversations import instance_settings, settings_history as history
from conversations.admin import settings_sections
from conversations.admin.forms import AgentSettingsForm
from conversations.admin.instance_form import OWN, InstanceSettingsForm
from conversations.models import AgentSettings
from llm.api_problems import Invalid, answers, require

router = Router(tags=["settings"])

Name = Annotated[str, StringConstraints(max_length=100, pattern=r"^[^\x00/]+$")]


class SettingsOut(ModelSchema):
    class Meta:
        model = AgentSettings
        fields = list(settings_sections.NAMES)


class SettingsIn(ModelSchema, extra="forbid"):
    class Meta:
        model = AgentSettings
        fields = list(settings_sections.NAMES)
        fields_optional = "__all__"


class InForce(ModelSchema):
    class Meta:
        model = AgentSettings
        fields = list(settings_sections.OVERRIDABLE)


class OwnIn(ModelSchema, extra="forbid"):
    class Meta:
        model = AgentSettings
        fields = list(settings_sections.OVERRIDABLE)
        fields_optional = "__all__"


class InstanceSettingsOut(Schema):
    instance: str
    own: list[str] = Field(description="What it has of its own; the rest is common.")
    in_force: InForce


@router.get("/settings", response={200: SettingsOut, **answers()}, url_name="settings")
def get_settings(request: HttpRequest) -> AgentSettings:
    require(request, "conversations.view_agentsettings")
    return AgentSettings.load()


@router.patch("/settings", response={200: SettingsOut, **answers()})
def change_settings(request: HttpRequest, change: SettingsIn) -> AgentSettings:
    """Change the fields that are given, and no others."""
    require(request, "conversations.change_agentsettings")
    wanted = change.dict(exclude_unset=True)
    if not wanted:
        raise HttpError(422, "There is nothing to change.")
    with transaction.atomic():
        row = history.lock()
        form = AgentSettingsForm(
            history.values(row, settings_sections.NAMES) | wanted, instance=row
        )
        if not form.is_valid():
            raise Invalid(form)
        changed = {name: form.changed[name] for name in form.changed.keys() & wanted}
        if changed:
            history.save(row, changed, request.auth.user)
    return AgentSettings.load()


@router.get(
    "/settings/instances/{name}",
    response={200: InstanceSettingsOut, **answers(404)},
    url_name="instance_settings",
)
def get_instance_settings(request: HttpRequest, name: Name) -> dict:
    """What holds for an instance: its own values over the common ones."""
    require(request, "conversations.view_agentsettings")
    return _of_instance(AgentSettings.load(), name)


@router.patch(
    "/settings/instances/{name}", response={200: InstanceSettingsOut, **answers(404)}
)
def change_instance_settings(request: HttpRequest, name: Name, change: OwnIn) -> dict:
    """Give the instance its own values of the fields that are given; null takes one
    back to the common value."""
    require(request, "conversations.change_agentsettings")
    wanted = change.dict(exclude_unset=True)
    if not wanted:
        raise HttpError(422, "There is nothing to change.")
    with transaction.atomic():
        row = history.lock()
        before = _of_instance(row, name)
        form = InstanceSettingsForm(_filled(before, row, wanted), row=row, name=name)
        if not form.is_valid():
            raise Invalid(form)
        changed = {one: form.changed[one] for one in form.changed.keys() & wanted}
        if changed:
            instance_settings.save(row, name, changed, request.auth.user)
    return _of_instance(AgentSettings.load(), name)


def _of_instance(row: AgentSettings, name: str) -> dict:
    if name not in instance_settings.names(row):
        raise HttpError(404, "There is no such instance.")
    mine = instance_settings.own(row, name)
    return {"instance": name, "own": sorted(mine), "in_force": row.laid_over(name)}


def _filled(before: dict, row: AgentSettings, wanted: dict) -> dict:
    """The form as somebody fills it in who wants just this."""
    given = {one: value for one, value in wanted.items() if value is not None}
    own = (set(before["own"]) | given.keys()) - (wanted.keys() - given.keys())
    mine = instance_settings.own(row, before["instance"])
    own_values = {one: history.read(one, mine[one]) for one in own & mine.keys()}
    values = history.values(row, settings_sections.OVERRIDABLE) | own_values | given
    return values | {f"{OWN}{one}": one in own for one in settings_sections.OVERRIDABLE}
