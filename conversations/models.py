"""Who said what, and what came of it."""

from datetime import UTC, datetime, timedelta

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from conversations import whatsapp

# "Until somebody resumes": the last day that every database can hold.
FOREVER = datetime(9999, 12, 31, tzinfo=UTC)


class Mode(models.TextChoices):
    OFF = "off", "Off: store only"
    SHADOW = "shadow", "Shadow: decide and store, send nothing"
    DRAFT = "draft", "Draft: write, but wait for approval"
    LIVE = "live", "Live: send"


class Access(models.TextChoices):
    DEFAULT = "", "Default"
    ALLOWED = "allowed", "Allowed"
    BLOCKED = "blocked", "Blocked"


class Contact(models.Model):
    """A person; phone-number JID and LID are two addresses of one contact."""

    phone_jid = models.CharField(
        "phone JID", max_length=64, null=True, blank=True, unique=True
    )  # noqa: DJ001
    lid = models.CharField("LID", max_length=64, null=True, blank=True, unique=True)  # noqa: DJ001
    name = models.CharField(max_length=200, blank=True)
    access = models.CharField(max_length=10, choices=Access, blank=True)

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
    jid = models.CharField("JID", max_length=64)
    contact = models.ForeignKey(
        Contact, models.PROTECT, null=True, blank=True, related_name="conversations"
    )
    is_group = models.BooleanField(default=False)
    name = models.CharField(max_length=200, blank=True)
    mode = models.CharField(max_length=10, choices=Mode, default=Mode.LIVE)
    access = models.CharField(max_length=10, choices=Access, blank=True)
    threshold = models.FloatField(
        null=True, blank=True, help_text="0 to 1; empty: the settings' threshold."
    )
    instructions = models.TextField(
        blank=True,
        help_text="Added to the settings' instructions in this conversation.",
    )
    paused_until = models.DateTimeField(null=True, blank=True)
    taken_over_until = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    last_message_at = models.DateTimeField(null=True, blank=True, db_index=True)

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


class MessageQuerySet(models.QuerySet):
    def inbound(self) -> "MessageQuerySet":
        return self.filter(direction=Message.Direction.IN)

    def pending(self) -> "MessageQuerySet":
        """Inbound messages without an outcome."""
        return self.inbound().filter(outcome=Message.Outcome.PENDING)

    def outbox(self) -> "MessageQuerySet":
        """Outbound messages not yet settled, in the order to send them."""
        return self.filter(status__in=Message.UNSETTLED).order_by("id")

    def chronological(self) -> "MessageQuerySet":
        return self.order_by("sent_at", "id")


class Message(models.Model):
    """One message, inbound or outbound, seen from us."""

    class Direction(models.TextChoices):
        IN = "in", "Inbound"
        OUT = "out", "Outbound"

    class Author(models.TextChoices):
        CONTACT = "", "Contact"
        AGENT = "agent", "Agent"
        STAFF = "staff", "Staff"
        PHONE = "phone", "Phone"  # or another program on the same bridge

    class Outcome(models.TextChoices):
        PENDING = "", "Pending"
        REPLYING = "replying", "Replying"
        REPLIED = "replied", "Replied"
        DRAFTED = "drafted", "Drafted: waits for approval"
        SHADOW = "shadow", "Shadow: a reply was wanted"
        BELOW_THRESHOLD = "below_threshold", "Below threshold"
        NOT_ADDRESSED = "not_addressed", "Not addressed"
        FILTERED = "filtered", "Filtered"
        PAUSED = "paused", "Paused"
        TAKEN_OVER = "taken_over", "A person took over"
        OVER_BUDGET = "over_budget", "Over budget"
        TOO_OLD = "too_old", "Too old"
        ANSWERED = "answered", "Answered meanwhile"
        DISCARDED = "discarded", "Draft discarded"
        GATE_FAILED = "gate_failed", "Gate failed"
        RESPONSE_FAILED = "response_failed", "Response failed"
        SEND_FAILED = "send_failed", "Send failed"

    class Status(models.TextChoices):
        NONE = "", "-"
        DRAFT = "draft", "Draft"
        QUEUED = "queued", "Queued"
        SENDING = "sending", "Sending"
        UNKNOWN = "unknown", "Unknown"
        SENT = "sent", "Sent"
        DELIVERED = "delivered", "Delivered"
        READ = "read", "Read"
        FAILED = "failed", "Failed"
        DROPPED = "dropped", "Dropped"

    UNSETTLED = [Status.QUEUED, Status.SENDING, Status.UNKNOWN]

    conversation = models.ForeignKey(
        Conversation, models.CASCADE, related_name="messages", db_index=False
    )
    direction = models.CharField(max_length=3, choices=Direction)
    author = models.CharField(max_length=10, choices=Author, blank=True)
    sender = models.ForeignKey(
        Contact, models.PROTECT, null=True, blank=True, related_name="messages"
    )
    whatsapp_id = models.CharField("WhatsApp id", max_length=128, blank=True)
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
    sent_at = models.DateTimeField(help_text="By WhatsApp's clock.")
    received_at = models.DateTimeField(default=timezone.now)
    edited_at = models.DateTimeField(null=True, blank=True)
    deleted_at = models.DateTimeField(null=True, blank=True)

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
        ]

    def __str__(self) -> str:
        return self.text[:80] or f"[{self.kind}]"

    @property
    def is_inbound(self) -> bool:
        return self.direction == Message.Direction.IN


