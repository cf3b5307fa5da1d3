from collections.abc import Mapping

from django import forms
from django.contrib.admin.widgets import AdminTextareaWidget
from django.core.validators import MaxValueValidator, MinValueValidator
from django.utils.formats import number_format
from django.utils.translation import gettext as _

from conversations import settings_history as history
from conversations.admin import settings_fields, settings_sections
from conversations.models import AgentSettings, Conversation, SettingsChange

# The least and the most that a setting may be.
LIMITS = {
    "threshold": (0, 1),
    "reaction_threshold": (0, 1),
    "reaction_gap": (0, None),
    "direct_wait": (0, None),
    "group_wait": (0, None),
    "longest_wait": (0, None),
    "context_messages": (1, 200),
    "knowledge_passages": (0, 20),
    "knowledge_characters": (0, 20_000),
    "relevance_timeout": (0.1, None),
    "response_timeout": (0.1, None),
    "relevance_price_in": (0, None),
    "relevance_price_out": (0, None),
    "response_price_in": (0, None),
    "response_price_out": (0, None),
    "response_max_tokens": (1, None),
    "temperature": (0, 2),
    "transcription_timeout": (0.1, None),
    "transcription_price": (0, None),
    "longest_voice": (0, None),
    "most_pictures": (0, 10),
    "largest_picture": (64, 2048),
    "document_characters": (0, 20_000),
    "largest_file": (0, 50),
    "unprompted_gap": (0, None),
    "daily_spend_limit": (0, None),
    # A century; what is a day old may still be needed.
    **dict.fromkeys(settings_sections.KEPT, (1, 36_500)),
}
# A longer number is no key, and no database takes it for one.
LONGEST_KEY = 18


class LimitedForm(forms.ModelForm):
    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        # Who may only look gets a form without fields.
        for name in LIMITS.keys() & self.fields.keys():
            _limit(self.fields[name], *LIMITS[name])


def _limit(field: forms.Field, least: float, most: float | None) -> None:
    field.validators.append(MinValueValidator(least))
    field.widget.attrs["min"] = least
    if most is not None:
        field.validators.append(MaxValueValidator(most))
        field.widget.attrs["max"] = most


class ConversationForm(LimitedForm):
    class Meta:
        model = Conversation
        fields = ["name", "mode", "access", "threshold", "instructions"]

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        if "threshold" in self.fields:
            in_force = f"{AgentSettings.of(self.instance.instance).threshold:g}"
            self.fields["threshold"].widget.attrs["placeholder"] = in_force


class LinesInput(AdminTextareaWidget):
    """Browsers send CR and LF: every text would differ from the one stored."""

    def value_from_datadict(self, data, files, name: str) -> str | None:
        text = super().value_from_datadict(data, files, name)
        return text and text.replace("\r\n", "\n")


def refuse_long_waits(form: forms.Form, cleaned: dict) -> None:
    longest = cleaned.get("longest_wait")
    for name in ("direct_wait", "group_wait"):
        wait = cleaned.get(name)
        if None not in (wait, longest) and wait > longest:
            limit = number_format(longest)
            form.add_error(name, _("Not longer than %s seconds.") % limit)


class AgentSettingsForm(LimitedForm):
    """Changes what its sender changed, and nothing that others changed meanwhile.

    `seen` is the last change of the settings that the sender's page knew of.
    """

    class Meta:
        model = AgentSettings
        fields = settings_sections.NAMES
        labels = settings_fields.LABELS
        help_texts = settings_fields.HELP
        widgets = {
            "instructions": LinesInput({"rows": 8, "dir": "auto"}),
            "group_instructions": LinesInput({"rows": 4, "dir": "auto"}),
            "voice_apology": LinesInput({"rows": 2, "dir": "auto"}),
        }

    def __init__(self, data=None, files=None, *, instance, **kwargs) -> None:
        self.seen = history.latest()
        self.current = history.values(instance, settings_sections.NAMES)
        self.theirs = _later(data)
        base = {name: _value_before(name, them) for name, them in self.theirs.items()}
        super().__init__(data, files, instance=instance, initial=base, **kwargs)
        if self.theirs:
            self._show_what_others_changed()

    @property
    def changed(self) -> history.Values:
        """The fields that differ from the row as it is now, with its values."""
        return {
            name: self.current[name]
            for name in self.changed_data
            if self.cleaned_data[name] != self.current[name]
        }

    def clean(self) -> dict:
        cleaned = super().clean()
        refuse_long_waits(self, cleaned)
        for name in self.theirs.keys() & set(self.changed_data):
            if cleaned.get(name) != self.current[name]:
                self.add_error(name, self._disagreement(name))
        return cleaned

    def _show_what_others_changed(self) -> None:
        """What the sender left alone is as the others have it, also on the page."""
        self.data = self.data.copy()
        for name in self.theirs.keys() & self.fields.keys() - set(self.changed_data):
            value = self.fields[name].prepare_value(self.current[name])
            if value is None or value is False:
                self.data.pop(self.add_prefix(name), None)
            else:
                self.data[self.add_prefix(name)] = value

    def _disagreement(self, name: str) -> str:
        change = self.theirs[name][-1]
        return _(
            "%(who)s has changed this to %(value)s since you opened the page. Nothing"
            " was saved; save again if it is to be as you have it."
        ) % {
            "who": change.staff or _("Somebody"),
            "value": settings_fields.told(name, self.current[name]),
        }


def last_seen(data: Mapping | None) -> int | None:
    """The last change that the sender's page knew of, None where it does not say."""
    seen = (data or {}).get("seen", "")
    is_key = seen.isdecimal() and len(seen) <= LONGEST_KEY
    return int(seen) if is_key else None


def _later(data: Mapping | None) -> dict[str, list[SettingsChange]]:
    seen = last_seen(data)
    if seen is None:
        return {}
    later = history.since(seen)
    return {name: later[name] for name in later.keys() & set(settings_sections.NAMES)}


def _value_before(name: str, changes: list[SettingsChange]) -> object:
    return history.read(name, changes[0].before[name])


class SteeringForm(forms.Form):
    """What a button on a conversation's page asks for."""

    action = forms.CharField()
    message = forms.IntegerField(required=False)
    text = forms.CharField(required=False, strip=False)
    file = forms.FileField(required=False, allow_empty_file=True)

    def clean_text(self) -> str:
        return self.cleaned_data["text"].replace("\r\n", "\n")
