from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from conversations.models.by_staff import ByStaff
from conversations.models.conversation import Contact


class Forgetting(ByStaff):
    """That all which a contact said is to be deleted; scores, outcomes and counts stay.

    Without staff: they asked themselves, or somebody at the command line did.
    """

    contact = models.ForeignKey(Contact, models.PROTECT, related_name="forgettings")
    asked_at = models.DateTimeField(auto_now_add=True)
    due_at = models.DateTimeField(default=timezone.now)
    done_at = models.DateTimeField(null=True, blank=True)
    texts = models.PositiveIntegerField(default=0)
    prompts = models.PositiveIntegerField(default=0)

    class Meta:
        default_permissions = ()
        verbose_name = _("forgetting")
        indexes = [
            models.Index(
                fields=["due_at"],
                condition=Q(done_at__isnull=True),
                name="waiting_forgettings",
            )
        ]

    def __str__(self) -> str:
        return f"{self.contact_id}: {self.texts}"
