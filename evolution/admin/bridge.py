"""The buttons of an instance's page: each calls one function of `instances`."""

from dataclasses import dataclass

from django import forms
from django.conf import settings
from django.utils.functional import Promise
from django.utils.translation import gettext, gettext_lazy as _

from evolution import instances
from evolution.models import Instance
from evolution.names import is_fit

State = Instance.State
EVERY = frozenset(State)
KNOWN = EVERY - {State.REMOVED}
LINKED = frozenset({State.OPEN, State.CONNECTING})


@dataclass(frozen=True)
class Action:
    name: str
    label: Promise
    states: frozenset[State]  # in which Evolution would carry it out
    asks_first: Promise | str = ""  # what it does, where that cannot be undone


ACTIONS = {
    action.name: action
    for action in (
        Action(
            "create",
            _("Create in Evolution API"),
            frozenset({State.UNKNOWN, State.REMOVED}),
        ),
        Action("connect", _("Connect"), KNOWN - {State.OPEN}),
        Action("refresh", _("Check"), EVERY),
        Action("restart", _("Restart"), LINKED),
        Action("webhook", _("Register webhook"), KNOWN),
        Action(
            "logout",
            _("Unlink"),
            LINKED,
            _(
                "The phone is unlinked: no message comes in or goes out until one is "
                "linked again."
            ),
        ),
        Action(
            "delete",
            _("Delete in Evolution API"),
            KNOWN,
            _(
                "The phone is unlinked, and Evolution API forgets the instance with "
                "its record of sent messages. Conversations stay here."
            ),
        ),
    )
}


class InstanceForm(forms.ModelForm):
    class Meta:
        model = Instance
        fields = ["name"]
        help_texts = {"name": _("As Evolution API knows it, or is to.")}

    def get_initial_for_field(self, field: forms.Field, field_name: str) -> object:
        given = super().get_initial_for_field(field, field_name)
        if given or Instance.objects.filter(name=settings.EVOLUTION_INSTANCE).exists():
            return given
        return settings.EVOLUTION_INSTANCE

    def clean_name(self) -> str:
        name = self.cleaned_data["name"]
        if not is_fit(name):
            raise forms.ValidationError(
                _(
                    "This cannot name an instance, since the name becomes part of an"
                    " address: no / \\ ? # %, and not dots alone."
                )
            )
        return name


class NumberForm(forms.Form):
    number = forms.CharField(required=False, max_length=40)

    def clean_number(self) -> str:
        number = "".join(filter(str.isdecimal, self.cleaned_data["number"]))
        if self.cleaned_data["number"] and not 7 <= len(number) <= 15:
            raise forms.ValidationError(
                _("A number wants 7 to 15 digits, the country code first.")
            )
        return number


def carry_out(action: str, name: str, number: str) -> tuple[str, list[str]]:
    """Do it, and say what was done and what is still wrong; or raise BridgeError."""
    match action:
        case "create":
            instances.create(name)
            return gettext("Created. Its webhooks come to %s.") % _address(), []
        case "connect":
            return _connect(name, number), []
        case "refresh":
            return _check(name)
        case "webhook":
            return _register_webhook(name)
        case "restart":
            instances.restart(name)
            return gettext("It restarts."), []
        case "logout":
            instances.logout(name)
            return gettext("The phone is unlinked."), []
        case "delete":
            instances.delete(name)
            return gettext("Deleted in Evolution API."), []
    raise ValueError(action)


def _address() -> str:
    return settings.WEBHOOK_URL


def _connect(name: str, number: str) -> str:
    link = instances.connect(name, number)
    if link.state == State.OPEN:
        return gettext("It is linked already.")
    if link.pairing_code:
        return gettext("Type the pairing code into the phone.")
    if link.qr_code:
        return gettext("Scan the QR code with the phone.")
    return gettext("Connecting: the QR code will appear here.")


def _check(name: str) -> tuple[str, list[str]]:
    status = instances.status(name)
    state = State(status.state).label
    said = gettext("Evolution API %(version)s answers: %(state)s.") % {
        "version": status.version,
        "state": state,
    }
    return said, status.webhook_problems


def _register_webhook(name: str) -> tuple[str, list[str]]:
    needs_restart = instances.register_webhook(name)
    done = gettext("Its webhooks come to %s.") % _address()
    problem = gettext("Until it reconnects they carry media inside: restart it.")
    return done, [problem] if needs_restart else []
