from django.db import models
from django.utils.translation import gettext_lazy as _

from conversations.models.by_staff import Change


class ThresholdChange(Change):
    """Thresholds that were applied on evidence, and what it was.

    By conversation, or "all" for that of the settings.
    """

    why = models.TextField(blank=True)

    class Meta:
        default_permissions = ("view",)
        verbose_name = _("change of thresholds")
        verbose_name_plural = _("changes of thresholds")

    def __str__(self) -> str:
        return ", ".join(self.after)
