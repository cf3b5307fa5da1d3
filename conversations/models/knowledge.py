"""What the operator wrote down for the agent: texts, their versions, their passages."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils.translation import gettext, gettext_lazy as _

from conversations.models.conversation import Conversation


class KnowledgeText(models.Model):
    """A text of the operator's, for everywhere, one instance or one conversation.

    What it says is in its versions. Where two have the same title, the one for fewer
    conversations stands in place of the other.
    """

    class Use(models.TextChoices):
        ALWAYS = "always", _("Given with every reply")
        SEARCHED = "searched", _("Searched for what fits the question")

    class Reach(models.IntegerChoices):
        EVERYWHERE = 0, _("everywhere")
        INSTANCE = 1, _("one instance")
        CONVERSATION = 2, _("one conversation")

    title = models.CharField(_("title"), max_length=120)
    title_key = models.CharField(max_length=240, editable=False)
    instance = models.CharField(_("only in this instance"), max_length=100, blank=True)
    conversation = models.ForeignKey(
        Conversation,
        models.CASCADE,
        null=True,
        blank=True,
        related_name="knowledge",
        verbose_name=_("only in this conversation"),
    )
    reach = models.PositiveSmallIntegerField(choices=Reach, editable=False)
    use = models.CharField(_("use"), max_length=10, choices=Use, default=Use.SEARCHED)
    is_on = models.BooleanField(_("is on"), default=True)
    created_at = models.DateTimeField(auto_now_add=True)
    changed_at = models.DateTimeField(_("changed at"), auto_now=True)

    class Meta:
        verbose_name, verbose_name_plural = _("text"), _("texts")
        constraints = [
            models.UniqueConstraint(
                fields=["title_key", "instance"],
                condition=Q(conversation=None),
                name="one_text_of_a_title",
            ),
            models.UniqueConstraint(
                fields=["title_key", "conversation"],
                condition=Q(conversation__isnull=False),
                name="one_text_of_a_title_here",
            ),
        ]
        indexes = [models.Index(fields=["is_on"], name="texts_that_are_on")]

    def __str__(self) -> str:
        return self.title


class KnowledgeVersion(models.Model):
    """What a text said from one change to the next. Append-only."""

    text = models.ForeignKey(KnowledgeText, models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    title = models.CharField(max_length=120)
    body = models.TextField()
    staff = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    restores = models.ForeignKey("self", models.SET_NULL, null=True, related_name="+")

    class Meta:
        verbose_name, verbose_name_plural = _("version"), _("versions")
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(
                fields=["text", "number"], name="one_version_of_a_number"
            )
        ]

    def __str__(self) -> str:
        return f"{self.title} ({self.number})"


class KnowledgePassage(models.Model):
    """A part of a version. Those of the current ones are in the index of words."""

    version = models.ForeignKey(
        KnowledgeVersion, models.CASCADE, related_name="passages"
    )
    number = models.PositiveIntegerField()
    heading = models.CharField(max_length=300, blank=True)
    text = models.TextField()
    # As the index and the ranking compare them, divided by spaces.
    words = models.TextField()
    is_current = models.BooleanField(default=True)

    class Meta:
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(
                fields=["version", "number"], name="one_passage_of_a_number"
            )
        ]
        indexes = [
            models.Index(
                fields=["version"],
                condition=Q(is_current=True),
                name="current_passages",
            )
        ]

    def __str__(self) -> str:
        return f"{self.version}: {self.number}"


class KnowledgeUse(models.Model):
    """That a decision was given a text, whole, or one of its passages.

    The names outlive the text, so that the decision goes on telling what it knew.
    """

    decision = models.ForeignKey(
        "llm.Decision", models.CASCADE, related_name="knowledge"
    )
    version = models.ForeignKey(
        KnowledgeVersion, models.SET_NULL, null=True, related_name="+"
    )
    passage = models.ForeignKey(
        KnowledgePassage, models.SET_NULL, null=True, related_name="+"
    )
    title = models.CharField(max_length=120)
    number = models.PositiveIntegerField()  # of the version
    part = models.PositiveIntegerField(null=True)  # null: the whole text

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return self.title

    @property
    def what(self) -> str:
        """Which part of which version, in words."""
        told = {"version": self.number, "passage": self.part}
        if self.part is None:
            words = gettext("version %(version)d, whole")
        else:
            words = gettext("version %(version)d, passage %(passage)d")
        gone = "" if self.version_id else f" ({gettext('deleted since')})"
        return words % told + gone

    @property
    def url(self) -> str:
        """Where it stands in the admin, "" if it was deleted."""
        if self.version_id is None:
            return ""
        page = reverse(
            "admin:conversations_knowledgetext_version", args=[self.version_id]
        )
        return page if self.part is None else f"{page}#passage-{self.part}"
