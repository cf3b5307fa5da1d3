from datetime import datetime, timedelta

from django.db import models
from django.db.models import F, Q
from django.utils import timezone

EVERY = timedelta(days=1)
# A run that shows no sign of life for so long has died, and is taken up again.
DEAD_AFTER = timedelta(minutes=10)


class Pruning(models.Model):
    """How far one kind of data is pruned, and what its latest run deleted."""

    kind = models.CharField(max_length=20, unique=True)
    # The key up to which nothing is left to do. Keys rise with time.
    position = models.BigIntegerField(default=0)
    deleted = models.PositiveBigIntegerField(default=0)
    started_at = models.DateTimeField(null=True)
    seen_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return self.kind

    @classmethod
    def begin(cls, kind: str, *, only_if_due: bool = False) -> "Pruning | None":
        """The row of a run that starts now; None if it is not due, or runs already."""
        row = cls.objects.get_or_create(kind=kind)[0]
        moment = timezone.now()
        found = cls.objects.filter(pk=row.pk)
        if only_if_due:
            found = found.filter(_is_free(moment), _is_due(moment))
        if not found.update(started_at=moment, seen_at=moment, deleted=0):
            return None
        row.deleted = 0
        return row

    def note(self, position: int, deleted: int) -> None:
        """Store how far the run has come."""
        type(self).objects.filter(pk=self.pk).update(
            position=position, deleted=deleted, seen_at=timezone.now()
        )

    def end(self, position: int, deleted: int) -> None:
        self.note(position, deleted)
        type(self).objects.filter(pk=self.pk).update(finished_at=timezone.now())


def _is_free(moment: datetime) -> Q:
    is_dead = Q(seen_at=None) | Q(seen_at__lt=moment - DEAD_AFTER)
    return is_dead | Q(finished_at__gte=F("started_at"))


def _is_due(moment: datetime) -> Q:
    is_broken_off = Q(finished_at=None) | Q(finished_at__lt=F("started_at"))
    return is_broken_off | Q(started_at__lte=moment - EVERY)
