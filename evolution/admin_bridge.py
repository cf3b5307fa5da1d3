"""The buttons of an instance's page: each calls one function of `instances`."""

from dataclasses import dataclass

from django import forms
from django.conf import settings

from evolution import instances
from evolution.models import Instance


@dataclass(frozen=True)
class Action:
    name: str
    label: str
    asks_first: str = ""  # what it does, where that cannot be undone


ACTIONS = {
    action.name: action
    for action in (
        Action("create", "Create in Evolution API"),
        Action("connect", "Connect"),
        Action("refresh", "Refresh state"),
        Action("webhook", "Register webhook"),
        Action("restart", "Restart"),
        Action(
            "logout",
            "Log out",
            "The phone is unlinked: no message comes in or goes out until one is "
            "linked again.",
        ),
        Action(
            "delete",
            "Delete in Evolution API",
            "The phone is unlinked, and Evolution API forgets the instance with its "
            "record of sent messages. Conversations stay here.",
        ),
    )
}


class InstanceForm(forms.ModelForm):
    class Meta:
        model = Instance
        fields = ["name"]

    def get_initial_for_field(self, field: forms.Field, field_name: str) -> object:
        given = super().get_initial_for_field(field, field_name)
        return given or settings.EVOLUTION_INSTANCE

    def clean_name(self) -> str:
        name = self.cleaned_data["name"]
        if not name.strip(" ."):
            raise forms.ValidationError("This cannot name an instance.")
        return name


class NumberForm(forms.Form):
    number = forms.CharField(required=False, max_length=40)

    def clean_number(self) -> str:
        number = "".join(filter(str.isdecimal, self.cleaned_data["number"]))
        if self.cleaned_data["number"] and not 7 <= len(number) <= 15:
            raise forms.ValidationError(
                "A number wants 7 to 15 digits, the country code first."
            )
        return number


def carry_out(action: str, name: str, number: str) -> str:
    """Do it, and say what was done; or raise BridgeError."""
    match action:
        case "create":
            instances.create(name)
            return f"Created. Its webhooks come to {settings.WEBHOOK_URL}."
        case "connect":
            return _connect(name, number)
        case "refresh":
            return f"Its state is: {instances.refresh(name).get_state_display()}."
        case "webhook":
            return _register_webhook(name)
        case "restart":
            instances.restart(name)
            return "It restarts."
        case "logout":
            instances.logout(name)
            return "The phone is unlinked."
        case "delete":
            instances.delete(name)
            return "Deleted in Evolution API."
    raise ValueError(action)


def _connect(name: str, number: str) -> str:
    link = instances.connect(name, number)
    if link.state == Instance.State.OPEN:
        return "It is linked already."
    if link.pairing_code:
        return "Type the pairing code into the phone."
    if link.qr_code:
        return "Scan the QR code with the phone."
    return "Connecting: the QR code will appear here."


def _register_webhook(name: str) -> str:
    needs_restart = instances.register_webhook(name)
    done = f"The webhooks of {name} come to {settings.WEBHOOK_URL}."
    if needs_restart:
        done += " Until it reconnects they carry media inside: restart it."
    return done
