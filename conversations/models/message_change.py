from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from conversations.models.by_staff import ByStaff
from conversations.models.message import Message


class MessageChange(ByStaff):
    """That staff want a message which was sent edited, or deleted, for everybody."""

    class State(models.TextChoices):
        WAITING = "waiting", _("Waiting")
        DONE = "done", _("Done")
        FAILED = "failed", _("Failed")

    message = models.ForeignKey(Message, models.CASCADE, related_name="changes")
    is_deletion = models.BooleanField(default=False)
    text = models.TextField(blank=True)  # kept until it is done or has failed
    asked_at = models.DateTimeField(auto_now_add=True)
    state = models.CharField(max_length=10, choices=State, default=State.WAITING)
    due_at = models.DateTimeField(default=timezone.now)
    attempts = models.PositiveSmallIntegerField(default=0)
    error = models.CharField(max_length=500, blank=True)

    class Meta:
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(
                fields=["message"],
                condition=Q(state="waiting"),
                name="one_waiting_change_per_message",
            )
        ]
        indexes = [
            models.Index(
                fields=["due_at"], condition=Q(state="waiting"), name="waiting_changes"
            )
        ]

    def __str__(self) -> str:
        what = _("Deletion") if self.is_deletion else _("Edit")
        return f"{what}: {self.get_state_display()}"

    @property
    def is_waiting(self) -> bool:
        return self.state == MessageChange.State.WAITING

    @property
    def has_failed(self) -> bool:
        return self.state == MessageChange.State.FAILED