class AgentSettings(models.Model):
    """The one row that staff steer the agent with. Secrets are never in it."""

    class GroupPolicy(models.TextChoices):
        JUDGED = "judged", "Where the model thinks that a reply is wanted"
        ADDRESSED = "addressed", "Only when addressed"

    class OnGateFailure(models.TextChoices):
        SILENT = "silent", "Stay silent"
        RETRY = "retry", "Try again later"

    class Provider(models.TextChoices):
        SCRIPTED = "scripted", "Scripted (no network)"
        OPENAI = "openai", "OpenAI-compatible"
        ANTHROPIC = "anthropic", "Anthropic"
        TEMPLATE = "template", "Template (BrightWrapper)"

    # Who answers
    is_on = models.BooleanField("agent is on", default=True)
    whatsapp_provider = models.CharField(
        max_length=20, default="evolution", editable=False
    )
    bot_name = models.CharField("name", max_length=60, default="Assistant")
    aliases = models.CharField(
        max_length=300,
        blank=True,
        help_text="Other names it answers to, separated by commas.",
    )
    only_allowed = models.BooleanField(
        default=False,
        help_text="Answer only contacts and conversations marked as allowed.",
    )
    new_direct_mode = models.CharField(
        "mode of new direct chats", max_length=10, choices=Mode, default=Mode.LIVE
    )
    new_group_mode = models.CharField(
        "mode of new groups", max_length=10, choices=Mode, default=Mode.SHADOW
    )

    # When it replies
    group_policy = models.CharField(
        max_length=10, choices=GroupPolicy, default=GroupPolicy.JUDGED
    )
    threshold = models.FloatField(
        default=0.6, help_text="0 to 1: reply when the probability is at or above it."
    )
    on_gate_failure = models.CharField(
        max_length=10, choices=OnGateFailure, default=OnGateFailure.SILENT
    )
    direct_wait = models.FloatField(
        default=1.5, help_text="Seconds of silence that end a burst in a direct chat."
    )
    group_wait = models.FloatField(default=5, help_text="The same in a group.")
    longest_wait = models.FloatField(
        default=12, help_text="Seconds after which a burst is judged in any case."
    )
    oldest_answered = models.PositiveIntegerField(
        default=10,
        help_text="Minutes; older messages are context, not a call to answer.",
    )
    takeover_minutes = models.PositiveIntegerField(
        default=30, help_text="How long the agent stands back when a person writes."
    )

    # How it replies
    instructions = models.TextField(
        default="You are a friendly, helpful assistant. Answer briefly, in the language of the chat.",
        help_text="Who it is, what it knows, how it writes.",
    )
    group_instructions = models.TextField(
        blank=True,
        help_text="When a reply is wanted in groups; given to the judging step.",
    )
    context_messages = models.PositiveIntegerField(default=20)
    quote_in_groups = models.BooleanField(default=True)
    show_typing = models.BooleanField(default=True)
    mark_read = models.BooleanField(default=True)

    # The models
    relevance_provider = models.CharField(
        max_length=20, choices=Provider, default=Provider.SCRIPTED
    )
    relevance_model = models.CharField(max_length=100, blank=True)
    relevance_timeout = models.FloatField(
        default=10, help_text="Seconds, retries included."
    )
    relevance_price_in = models.DecimalField(
        max_digits=10, decimal_places=4, default=0, help_text="Per million tokens."
    )
    relevance_price_out = models.DecimalField(
        max_digits=10, decimal_places=4, default=0, help_text="Per million tokens."
    )
    response_provider = models.CharField(
        max_length=20, choices=Provider, default=Provider.SCRIPTED
    )
    response_model = models.CharField(max_length=100, blank=True)
    response_timeout = models.FloatField(
        default=45, help_text="Seconds, retries included."
    )
    response_price_in = models.DecimalField(
        max_digits=10, decimal_places=4, default=0, help_text="Per million tokens."
    )
    response_price_out = models.DecimalField(
        max_digits=10, decimal_places=4, default=0, help_text="Per million tokens."
    )
    response_max_tokens = models.PositiveIntegerField(default=800)
    temperature = models.FloatField(default=0.5)

    # Limits
    unprompted_gap = models.FloatField(
        default=2, help_text="Minutes between two unprompted replies in a group."
    )
    unprompted_per_hour = models.PositiveIntegerField(default=6)
    unprompted_per_day = models.PositiveIntegerField(default=20)
    replies_per_minute = models.PositiveIntegerField(
        default=8, help_text="In one conversation; more looks like two bots talking."
    )
    replies_per_hour = models.PositiveIntegerField(default=60)
    daily_spend_limit = models.DecimalField(
        max_digits=10,
        decimal_places=2,
        null=True,
        blank=True,
        help_text="For model calls, in the currency of the prices; empty: none.",
    )
    daily_call_limit = models.PositiveIntegerField(
        null=True, blank=True, help_text="Model calls a day; empty: no limit."
    )

    class Meta:
        verbose_name = verbose_name_plural = "settings"

    def __str__(self) -> str:
        return "Settings"

    @classmethod
    def load(cls) -> "AgentSettings":
        return cls.objects.get_or_create(pk=1)[0]

    @property
    def names(self) -> list[str]:
        """The names that address the agent."""
        return [
            name
            for part in [self.bot_name, *self.aliases.split(",")]
            if (name := part.strip())
        ]

    @property
    def oldest_answered_at(self) -> datetime:
        return timezone.now() - timedelta(minutes=self.oldest_answered)


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
