"""Who calls the API: staff by session, or a bearer token for somebody or for a machine."""

from dataclasses import dataclass
from functools import cached_property

from django.contrib.auth.models import Permission, User
from django.db.models import F, Value
from django.db.models.functions import Concat
from django.http import HttpRequest
from ninja.errors import HttpError
from ninja.security import HttpBearer, SessionAuth
from ninja.utils import check_csrf

from whatsapp_agent.auth import access_tokens, api_tokens


@dataclass(frozen=True)
class Caller:
    """A token holds roles: it never gives more than these, nor more than its owner has.

    A machine has nothing but its token's roles.
    """

    user: User
    roles: frozenset[str] | None = None
    is_machine: bool = False

    def may(self, permission: str) -> bool:
        if self.roles is not None and permission not in self._of_roles:
            return False
        return self.is_machine or self.user.has_perm(permission)

    @cached_property
    def _of_roles(self) -> set[str]:
        name = Concat(F("content_type__app_label"), Value("."), F("codename"))
        rows = Permission.objects.filter(group__name__in=self.roles)
        return set(rows.values_list(name, flat=True))


class Bearer(HttpBearer):
    """An API token of this installation, or an access token of the sign-in service."""

    def authenticate(self, request: HttpRequest, token: str) -> Caller:
        if token.startswith(api_tokens.PREFIX):
            row = api_tokens.find(token)
            return Caller(row.user, frozenset({row.role}))
        access = access_tokens.read(token)
        return Caller(access.user, access.roles, access.is_machine)


class Session(SessionAuth):
    """Staff who have signed in. To change something they send X-CSRFToken too."""

    def __call__(self, request: HttpRequest) -> Caller | None:
        # Whoever shows a token means it, and is told if it is not good.
        if "Authorization" in request.headers or not request.user.is_authenticated:
            return None
        if not request.user.is_staff:
            raise HttpError(403, "This is for staff.")
        if check_csrf(request):
            raise HttpError(403, "The CSRF token is missing or wrong.")
        return Caller(request.user)
