"""Replays: what another judge would have decided about moments that are over."""

from decimal import Decimal

from django.conf import settings
from django.db import models
from django.db.models import Q, Sum
from django.utils.translation import gettext_lazy as _


class Replay(models.Model):
    """Stored inputs of step 1, judged again by a candidate, beside everything else."""

    class State(models.TextChoices):
        RUNNING = "running", _("Running")
        PAUSED = "paused", _("Paused")
        CANCELLED = "cancelled", _("Cancelled")
        DONE = "done", _("Done")

    name = models.CharField(_("name"), max_length=100)
    # Settings by name, as JSON: of the candidate, and those in force when it began.
    candidate = models.JSONField(_("candidate"))
    live = models.JSONField(_("settings then in force"))
    budget = models.DecimalField(
        _("budget"), max_digits=10, decimal_places=4, null=True, blank=True
    )
    # What is newer than this was not seen by whoever wrote the candidate.
    held_out_from = models.DateTimeField(_("held out from"), null=True)
    state = models.CharField(
        _("state"), max_length=10, choices=State, default=State.RUNNING
    )
    why = models.CharField(_("why it paused"), max_length=500, blank=True)
    staff = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+"
    )
    created_at = models.DateTimeField(_("started"), auto_now_add=True)
    finished_at = models.DateTimeField(_("finished"), null=True)
    lease_token = models.CharField(max_length=32, blank=True, editable=False)
    lease_until = models.DateTimeField(null=True, editable=False)
    adopted = models.ForeignKey(
        "conversations.SettingsChange",
        models.SET_NULL,
        null=True,
        related_name="+",
        verbose_name=_("adopted by"),
    )

    class Meta:
        # Who may see decisions sees them; who may change the settings starts them.
        default_permissions = ()
        verbose_name = _("replay")
        verbose_name_plural = _("replays")
        indexes = [
            models.Index(
                fields=["id"], condition=Q(state="running"), name="running_replays"
            )
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_over(self) -> bool:
        return self.state in (self.State.DONE, self.State.CANCELLED)

    @property
    def spent(self) -> Decimal:
        return self.results.aggregate(sum=Sum("cost"))["sum"] or Decimal(0)


class ReplayResult(models.Model):
    """One stored decision, judged anew; `is_noise`: by the settings that are in force."""

    class Flip(models.TextChoices):
        NONE = "", _("None")
        REPLY = "reply", _("To a reply")
        SILENCE = "silence", _("To silence")

    replay = models.ForeignKey(Replay, models.CASCADE, related_name="results")
    decision = models.ForeignKey(
        "llm.Decision", models.CASCADE, related_name="replayed"
    )
    is_noise = models.BooleanField(default=False)
    # The place in the queue of labels, drawn by lot.
    place = models.PositiveIntegerField()
    judged_at = models.DateTimeField(null=True)
    p = models.FloatField(null=True)
    flip = models.CharField(max_length=8, choices=Flip, default=Flip.NONE, blank=True)
    cost = models.DecimalField(max_digits=12, decimal_places=6, null=True)
    error = models.CharField(max_length=500, blank=True)

    class Meta:
        default_permissions = ()
        verbose_name = _("replayed decision")
        verbose_name_plural = _("replayed decisions")
        constraints = [
            models.UniqueConstraint(
                fields=["replay", "decision", "is_noise"], name="judged_once_a_replay"
            )
        ]
        indexes = [models.Index(fields=["replay", "judged_at"], name="replay_progress")]

    def __str__(self) -> str:
        return f"{self.replay}: {self.decision_id}"
