from collections.abc import Iterable

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _, ngettext

from conversations import whatsapp
from conversations.models.conversation import Contact, Conversation


class MessageQuerySet(models.QuerySet):
    def inbound(self) -> "MessageQuerySet":
        return self.filter(direction=Message.Direction.IN)

    def pending(self) -> "MessageQuerySet":
        """Inbound messages without an outcome."""
        return self.inbound().filter(outcome=Message.Outcome.PENDING)

    def outbox(self) -> "MessageQuerySet":
        """Outbound messages not yet settled, in the order to send them."""
        return self.filter(status__in=Message.UNSETTLED).order_by("id")

    def with_whatsapp_ids(self, ids: Iterable[str]) -> "MessageQuerySet":
        """SQLite uses the index only where the statement says what the index does."""
        return self.filter(whatsapp_id__in=ids).exclude(whatsapp_id="")

    def chronological(self) -> "MessageQuerySet":
        return self.order_by("sent_at", "id")


class Message(models.Model):
    """One message, inbound or outbound, seen from us."""

    class Direction(models.TextChoices):
        IN = "in", _("Inbound")
        OUT = "out", _("Outbound")

    class Author(models.TextChoices):
        CONTACT = "", _("Contact")
        AGENT = "agent", _("Agent")
        STAFF = "staff", _("Staff")
        PHONE = "phone", _("Phone")  # or another program on the same bridge
        COMMAND = "command", _("Answer to a command")

    class Outcome(models.TextChoices):
        PENDING = "", _("Pending")
        REPLYING = "replying", _("Replying")
        REPLIED = "replied", _("Replied")
        DRAFTED = "drafted", _("Drafted: waits for approval")
        SHADOW = "shadow", _("Shadow: a reply was wanted")
        BELOW_THRESHOLD = "below_threshold", _("Below threshold")
        NOT_ADDRESSED = "not_addressed", _("Not addressed")
        FILTERED = "filtered", _("Filtered")
        PAUSED = "paused", _("Paused")
        TAKEN_OVER = "taken_over", _("A person took over")
        OVER_BUDGET = "over_budget", _("Over budget")
        TOO_OLD = "too_old", _("Too old")
        ANSWERED = "answered", _("Answered meanwhile")
        STOPPED = "stopped", _("Asked to be quiet")
        COMMAND = "command", _("Command")
        DISCARDED = "discarded", _("Draft discarded")
        REACTED = "reacted", _("Reacted with an emoji")
        NOT_HEARD = "not_heard", _("Voice note not transcribed")
        GATE_FAILED = "gate_failed", _("Gate failed")
        RESPONSE_FAILED = "response_failed", _("Response failed")
        SEND_FAILED = "send_failed", _("Send failed")

    class Status(models.TextChoices):
        NONE = "", "-"
        DRAFT = "draft", _("Draft")
        QUEUED = "queued", _("Queued")
        SENDING = "sending", _("Sending")
        UNKNOWN = "unknown", _("Unknown")
        SENT = "sent", _("Sent")
        DELIVERED = "delivered", _("Delivered")
        READ = "read", _("Read")
        FAILED = "failed", _("Failed")
        DROPPED = "dropped", _("Dropped")

    UNSETTLED = [Status.QUEUED, Status.SENDING, Status.UNKNOWN]

    conversation = models.ForeignKey(
        Conversation, models.CASCADE, related_name="messages", db_index=False
    )
    direction = models.CharField(max_length=3, choices=Direction)
    author = models.CharField(max_length=10, choices=Author, blank=True)
    sender = models.ForeignKey(
        Contact, models.PROTECT, null=True, blank=True, related_name="messages"
    )
    whatsapp_id = models.CharField(_("WhatsApp id"), max_length=128, blank=True)
    kind = models.CharField(
        max_length=12,
        choices=[(kind.value, kind.value) for kind in whatsapp.Kind],
        default=whatsapp.Kind.TEXT.value,
    )
    text = models.TextField(blank=True)
    media = models.JSONField(default=dict, blank=True)
    quoted_id = models.CharField(max_length=128, blank=True)
    quoted_sender = models.CharField(max_length=64, blank=True)
    quoted_text = models.TextField(blank=True)
    mentions = models.JSONField(default=list, blank=True)
    sent_at = models.DateTimeField(help_text=_("By WhatsApp's clock."))
    received_at = models.DateTimeField(default=timezone.now)
    edited_at = models.DateTimeField(null=True, blank=True)
    # When the bridge told of it, by the bridge's clock: to find out the last of several.
    edit_told_at = models.DateTimeField(null=True, blank=True, editable=False)
    deleted_at = models.DateTimeField(null=True, blank=True)
    # When its text went, because it had been kept for long enough.
    pruned_at = models.DateTimeField(null=True, blank=True, editable=False)

    # Inbound: what became of it.
    outcome = models.CharField(max_length=16, choices=Outcome, blank=True)
    reason = models.CharField(max_length=300, blank=True)

    # Outbound: how far it got.
    status = models.CharField(max_length=10, choices=Status, blank=True)
    part = models.PositiveSmallIntegerField(default=1)
    staff = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
    )
    decision = models.ForeignKey(
        "llm.Decision", models.SET_NULL, null=True, blank=True, related_name="replies"
    )
    attempts = models.PositiveSmallIntegerField(default=0)
    attempt = models.CharField(max_length=32, blank=True, editable=False)
    attempted_at = models.DateTimeField(null=True, blank=True)
    error = models.CharField(max_length=500, blank=True)

    objects = MessageQuerySet.as_manager()

    class Meta:
        constraints = [
            # Evolution delivers at least once. This makes it exactly once.
            models.UniqueConstraint(
                fields=["conversation", "whatsapp_id"],
                condition=~Q(whatsapp_id=""),
                name="one_message_per_whatsapp_id",
            )
        ]
        indexes = [
            models.Index(
                fields=["conversation", "sent_at", "id"], name="chronological"
            ),
            # Receipts, edits and deletions name the message, not the chat.
            models.Index(
                fields=["whatsapp_id"],
                condition=~Q(whatsapp_id=""),
                name="by_whatsapp_id",
            ),
            models.Index(
                fields=["conversation"],
                condition=Q(direction="in", outcome=""),
                name="pending_messages",
            ),
            models.Index(
                fields=["conversation"],
                condition=Q(status__in=["queued", "sending", "unknown"]),
                name="outbox_messages",
            ),
            # Drafts wait for approval, failures for another try: few among millions.
            models.Index(
                fields=["conversation"],
                condition=Q(status="draft"),
                name="draft_messages",
            ),
            models.Index(
                fields=["conversation"],
                condition=Q(status="failed"),
                name="failed_messages",
            ),
        ]

    def __str__(self) -> str:
        return self.text[:80] or self.gone or f"[{self.kind}]"

    @property
    def is_inbound(self) -> bool:
        return self.direction == Message.Direction.IN

    @property
    def is_command(self) -> bool:
        """A command, or our answer to one."""
        is_obeyed = self.outcome == Message.Outcome.COMMAND
        return is_obeyed or self.author == Message.Author.COMMAND

    @property
    def gone(self) -> str:
        """What stands in place of a text that is no longer kept."""
        if self.pruned_at is None:
            return ""
        days = (self.pruned_at - self.received_at).days
        return (
            ngettext("Text deleted after %d day", "Text deleted after %d days", days)
            % days
        )
