"""The way to the provider, back from it, and out."""

import logging
from typing import Any
from urllib.parse import urlencode

from axes.decorators import axes_dispatch
from django.conf import settings
from django.contrib import auth
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET
from django.views.generic import View
from mozilla_django_oidc.views import (
    OIDCAuthenticationCallbackView,
    OIDCAuthenticationRequestView,
)

from whatsapp_agent.auth.backends import PROVIDER
from whatsapp_agent.auth.provider import endpoint
from whatsapp_agent.auth.refusals import Reason, SignInError, refuse, say

logger = logging.getLogger(__name__)

# Seconds for signing in with the provider.
ANSWER_SECONDS = 15 * 60
# What the provider may say instead of a code; all else is about our settings.
SAID = {
    "access_denied": Reason.DENIED,
    "login_required": Reason.DENIED,
    "server_error": Reason.DOWN,
    "temporarily_unavailable": Reason.DOWN,
}


class WithProvider(View):
    """There is nothing here without one."""

    @method_decorator(never_cache)
    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if settings.SIGN_IN == "local":
            raise Http404
        try:
            return super().dispatch(request, *args, **kwargs)
        except SignInError as error:
            logger.error("Nobody can sign in, %s", error)
            return refuse(request, error.reason)


@method_decorator(axes_dispatch, name="dispatch")
class Authenticate(WithProvider, OIDCAuthenticationRequestView):
    """Send the browser to the provider."""

    def __init__(self, **kwargs: Any) -> None:
        # Not the library's own: where the provider's addresses cannot be found, that
        # is to become a page.
        View.__init__(self, **kwargs)
        self.OIDC_RP_CLIENT_ID = settings.OIDC_RP_CLIENT_ID

    OIDC_OP_AUTH_ENDPOINT = property(lambda self: endpoint("authorization_endpoint"))

    def get(self, request: HttpRequest) -> HttpResponse:
        response = super().get(request)
        if not request.user.is_authenticated:
            request.session.set_expiry(ANSWER_SECONDS)
        return response


class Callback(WithProvider, OIDCAuthenticationCallbackView):
    """Take the provider's answer."""

    def get(self, request: HttpRequest) -> HttpResponse:
        states = request.session.get("oidc_states", {})
        if request.GET.get("state") not in states:
            # Anybody can send a browser here: whoever is signed in stays so.
            return refuse(request, Reason.STALE)
        return super().get(request)

    def login_success(self) -> HttpResponse:
        request = self.request
        # Both go with the session of somebody else.
        target, token = self.success_url, request.session.get("oidc_id_token")
        auth.login(request, self.user)
        if token:
            request.session["oidc_id_token"] = token
        return HttpResponseRedirect(target)

    def login_failure(self) -> HttpResponse:
        auth.logout(self.request)
        return refuse(self.request, self._reason())

    def _reason(self) -> Reason:
        if error := getattr(self.request, "sign_in_error", None):
            return error.reason
        said = self.request.GET.get("error")
        if said is None:
            return Reason.INVALID
        logger.warning("The provider said %.100r instead of a code", said)
        return SAID.get(said, Reason.MISCONFIGURED)


@require_GET
@never_cache
def signed_out(request: HttpRequest) -> HttpResponse:
    return say(
        request,
        _("You are signed out"),
        _("Here and with the sign-in service. Close the window, or sign in again."),
    )


def sign_out_address(request: HttpRequest) -> str:
    """Where the provider's own session ends, for whoever came from there."""
    if request.session.get(auth.BACKEND_SESSION_KEY) != PROVIDER:
        return ""
    try:
        address = endpoint("end_session_endpoint")
    except SignInError as error:
        logger.warning("Signed out here only, %s", error)
        return ""
    back = settings.SITE_URL + reverse("signed_out")
    query = {"client_id": settings.OIDC_RP_CLIENT_ID}
    if settings.OIDC_LOGOUT == "cognito":
        query["logout_uri"] = back
    else:
        query["post_logout_redirect_uri"] = back
        if token := request.session.get("oidc_id_token"):
            query["id_token_hint"] = token
    return f"{address}{'&' if '?' in address else '?'}{urlencode(query)}"
