from django.conf import settings
from django.db import models


class ByStaff(models.Model):
    """What staff did, or asked for."""

    staff = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
    )

    class Meta:
        abstract = True


class Change(ByStaff):
    """Values before and after; both have the same keys. Append-only."""

    changed_at = models.DateTimeField(auto_now_add=True)
    before = models.JSONField()
    after = models.JSONField()
    undoes = models.ForeignKey(
        "self", models.SET_NULL, null=True, blank=True, related_name="undone_by"
    )

    class Meta:
        abstract = True
