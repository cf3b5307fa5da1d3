from datetime import timedelta

from django.conf import settings
from django.http import HttpRequest
from django.utils import timezone


def bound(request: HttpRequest, **kwargs: object) -> None:
    """End the session at a fixed time: use does not prolong it."""
    end = timezone.now() + timedelta(seconds=settings.SESSION_COOKIE_AGE)
    request.session.set_expiry(end)
    # Whoever only looked at the provider's page left one behind.
    request.session.clear_expired()
