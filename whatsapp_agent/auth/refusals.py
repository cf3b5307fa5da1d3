"""Why somebody did not come in, and what they read about it."""

from enum import Enum, auto

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache


class Reason(Enum):
    DOWN = auto()
    MISCONFIGURED = auto()
    DENIED = auto()
    STALE = auto()
    INVALID = auto()
    UNVERIFIED = auto()
    NO_ROLE = auto()
    INACTIVE = auto()
    THROTTLED = auto()


# For each: the status, the title, the text.
WORDS = {
    Reason.DOWN: (
        503,
        _("The sign-in service does not answer"),
        _("It could not be reached, or gave no proper answer. Try again in a minute."),
    ),
    Reason.MISCONFIGURED: (
        503,
        _("Signing in is not set up correctly"),
        _("The sign-in service does not accept this installation. Tell its operator."),
    ),
    Reason.DENIED: (
        403,
        _("The sign-in service said no"),
        _("You were not signed in there, or did not agree to it."),
    ),
    Reason.STALE: (
        400,
        _("This sign-in is no longer valid"),
        _("It took too long, was used before, or began in another browser. Try again."),
    ),
    Reason.INVALID: (
        403,
        _("The sign-in could not be verified"),
        _(
            "The answer of the sign-in service did not pass our checks."
            " Try again; if it stays so, tell the operator."
        ),
    ),
    Reason.UNVERIFIED: (
        403,
        _("Your e-mail address is not verified"),
        _("Verify it with the sign-in service, then come back."),
    ),
    Reason.NO_ROLE: (
        403,
        _("You have no role here"),
        _(
            "You are known, but nobody has given you a role. Ask whoever manages people."
        ),
    ),
    Reason.INACTIVE: (
        403,
        _("Your account is switched off"),
        _("Ask whoever manages people here."),
    ),
    Reason.THROTTLED: (
        429,
        _("Too many attempts"),
        _("Too many sign-ins failed from where you are. Try again in 15 minutes."),
    ),
}


class SignInError(Exception):
    """The detail is for the log; strangers have written parts of it."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(f"{reason.name}: {detail!r:.300}")
        self.reason = reason


@never_cache
def refuse(request: HttpRequest, reason: Reason) -> HttpResponse:
    status, title, text = WORDS[reason]
    return say(request, title, text, status)


def say(request: HttpRequest, title: str, text: str, status: int = 200) -> HttpResponse:
    context = {"title": title, "text": text}
    return render(request, "admin/sign_in_message.html", context, status=status)
