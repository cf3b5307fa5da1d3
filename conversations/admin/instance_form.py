"""The form of an instance's settings: for each its own value, or the common one."""

from typing import Any

from django import forms
from django.utils.translation import gettext as _

from conversations import instance_settings, settings_history as history
from conversations.admin import settings_fields, settings_sections
from conversations.admin.forms import (
    AgentSettingsForm,
    LimitedForm,
    last_seen,
    refuse_long_waits,
)
from conversations.instance_settings import COMMON
from conversations.models import AgentSettings

OWN = "own_"


class InstanceSettingsForm(LimitedForm):
    """A value is the instance's own where its box is ticked, or where it was changed."""

    class Meta(AgentSettingsForm.Meta):
        fields = settings_sections.OVERRIDABLE

    def __init__(self, data=None, *, row: AgentSettings, name: str, **kwargs) -> None:
        self.row, self.name, self.seen = row, name, history.latest()
        self.own = instance_settings.own(row, name)
        known = last_seen(data)
        self.base = instance_settings.seen(
            row, name, self._meta.fields, self.seen if known is None else known
        )
        shown = {field: self.base.value(field) for field in self._meta.fields}
        ticked = {f"{OWN}{field}": True for field in self.base.own}
        super().__init__(
            data, instance=AgentSettings(pk=row.pk), initial=shown | ticked, **kwargs
        )
        for field in self._meta.fields:
            self.fields[f"{OWN}{field}"] = forms.BooleanField(
                label=_("Own value"), required=False
            )

    @property
    def changed(self) -> history.Values:
        """Plain own values that are not yet as they are to be, COMMON for none."""
        return {
            name: value
            for name, value in self._wanted.items()
            if not instance_settings.is_same(name, value, self.own.get(name, COMMON))
        }

    @property
    def _wanted(self) -> history.Values:
        """What the sender wants otherwise than it stood on the page."""
        asked = {name: self._asked(name) for name in self._meta.fields}
        return {
            name: value
            for name, value in asked.items()
            if not instance_settings.is_same(
                name, value, self.base.own.get(name, COMMON)
            )
        }

    def _asked(self, name: str) -> Any:
        was_own = name in self.base.own
        was_changed = name in self.changed_data and name in self.cleaned_data
        if self.cleaned_data.get(f"{OWN}{name}") or (was_changed and not was_own):
            # What cannot be is told beside the field, and nothing is saved.
            value = self.cleaned_data.get(name)
            return history.plain({name: value})[name]
        return COMMON

    def clean(self) -> dict:
        cleaned = super().clean()
        if self.errors:
            return cleaned
        in_force = {
            name: history.read(name, value) if value != COMMON else self.row_value(name)
            for name, value in ((name, self._asked(name)) for name in self._meta.fields)
        }
        refuse_long_waits(self, in_force)
        for name in self.changed.keys() & self._changed_since:
            self.add_error(
                name,
                _(
                    "Somebody has changed this to %s since you opened the page. Nothing"
                    " was saved; save again if it is to be as you have it."
                )
                % settings_fields.told(name, self.own.get(name, COMMON)),
            )
        return cleaned

    def row_value(self, name: str) -> Any:
        return getattr(self.row, name)

    @property
    def _changed_since(self) -> set[str]:
        return {
            name
            for name in self._meta.fields
            if not instance_settings.is_same(
                name, self.own.get(name, COMMON), self.base.own.get(name, COMMON)
            )
        }
