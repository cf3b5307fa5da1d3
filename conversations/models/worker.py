from datetime import timedelta

from django.db import models
from django.utils import timezone


class Worker(models.Model):
    """A running `manage.py worker`, for staff to see that it is alive."""

    slot = models.CharField(max_length=100, unique=True)
    started_at = models.DateTimeField()
    seen_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.slot

    @property
    def is_alive(self) -> bool:
        return timezone.now() - self.seen_at < timedelta(seconds=30)


class Quarantine(models.Model):
    """One row: the right to run a conversation that is suspected of killing workers."""

    token = models.CharField(max_length=32, blank=True)
    until = models.DateTimeField(null=True)
    owner = models.CharField(max_length=100, blank=True)

    def __str__(self) -> str:
        return self.owner or "free"
