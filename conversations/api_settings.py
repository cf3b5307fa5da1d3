"""The settings, with the form's own rules, and in the history of changes."""

from django.db import transaction
from django.http import HttpRequest
from ninja import ModelSchema, Router
from ninja.errors import HttpError

from conversations import settings_history as history
from conversations.admin import settings_fields
from conversations.admin.forms import AgentSettingsForm
from conversations.models import AgentSettings
from llm.api_problems import Invalid, answers, require

router = Router(tags=["settings"])


class SettingsOut(ModelSchema):
    class Meta:
        model = AgentSettings
        fields = list(settings_fields.NAMES)


class SettingsIn(ModelSchema, extra="forbid"):
    class Meta:
        model = AgentSettings
        fields = list(settings_fields.NAMES)
        fields_optional = "__all__"


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
            history.values(row, settings_fields.NAMES) | wanted, instance=row
        )
        if not form.is_valid():
            raise Invalid(form)
        changed = {name: form.changed[name] for name in form.changed.keys() & wanted}
        if changed:
            history.save(row, changed, request.auth.user)
    return AgentSettings.load()
