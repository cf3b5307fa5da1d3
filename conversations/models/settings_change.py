from django.db import models

from conversations.models.by_staff import Change


class SettingsChange(Change):
    """Who changed which settings, by their names, with the values as JSON."""

    # Who did it by a command in a chat, which is no member of staff.
    commander = models.CharField(max_length=200, blank=True, default="", db_default="")
    # "" of the common settings
    instance = models.CharField(max_length=100, blank=True, default="", db_default="")

    def __str__(self) -> str:
        return ", ".join(name.replace("_", " ") for name in self.after)
