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


class ApiToken(models.Model):
    """Lets a program call the API in somebody's name. Only its digest is kept."""

    name = models.CharField(_("name"), max_length=100, unique=True)
    user = models.ForeignKey(
        User, models.CASCADE, related_name="api_tokens", verbose_name=_("person")
    )
    role = models.CharField(_("role"), max_length=150)
    digest = models.CharField(max_length=64, unique=True, editable=False)
    created_at = models.DateTimeField(_("made"), auto_now_add=True)
    expires_at = models.DateTimeField(_("expires"), null=True, blank=True)

    class Meta:
        verbose_name = _("API token")
        verbose_name_plural = _("API tokens")
        default_permissions = ()

    def __str__(self) -> str:
        return self.name
