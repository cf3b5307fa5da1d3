"""E-mails to staff about the bridge, where a server and addresses are configured."""

import logging
import smtplib

from django.conf import settings
from django.core.mail import send_mail
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from evolution.models import Silence

logger = logging.getLogger(__name__)


def tell_of(silence: Silence) -> bool:
    """Return whether the e-mail left."""
    subject = _("WhatsApp is silent: %s") % silence.instance
    said = _(
        "Evolution API says that %(name)s is connected, but has reported nothing since "
        "%(since)s, although there are new messages. They are fetched every few minutes, "
        "so answers come late."
    )
    return _send(subject, said, silence)


def tell_of_end(silence: Silence) -> bool:
    subject = _("WhatsApp is heard again: %s") % silence.instance
    said = _("Evolution API reports again about %(name)s. It had not since %(since)s.")
    return _send(subject, said, silence)


def _send(subject: str, said: str, silence: Silence) -> bool:
    if not (settings.EMAIL_HOST and settings.STAFF_EMAILS):
        return False
    since = timezone.localtime(silence.began_at)
    page = reverse("admin:evolution_instance_change", args=[silence.instance_id])
    parts = [
        said % {"name": silence.instance, "since": f"{since:%Y-%m-%d %H:%M %Z}"},
        _("Messages that were missed: %d") % silence.missed,
        silence.steps.strip(),
        f"{settings.SITE_URL}{page}",
    ]
    body = "\n\n".join(filter(None, parts))
    try:
        send_mail(" ".join(subject.split()), body, None, settings.STAFF_EMAILS)
    except (OSError, smtplib.SMTPException) as error:
        logger.error("Cannot send an e-mail to staff: %s", error)
        return False
    return True
