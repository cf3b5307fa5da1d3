"""Tokens that this installation gives out itself, for machines of its owner's."""

import hashlib
import secrets
from datetime import datetime

from django.contrib.auth.models import User
from django.utils import timezone

from whatsapp_agent.auth.backends import LocalBackend, ProviderBackend
from whatsapp_agent.auth.refusals import Reason, SignInError
from whatsapp_agent.models import ApiToken, Identity

PREFIX = "wat_"


def make(
    name: str, user: User, role: str, expires_at: datetime | None
) -> tuple[ApiToken, str]:
    """A new one, and its text, which is not kept."""
    token = PREFIX + secrets.token_urlsafe(32)
    row = ApiToken.objects.create(
        name=name, user=user, role=role, expires_at=expires_at, digest=_digest(token)
    )
    return row, token


def find(token: str) -> ApiToken:
    rows = ApiToken.objects.select_related("user")
    row = rows.filter(digest=_digest(token)).first()
    if row is None:
        raise SignInError(Reason.INVALID, "no such API token")
    if row.expires_at and row.expires_at <= timezone.now():
        raise SignInError(Reason.INVALID, f"{row} has expired")
    # Who may not sign in any more has no token either.
    is_theirs = Identity.objects.filter(user=row.user).exists()
    backend = ProviderBackend() if is_theirs else LocalBackend()
    if not row.user.is_staff or not backend.user_can_authenticate(row.user):
        raise SignInError(Reason.INACTIVE, f"the owner of {row}")
    return row


def _digest(token: str) -> str:
    # Not salted, not slow: nobody guesses 256 random bits.
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).hexdigest()
