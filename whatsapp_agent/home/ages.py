from datetime import datetime, timedelta

from django.utils import timezone
from django.utils.timesince import timesince
from django.utils.translation import gettext as _


def age(moment: datetime) -> str:
    """How long ago, coarse enough not to change at every look."""
    if timezone.now() - moment < timedelta(minutes=1):
        return _("less than a minute")
    return timesince(moment, depth=1)
