from datetime import datetime, timedelta

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

# After it connects, Evolution keeps what had come meanwhile to itself for up to 20 s.
SETTLING = timedelta(seconds=30)
# It may store a message so much later than WhatsApp's clock says it was sent.
OVERLAP = timedelta(minutes=10)


class Why(models.TextChoices):
    """Why missed messages are looked for."""

    RECONNECTED = "reconnected", _("Reconnected")
    SCHEDULE = "schedule", _("On schedule")
    START = "start", _("Worker started")
    BUTTON = "button", _("By hand")


class Instance(models.Model):
    """One WhatsApp number linked in Evolution, as its webhooks last told us."""

    class State(models.TextChoices):
        UNKNOWN = "", _("Unknown")
        CONNECTING = "connecting", _("Connecting")
        OPEN = "open", _("Open")
        CLOSE = "close", _("Closed")
        REFUSED = "refused", _("Refused: the limit of QR codes was reached")
        REMOVED = "removed", _("Removed")

    name = models.CharField(max_length=100, unique=True)
    state = models.CharField(max_length=12, choices=State, blank=True)
    state_reason = models.CharField(max_length=200, blank=True)
    state_at = models.DateTimeField(null=True, blank=True)
    phone_jid = models.CharField(_("phone JID"), max_length=64, blank=True)
    lid = models.CharField(_("LID"), max_length=64, blank=True)
    profile_name = models.CharField(max_length=200, blank=True)
    qr_code = models.TextField(_("QR code"), blank=True, editable=False)
    qr_at = models.DateTimeField(null=True, blank=True, editable=False)
    pairing_code = models.CharField(max_length=20, blank=True, editable=False)
    webhook_at = models.DateTimeField(_("last webhook"), null=True, blank=True)
    # Every message before this moment is stored.
    complete_until = models.DateTimeField(null=True, blank=True, editable=False)
    # The next search for missed messages, and the right to do it. No time: at once.
    search_at = models.DateTimeField(null=True, blank=True, editable=False)
    search_why = models.CharField(
        max_length=12, choices=Why, blank=True, editable=False
    )
    search_token = models.CharField(max_length=32, blank=True, editable=False)
    search_lease = models.DateTimeField(null=True, blank=True, editable=False)

    def __str__(self) -> str:
        return self.name

    @property
    def is_settled(self) -> bool:
        """Whether what came before the phone was connected has been reported."""
        return not self.state_at or timezone.now() - self.state_at >= SETTLING

    def opened(self) -> dict[str, datetime | str]:
        """What else changes when the phone is connected, anew or for the first time."""
        at = timezone.now() + SETTLING
        return {
            "complete_until": self.complete_until or timezone.now(),
            "search_at": min(at, self.search_at or at),
            "search_why": Why.RECONNECTED,
        }


class MissedSearch(models.Model):
    """One search of Evolution's record for messages that no webhook told us of."""

    instance = models.ForeignKey(Instance, models.CASCADE, related_name="searches")
    why = models.CharField(_("why"), max_length=12, choices=Why)
    since = models.DateTimeField(_("since"))
    until = models.DateTimeField(_("until"))
    position = models.DateTimeField(_("stored up to"))
    started_at = models.DateTimeField(_("started"), default=timezone.now)
    finished_at = models.DateTimeField(_("finished"), null=True, blank=True)
    seen = models.PositiveIntegerField(_("looked at"), default=0)
    found = models.PositiveIntegerField(_("missed"), default=0)
    too_old = models.PositiveIntegerField(_("too old to answer"), default=0)
    unreadable = models.PositiveIntegerField(_("unreadable"), default=0)
    failures = models.PositiveSmallIntegerField(_("failed attempts"), default=0)
    error = models.CharField(_("error"), max_length=500, blank=True)

    class Meta:
        verbose_name = _("search for missed messages")
        verbose_name_plural = _("searches for missed messages")
        constraints = [
            # The next one goes on where this one stopped.
            models.UniqueConstraint(
                fields=["instance"],
                condition=Q(finished_at=None),
                name="one_search_at_a_time",
            )
        ]

    def __str__(self) -> str:
        return f"{self.instance} {self.since:%Y-%m-%d %H:%M}"

    @property
    def is_failing(self) -> bool:
        return bool(self.error) and self.finished_at is None

    def step_back(self) -> None:
        """After a pause: older messages may have come to the record meanwhile."""
        self.position = max(self.since, self.position - OVERLAP)


class Silence(models.Model):
    """A bridge that claimed to be open while its webhooks did not arrive."""

    instance = models.ForeignKey(Instance, models.CASCADE, related_name="silences")
    began_at = models.DateTimeField(_("last heard before"))
    noticed_at = models.DateTimeField(_("noticed"), default=timezone.now)
    ended_at = models.DateTimeField(_("ended"), null=True, blank=True)
    missed = models.PositiveIntegerField(_("missed messages"), default=0)
    steps = models.TextField(_("what was done"), blank=True)
    acted_at = models.DateTimeField(_("last done"), null=True, blank=True)
    restarted_at = models.DateTimeField(_("restarted"), null=True, blank=True)
    told_at = models.DateTimeField(_("e-mail sent"), null=True, blank=True)
    told_end_at = models.DateTimeField(_("e-mail of its end"), null=True, blank=True)

    class Meta:
        verbose_name = _("silence of the bridge")
        verbose_name_plural = _("silences of the bridge")
        constraints = [
            models.UniqueConstraint(
                fields=["instance"],
                condition=Q(ended_at=None),
                name="one_silence_at_a_time",
            )
        ]

    def __str__(self) -> str:
        return f"{self.instance} {self.began_at:%Y-%m-%d %H:%M}"


class UnreadableEvent(models.Model):
    """A webhook that could not be read: kept whole but for the API key, to be replayed."""

    body = models.TextField()
    digest = models.CharField(max_length=64, unique=True, editable=False)
    error = models.CharField(max_length=500)
    count = models.PositiveIntegerField(default=1)
    received_at = models.DateTimeField(default=timezone.now)
    replayed_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return self.error


class RefusedWebhook(models.Model):
    """Deliveries that were turned away. Evolution does not send those again."""

    class Reason(models.TextChoices):
        SECRET = "secret", _("Wrong or missing secret")
        SIZE = "size", _("Larger than the limit")

    reason = models.CharField(max_length=10, choices=Reason)
    source = models.CharField(max_length=64, help_text=_("The sender's IP address."))
    count = models.PositiveIntegerField(default=1)
    first_at = models.DateTimeField(default=timezone.now)
    last_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["reason", "source"], name="one_refusal_per_source"
            )
        ]

    def __str__(self) -> str:
        return f"{self.count} from {self.source}"
