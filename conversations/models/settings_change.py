from django.conf import settings
from django.db import models


class SettingsChange(models.Model):
    """Who changed which settings, with the values before and after. Append-only."""

    staff = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
    )
    # Who did it by a command in a chat, which is no member of staff.
    commander = models.CharField(max_length=200, blank=True, default="", db_default="")
    changed_at = models.DateTimeField(auto_now_add=True)
    # "" of the common settings
    instance = models.CharField(max_length=100, blank=True, default="", db_default="")
    # Field names and their values as JSON; both have the same names.
    before = models.JSONField()
    after = models.JSONField()
    undoes = models.ForeignKey(
        "self", models.SET_NULL, null=True, blank=True, related_name="undone_by"
    )

    def __str__(self) -> str:
        return ", ".join(name.replace("_", " ") for name in self.after)
