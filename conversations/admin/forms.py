from django import forms
from django.core.validators import MaxValueValidator, MinValueValidator

from conversations.models import AgentSettings, Conversation

# The least and the most that a setting may be.
LIMITS = {
    "threshold": (0, 1),
    "direct_wait": (0, None),
    "group_wait": (0, None),
    "longest_wait": (0, None),
    "context_messages": (1, 200),
    "relevance_timeout": (0.1, None),
    "response_timeout": (0.1, None),
    "relevance_price_in": (0, None),
    "relevance_price_out": (0, None),
    "response_price_in": (0, None),
    "response_price_out": (0, None),
    "response_max_tokens": (1, None),
    "temperature": (0, 2),
    "unprompted_gap": (0, None),
    "daily_spend_limit": (0, None),
}


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
            in_force = f"{AgentSettings.current().threshold:g}"
            self.fields["threshold"].widget.attrs["placeholder"] = in_force


class AgentSettingsForm(LimitedForm):
    def clean(self) -> dict:
        cleaned = super().clean()
        longest = cleaned.get("longest_wait")
        for name in ("direct_wait", "group_wait"):
            wait = cleaned.get(name)
            if None not in (wait, longest) and wait > longest:
                self.add_error(
                    name, f"Not longer than the longest wait, {longest:g} s."
                )
        return cleaned


class SteeringForm(forms.Form):
    """What a button on a conversation's page asks for."""

    action = forms.CharField()
    message = forms.IntegerField(required=False)
    text = forms.CharField(required=False, strip=False)

    def clean_text(self) -> str:
        return self.cleaned_data["text"].replace("\r\n", "\n")
