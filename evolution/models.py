from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


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

    def __str__(self) -> str:
        return self.name


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
