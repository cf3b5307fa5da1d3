"""The people and the chats."""

from datetime import UTC, datetime

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from conversations import whatsapp

# "Until somebody resumes": the last day that every database can hold.
FOREVER = datetime(9999, 12, 31, tzinfo=UTC)


class Mode(models.TextChoices):
    OFF = "off", _("Off: store only")
    SHADOW = "shadow", _("Shadow: decide and store, send nothing")
    DRAFT = "draft", _("Draft: write, but wait for approval")
    LIVE = "live", _("Live: send")


class Access(models.TextChoices):
    DEFAULT = "", _("Default")
    ALLOWED = "allowed", _("Allowed")
    BLOCKED = "blocked", _("Blocked")


class Contact(models.Model):
    """A person; phone-number JID and LID are two addresses of one contact."""

    phone_jid = models.CharField(
        _("phone JID"), max_length=64, null=True, blank=True, unique=True
    )  # noqa: DJ001
    lid = models.CharField(_("LID"), max_length=64, null=True, blank=True, unique=True)  # noqa: DJ001
    name = models.CharField(max_length=200, blank=True)
    access = models.CharField(max_length=10, choices=Access, blank=True)
    may_command = models.BooleanField(
        _("may command"),
        default=False,
        db_default=False,
        help_text=_("May pause and resume the agent by commands in a chat."),
    )

    def __str__(self) -> str:
        return self.name or self.phone_number or self.lid or "Unknown"

    @property
    def phone_number(self) -> str:
        return f"+{self.phone_jid.partition('@')[0]}" if self.phone_jid else ""

    @property
    def address(self) -> whatsapp.Address:
        return whatsapp.Address(self.phone_jid or "", self.lid or "")


class Conversation(models.Model):
    """All messages of a direct chat or a group with an instance."""

    instance = models.CharField(max_length=100)
    jid = models.CharField(_("JID"), max_length=64)
    contact = models.ForeignKey(
        Contact, models.PROTECT, null=True, blank=True, related_name="conversations"
    )
    is_group = models.BooleanField(default=False)
    name = models.CharField(max_length=200, blank=True)
    mode = models.CharField(max_length=10, choices=Mode, default=Mode.LIVE)
    access = models.CharField(max_length=10, choices=Access, blank=True)
    threshold = models.FloatField(
        null=True, blank=True, help_text=_("0 to 1; empty: the settings' threshold.")
    )
    instructions = models.TextField(
        blank=True,
        help_text=_("Added to the settings' instructions in this conversation."),
    )
    paused_until = models.DateTimeField(null=True, blank=True)
    taken_over_until = models.DateTimeField(null=True, blank=True)
    # Somebody in the group asked for silence.
    quiet_until = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    last_message_at = models.DateTimeField(null=True, blank=True, db_index=True)
    # By WhatsApp's clock: what came later has been read by nobody.
    read_until = models.DateTimeField(null=True, blank=True, editable=False)

    # Whether any text of the operator's is on, where `hot.conversation` read it.
    has_knowledge: bool

    # The mailbox. Work is due when due_at has come; NULL means that there is none.
    due_at = models.DateTimeField(null=True, editable=False)
    wake_at = models.DateTimeField(null=True, editable=False)  # last wake-up sent
    lease_token = models.CharField(max_length=32, blank=True, editable=False)
    lease_until = models.DateTimeField(null=True, editable=False)
    lease_owner = models.CharField(max_length=100, blank=True, editable=False)
    # Claims and errors since something was last achieved; see mailbox.py.
    crashes = models.PositiveIntegerField(default=0, editable=False)
    errors = models.PositiveIntegerField(default=0, editable=False)

    class Meta:
        permissions = [
            ("steer_conversation", "Can reply, pause, approve and retry by hand")
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["instance", "jid"], name="one_conversation_per_jid"
            )
        ]
        indexes = [
            # The dispatcher asks many times a second what is due.
            models.Index(
                fields=["due_at"],
                condition=Q(due_at__isnull=False),
                name="due_conversations",
            ),
            # A restarted worker frees what its dead processes held.
            models.Index(
                fields=["lease_owner"],
                condition=~Q(lease_token=""),
                name="leased_conversations",
            ),
        ]

    def __str__(self) -> str:
        if self.name:
            return self.name
        return str(self.contact) if self.contact else self.jid

    @property
    def group_id(self) -> str:
        """The group's JID, "" for a direct chat."""
        return self.jid if self.is_group else ""

    @property
    def jids(self) -> list[str]:
        """Every address under which the bridge may have recorded this conversation."""
        known = self.contact.address.jids if self.contact else []
        return [self.jid, *(jid for jid in known if jid != self.jid)]

    @property
    def is_paused(self) -> bool:
        return self.paused_until is not None and self.paused_until > timezone.now()

    @property
    def is_taken_over(self) -> bool:
        return (
            self.taken_over_until is not None and self.taken_over_until > timezone.now()
        )

    @property
    def is_quiet(self) -> bool:
        return self.quiet_until is not None and self.quiet_until > timezone.now()
