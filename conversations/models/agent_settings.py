import time
from copy import copy
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cached_property
from typing import ClassVar

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from conversations.models.conversation import Mode


class AgentSettings(models.Model):
    """The one row that staff steer the agent with. Secrets are never in it."""

    class GroupPolicy(models.TextChoices):
        JUDGED = "judged", _("Where the model thinks that a reply is wanted")
        ADDRESSED = "addressed", _("Only when addressed")

    class OnGateFailure(models.TextChoices):
        SILENT = "silent", _("Stay silent")
        RETRY = "retry", _("Try again later")

    class Transcribe(models.TextChoices):
        NEVER = "never", _("Never")
        DIRECT = "direct", _("In direct chats")
        EVERYWHERE = "everywhere", _("In direct chats and where groups are judged")

    class Pictures(models.TextChoices):
        NEVER = "never", _("Never")
        RESPONSE = "response", _("Only to the model that writes")
        BOTH = "both", _("To the model that judges, too")

    class TranscriptionProvider(models.TextChoices):
        SCRIPTED = "scripted", _("Scripted (no network)")
        OPENAI = "openai", _("OpenAI-compatible")

    class Provider(models.TextChoices):
        SCRIPTED = "scripted", _("Scripted (no network)")
        OPENAI = "openai", _("OpenAI-compatible")
        ANTHROPIC = "anthropic", _("Anthropic")
        TEMPLATE = "template", _("Template (BrightWrapper)")

    # Who answers
    is_on = models.BooleanField(_("agent is on"), default=True)
    whatsapp_provider = models.CharField(
        max_length=20, default="evolution", editable=False
    )
    bot_name = models.CharField(_("name"), max_length=60, default="Assistant")
    aliases = models.CharField(
        max_length=300,
        blank=True,
        help_text=_("Other names it answers to, separated by commas."),
    )
    only_allowed = models.BooleanField(
        default=False,
        help_text=_("Answer only contacts and conversations marked as allowed."),
    )
    new_direct_mode = models.CharField(
        _("mode of new direct chats"), max_length=10, choices=Mode, default=Mode.LIVE
    )
    new_group_mode = models.CharField(
        _("mode of new groups"), max_length=10, choices=Mode, default=Mode.SHADOW
    )

    # When it replies
    group_policy = models.CharField(
        max_length=10, choices=GroupPolicy, default=GroupPolicy.JUDGED
    )
    threshold = models.FloatField(
        default=0.6,
        help_text=_("0 to 1: reply when the probability is at or above it."),
    )
    on_gate_failure = models.CharField(
        max_length=10, choices=OnGateFailure, default=OnGateFailure.SILENT
    )
    direct_wait = models.FloatField(
        default=1.5,
        help_text=_("Seconds of silence that end a burst in a direct chat."),
    )
    group_wait = models.FloatField(default=5, help_text=_("The same in a group."))
    longest_wait = models.FloatField(
        default=12, help_text=_("Seconds after which a burst is judged in any case.")
    )
    oldest_answered = models.PositiveIntegerField(
        default=10,
        help_text=_("Minutes; older messages are context, not a call to answer."),
    )
    takeover_minutes = models.PositiveIntegerField(
        default=30, help_text=_("How long the agent stands back when a person writes.")
    )

    quiet_minutes = models.PositiveIntegerField(
        default=60,
        help_text=_(
            "How long it is silent in a group where somebody asked for it; 0: not at all."
        ),
    )
    quiet_when_addressed = models.BooleanField(
        default=True, help_text=_("Meanwhile, be silent to who addresses it too.")
    )
    command_prefix = models.CharField(
        max_length=5,
        blank=True,
        default="/",
        help_text=_("What commands begin with; empty: there are no commands."),
    )
    forget_in_chat = models.BooleanField(
        default=True,
        help_text=_("Anybody may have forgotten what they said, in a direct chat."),
    )

    # How it replies
    instructions = models.TextField(
        default="You are a friendly, helpful assistant. Answer briefly, in the language of the chat.",
        help_text=_("Who it is, what it knows, how it writes."),
    )
    group_instructions = models.TextField(
        blank=True,
        help_text=_("When a reply is wanted in groups; given to the judging step."),
    )
    context_messages = models.PositiveIntegerField(default=20)
    knowledge_passages = models.PositiveIntegerField(
        default=4, help_text=_("Passages of the searched texts for one reply.")
    )
    knowledge_characters = models.PositiveIntegerField(
        default=3000, help_text=_("All passages for one reply together.")
    )
    knowledge_topics = models.BooleanField(
        default=False,
        help_text=_("The judging step is told the titles of the texts."),
    )
    quote_in_groups = models.BooleanField(default=True)
    mention_asker = models.BooleanField(default=False)
    show_typing = models.BooleanField(default=True)
    typing_speed = models.PositiveIntegerField(
        default=0, help_text=_("Characters a second; 0: it is sent as soon as written.")
    )
    mark_read = models.BooleanField(default=True)
    reacts = models.BooleanField(default=False)
    reaction_emoji = models.CharField(max_length=16, default="👍")
    reaction_threshold = models.FloatField(
        default=0.4, help_text=_("0 to 1: from here up to the threshold of a reply.")
    )
    reaction_gap = models.FloatField(
        default=15, help_text=_("Minutes between two reactions in a group.")
    )

    # The models
    relevance_provider = models.CharField(
        max_length=20, choices=Provider, default=Provider.SCRIPTED
    )
    relevance_model = models.CharField(max_length=100, blank=True)
    relevance_timeout = models.FloatField(
        default=10, help_text=_("Seconds, retries included.")
    )
    relevance_price_in = models.DecimalField(
        max_digits=10, decimal_places=4, default=0, help_text=_("Per million tokens.")
    )
    relevance_price_out = models.DecimalField(
        max_digits=10, decimal_places=4, default=0, help_text=_("Per million tokens.")
    )
    response_provider = models.CharField(
        max_length=20, choices=Provider, default=Provider.SCRIPTED
    )
    response_model = models.CharField(max_length=100, blank=True)
    response_timeout = models.FloatField(
        default=45, help_text=_("Seconds, retries included.")
    )
    response_price_in = models.DecimalField(
        max_digits=10, decimal_places=4, default=0, help_text=_("Per million tokens.")
    )
    response_price_out = models.DecimalField(
        max_digits=10, decimal_places=4, default=0, help_text=_("Per million tokens.")
    )
    response_max_tokens = models.PositiveIntegerField(default=800)
    temperature = models.FloatField(default=0.5)

    # Files
    transcribe = models.CharField(
        max_length=10, choices=Transcribe, default=Transcribe.EVERYWHERE
    )
    transcription_provider = models.CharField(
        max_length=20,
        choices=TranscriptionProvider,
        default=TranscriptionProvider.SCRIPTED,
    )
    transcription_model = models.CharField(
        max_length=100, blank=True, default="whisper-1"
    )
    transcription_language = models.CharField(
        max_length=10,
        blank=True,
        help_text=_("Such as en or pt; empty: the model finds out."),
    )
    transcription_timeout = models.FloatField(
        default=60, help_text=_("Seconds, retries included.")
    )
    transcription_price = models.DecimalField(
        max_digits=10, decimal_places=4, default=0, help_text=_("Per minute of sound.")
    )
    longest_voice = models.FloatField(
        default=5, help_text=_("Minutes; longer voice notes are not transcribed.")
    )
    voice_apology = models.TextField(
        blank=True,
        default="Sorry, I could not listen to your voice message. Could you write it to me?",
        help_text=_(
            "Sent in a direct chat for what could not be transcribed; empty: nothing."
        ),
    )
    pictures = models.CharField(max_length=10, choices=Pictures, default=Pictures.NEVER)
    most_pictures = models.PositiveIntegerField(
        default=3, help_text=_("In one prompt; the latest ones.")
    )
    largest_picture = models.PositiveIntegerField(
        default=1024, help_text=_("Pixels of the longer side; larger ones are shrunk.")
    )
    document_characters = models.PositiveIntegerField(
        default=6000, help_text=_("Of each PDF or text file. 0: none is read.")
    )
    largest_file = models.FloatField(
        default=20,
        help_text=_("Megabytes; larger files are not fetched. 0: no files at all."),
    )

    # Limits
    unprompted_gap = models.FloatField(
        default=2, help_text=_("Minutes between two unprompted replies in a group.")
    )
    unprompted_per_hour = models.PositiveIntegerField(default=6)
    unprompted_per_day = models.PositiveIntegerField(default=20)
    replies_per_minute = models.PositiveIntegerField(
        default=8, help_text=_("In one conversation; more looks like two bots talking.")
    )
    replies_per_hour = models.PositiveIntegerField(default=60)
    daily_spend_limit = models.DecimalField(
        max_digits=10,
        decimal_places=2,
        null=True,
        blank=True,
        help_text=_("For model calls, in the currency of the prices; empty: none."),
    )
    daily_call_limit = models.PositiveIntegerField(
        null=True, blank=True, help_text=_("Model calls a day; empty: no limit.")
    )

    # Data: after so many days it is deleted; empty keeps it for ever
    keep_texts = models.PositiveIntegerField(null=True, blank=True)
    keep_files = models.PositiveIntegerField(null=True, blank=True, default=90)
    keep_prompts = models.PositiveIntegerField(null=True, blank=True, default=90)
    keep_webhooks = models.PositiveIntegerField(null=True, blank=True, default=90)
    keep_tasks = models.PositiveIntegerField(null=True, blank=True, default=30)

    # What instances have in place of the common values: by their names, then by field,
    # as in the history of changes. In this row, so that it costs no query of its own.
    own_values = models.JSONField(default=dict, editable=False)

    class Meta:
        verbose_name = verbose_name_plural = _("settings")

    def __str__(self) -> str:
        return "Settings"

    # Seconds that a copy may be old. Each message asks for the settings several times.
    FRESH_SECONDS = 1.0
    _copy: ClassVar[tuple[float, "AgentSettings"] | None] = None

    @classmethod
    def current(cls) -> "AgentSettings":
        """The settings for reading, from a copy that is a second old at most."""
        copied = cls._copy
        if copied is None or time.monotonic() - copied[0] > cls.FRESH_SECONDS:
            copied = cls._copy = time.monotonic(), cls.load()
        return copied[1]

    @classmethod
    def of(cls, instance: str) -> "AgentSettings":
        """The settings in force in an instance, for reading; as old as `current`."""
        return cls.current().laid_over(instance)

    def laid_over(self, instance: str) -> "AgentSettings":
        """The common values with those of the instance over them. Never to be saved."""
        own = self.own_values.get(instance)
        if not own:
            return self
        laid = copy(self)
        laid.whole = self
        for name in filter(self.may_be_own, own):
            setattr(laid, name, self._meta.get_field(name).to_python(own[name]))
        # Switching off the whole is to stop all of them at once.
        laid.is_on = self.is_on and laid.is_on
        return laid

    @cached_property
    def whole(self) -> "AgentSettings":
        """The common values, which instances' own may lie over."""
        return self

    @property
    def switched_off(self) -> list[str]:
        """The instances that are off by themselves, whatever the whole is."""
        own = self.own_values
        return sorted(name for name in own if not own[name].get("is_on", True))

    @property
    def daily_limits(self) -> tuple[int | None, Decimal | None]:
        """On calls and cost of models: the common ones on those of all numbers together,
        an instance's own, beside them, on those of that number."""
        return self.daily_call_limit, self.daily_spend_limit

    @classmethod
    def may_be_own(cls, name: str) -> bool:
        """Whether an instance may have its own value: of everything but how long the
        installation keeps what it stores."""
        field = next((one for one in cls._meta.fields if one.name == name), None)
        is_common = name.startswith("keep_")
        return (
            bool(field and field.editable and not field.primary_key) and not is_common
        )

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
