from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _


class ThresholdChange(models.Model):
    """Thresholds that were applied on evidence, and what it was. Append-only."""

    staff = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
    )
    changed_at = models.DateTimeField(auto_now_add=True)
    # By conversation, or "all" for that of the settings; both have the same keys.
    before = models.JSONField()
    after = models.JSONField()
    why = models.TextField(blank=True)
    undoes = models.ForeignKey(
        "self", models.SET_NULL, null=True, blank=True, related_name="undone_by"
    )

    class Meta:
        default_permissions = ("view",)
        verbose_name = _("change of thresholds")
        verbose_name_plural = _("changes of thresholds")

    def __str__(self) -> str:
        return ", ".join(self.after)
