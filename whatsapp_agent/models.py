from django.contrib.auth.models import User
from django.db import models
from django.utils.translation import gettext_lazy as _


class Identity(models.Model):
    """Whose account it is, where an OpenID Connect provider says so."""

    user = models.OneToOneField(User, models.CASCADE, verbose_name=_("person"))
    issuer = models.CharField(_("issuer"), max_length=255)
    sub = models.CharField(_("sub"), max_length=255)

    class Meta:
        verbose_name = _("identity")
        verbose_name_plural = _("identities")
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["issuer", "sub"], name="one_identity")
        ]

    def __str__(self) -> str:
        return f"{self.issuer} {self.sub}"
