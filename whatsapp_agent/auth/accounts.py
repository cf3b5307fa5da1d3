"""The account of a person from the provider: bound to issuer and sub, and to nothing else.

An e-mail address is never a reason to hand somebody an account.
"""

import hashlib
import logging

from django.conf import settings
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import Group, User
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from whatsapp_agent.auth.claims import Person
from whatsapp_agent.auth.refusals import Reason, SignInError
from whatsapp_agent.models import Identity

logger = logging.getLogger(__name__)


def admit(person: Person) -> User:
    """The person's account as the provider has it now, or SignInError."""
    try:
        user = _account(person)
    except IntegrityError:  # their first sign-in, twice at once
        user = _account(person)
    # Only here: what was taken away stays so.
    if user is None or not user.is_staff:
        raise SignInError(Reason.NO_ROLE, f"{person.sub} in {sorted(person.groups)}")
    if not user.is_active:
        raise SignInError(Reason.INACTIVE, person.sub)
    return user


def find(issuer: str, sub: str) -> User | None:
    return User.objects.filter(identity__issuer=issuer, identity__sub=sub).first()


@transaction.atomic
def _account(person: Person) -> User | None:
    user = find(person.issuer, person.sub)
    if user is None:
        if not _is_superuser(person) and not _roles(person):
            return None  # no account for everybody whom the provider knows
        user = _make(person)
    _update(user, person)
    return user


def _make(person: Person) -> User:
    user = User.objects.create_user(_free_username(person))  # no usable password
    Identity.objects.create(user=user, issuer=person.issuer, sub=person.sub)
    return user


def _free_username(person: Person) -> str:
    name = person.email[:150]
    if not User.objects.filter(username=name).exists():
        return name
    digest = hashlib.sha256(f"{person.issuer} {person.sub}".encode()).hexdigest()
    return f"{name[:120]} ({digest[:12]})"


def _update(user: User, person: Person) -> None:
    before = _standing(user)
    roles = _roles(person)
    user.email = person.email[:254]
    user.first_name, user.last_name = person.first_name, person.last_name
    user.is_superuser = _is_superuser(person)
    user.is_staff = user.is_superuser or bool(roles)
    user.save()
    user.groups.set(roles)
    after = _standing(user)
    if after != before:
        logger.info("The provider changed %s from %s to %s", user.pk, before, after)
        told = _("Roles from the sign-in service: %s.") % (", ".join(after) or "-")
        LogEntry.objects.log_actions(user.pk, [user], CHANGE, told, single_object=True)


def _standing(user: User) -> list[str]:
    names = sorted(user.groups.values_list("name", flat=True))
    return [*names, "superuser"] if user.is_superuser else names


def _roles(person: Person) -> list[Group]:
    names = [
        role
        for role, theirs in settings.OIDC_ROLES.items()
        if not person.groups.isdisjoint(theirs)
    ]
    return list(Group.objects.filter(name__in=names))


def _is_superuser(person: Person) -> bool:
    return not person.groups.isdisjoint(settings.OIDC_SUPERUSER_GROUPS)
