from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _, ngettext


class Decision(models.Model):
    """One stored step: what a voice note says (transcription), is a reply wanted
    (relevance), or what is it (response).

    Append-only. Silences and failures are kept like replies, so that the threshold
    can be judged by what really happened.
    """

    class Step(models.TextChoices):
        RELEVANCE = "relevance", _("Relevance")
        RESPONSE = "response", _("Response")
        TRANSCRIPTION = "transcript", _("Transcription")

    # Those that ask a language model.
    REASONED = (Step.RELEVANCE, Step.RESPONSE)

    class Source(models.TextChoices):
        RULE = "rule", _("Rule")
        MODEL = "model", _("Model")

    class Outcome(models.TextChoices):
        REPLY = "reply", _("Reply")
        SILENT = "silent", _("Silent")
        WRITTEN = "written", _("Written")
        FAILED = "failed", _("Failed")
        # It was answered, but the question was edited or deleted meanwhile.
        OVERTAKEN = "overtaken", _("Overtaken")

    conversation = models.ForeignKey(
        "conversations.Conversation", models.CASCADE, related_name="decisions"
    )
    messages = models.ManyToManyField(
        "conversations.Message",
        related_name="decisions",
        help_text=_("The burst judged."),
    )
    step = models.CharField(max_length=10, choices=Step)
    source = models.CharField(max_length=10, choices=Source)
    outcome = models.CharField(max_length=10, choices=Outcome)
    p = models.FloatField(
        null=True,
        blank=True,
        help_text=_("Probability that a reply is wanted, 0 to 1."),
    )
    threshold = models.FloatField(
        null=True, blank=True, help_text=_("The one in force.")
    )
    kind = models.CharField(max_length=20, blank=True)
    why = models.CharField(max_length=500, blank=True)
    provider = models.CharField(max_length=20, blank=True)
    model = models.CharField(
        max_length=100, blank=True, help_text=_("As the provider named it.")
    )
    prompt_version = models.CharField(max_length=40, blank=True)
    input = models.TextField(blank=True, help_text=_("The prompt as it was sent."))
    output = models.TextField(blank=True, help_text=_("The answer as it came."))
    tokens_in = models.PositiveIntegerField(null=True, blank=True)
    tokens_cached = models.PositiveIntegerField(null=True, blank=True)
    tokens_out = models.PositiveIntegerField(null=True, blank=True)
    seconds = models.PositiveIntegerField(
        null=True, blank=True, help_text=_("Of sound that was transcribed.")
    )
    cost = models.DecimalField(max_digits=12, decimal_places=6, null=True, blank=True)
    latency_ms = models.PositiveIntegerField(null=True, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    error = models.CharField(max_length=500, blank=True)
    created_at = models.DateTimeField(auto_now_add=True, db_index=True)
    # When prompt and answer went, because they had been kept for long enough.
    pruned_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        permissions = [("view_prompt", "Can read prompts and raw answers")]
        indexes = [
            # What a threshold would have done is counted from the index alone, also
            # for one version or conversation.
            models.Index(
                fields=[
                    "created_at",
                    "p",
                    "prompt_version",
                    "provider",
                    "model",
                    "conversation",
                    # SQLite looks them up in the row otherwise.
                    "step",
                    "source",
                ],
                condition=Q(step="relevance", source="model", p__isnull=False),
                name="scored_decisions",
            )
        ]

    def __str__(self) -> str:
        p = "" if self.p is None else f" p={self.p:.2f}"
        return f"{self.get_step_display()}: {self.get_outcome_display()}{p}"

    @property
    def gone(self) -> str:
        """What stands in place of a prompt and an answer that are no longer kept."""
        if self.pruned_at is None:
            return ""
        days = (self.pruned_at - self.created_at).days
        return ngettext("Deleted after %d day", "Deleted after %d days", days) % days


class Label(models.Model):
    """A person's verdict: should the assistant have replied here?

    Estimates count only those of the queue, which drew the decision by chance; a
    correction in passing is a case, and a flip belongs to one comparison.
    """

    class Verdict(models.TextChoices):
        WANTED = "wanted", _("Wanted")
        UNWANTED = "unwanted", _("Not wanted")
        REACTION = "reaction", _("A reaction would do")  # counts as not wanted
        UNSURE = "unsure", _("Unsure")  # counted, never estimated with

    class Origin(models.TextChoices):
        QUEUE = "queue", _("Queue")
        CORRECTION = "correction", _("Correction")
        FLIP = "flip", _("Flip of a replay")

    decision = models.ForeignKey(Decision, models.CASCADE, related_name="labels")
    rater = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="labels"
    )
    verdict = models.CharField(max_length=10, choices=Verdict)
    origin = models.CharField(max_length=10, choices=Origin)
    inclusion = models.FloatField(
        null=True,
        blank=True,
        help_text=_("Probability with which the queue offered the decision."),
    )
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        default_permissions = ("add", "view")
        constraints = [
            models.UniqueConstraint(
                fields=["decision", "rater", "origin"], name="one_label_per_rater"
            )
        ]

    def __str__(self) -> str:
        return f"{self.get_verdict_display()} ({self.get_origin_display()})"


from llm.lab.models import Replay, ReplayResult  # noqa: E402, F401
