import uuid

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from conversations.models.message import Message


def place(media: "MediaFile", name: str) -> str:
    """Where a file lies: under a name of ours, whatever its sender called it."""
    return f"{timezone.now():%Y/%m}/{uuid.uuid4().hex}"


class MediaFile(models.Model):
    """The file that a message carries, and what is known of it."""

    class State(models.TextChoices):
        PENDING = "pending", _("Not fetched yet")
        STORED = "stored", _("Stored")
        FAILED = "failed", _("Could not be fetched")
        REFUSED = "refused", _("Not fetched")  # too large, or of a kind that is off
        GONE = "gone", _("Deleted")  # it had been kept for long enough

    message = models.OneToOneField(Message, models.CASCADE, related_name="file")
    # In the private storage: only a view that asks for permission hands it out.
    file = models.FileField(blank=True, max_length=100, upload_to=place)
    name = models.CharField(
        max_length=255, blank=True, help_text=_("As its sender called it.")
    )
    mimetype = models.CharField(
        max_length=100, blank=True, help_text=_("By its bytes, not as it was claimed.")
    )
    bytes = models.PositiveBigIntegerField(null=True, blank=True)
    sha256 = models.CharField(max_length=64, blank=True)
    seconds = models.PositiveIntegerField(null=True, blank=True)
    pages = models.PositiveIntegerField(null=True, blank=True)
    language = models.CharField(max_length=35, blank=True)
    text = models.TextField(
        blank=True,
        help_text=_("What a document says. What a voice note says is its message."),
    )
    state = models.CharField(max_length=10, choices=State, default=State.PENDING)
    # Why it is not there, or there but not read.
    error = models.CharField(max_length=300, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    created_at = models.DateTimeField(default=timezone.now)
    # When its words were taken out: a transcript, or the text of a document.
    read_at = models.DateTimeField(null=True, blank=True)
    gone_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("file")
        verbose_name_plural = _("files")
        default_permissions = ("view",)
        indexes = [
            # Files without a row are looked for by their names, rows whose files are
            # still to be deleted by their state.
            models.Index(fields=["file"], condition=~Q(file=""), name="stored_files"),
            models.Index(
                fields=["state"],
                condition=Q(state="gone") & ~Q(file=""),
                name="files_to_delete",
            ),
        ]

    def __str__(self) -> str:
        return self.name or self.mimetype or self.get_state_display()

    @property
    def is_stored(self) -> bool:
        return self.state == MediaFile.State.STORED
