"""Notices a bridge that claims to be open while its webhooks do not arrive.

A quiet night is no silence: only messages in Evolution's record, sent after the last
webhook came, prove that some are missing. Its webhook is registered anew where that is
wrong; else the instance is restarted, which is what helps.
"""

import logging
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Sum
from django.utils import timezone
from django.utils.translation import gettext as _

from conversations.models import Worker
from conversations.whatsapp import BridgeError
from evolution import alerts, instances
from evolution.models import Instance, Silence

logger = logging.getLogger(__name__)

# What a webhook may take, and clocks may differ.
GRACE = timedelta(minutes=2)
RESTART_EVERY = timedelta(hours=1)
LONGEST_STEPS = 5_000


def look(
    row: Instance, newest: datetime | None, newest_missed: datetime | None
) -> None:
    """Judge by the newest message in the record, and the newest that none told of."""
    row.refresh_from_db(fields=["webhook_at", "state_at"])
    silence = Silence.objects.filter(instance=row, ended_at=None).first()
    problems = _problems(row, newest, newest_missed)
    if problems is not None:
        silence = silence or Silence.objects.create(
            instance=row, began_at=row.webhook_at or row.state_at or timezone.now()
        )
        _count(silence)
        _mend(silence, problems)
    elif silence and _is_heard_again(row, silence):
        silence.ended_at = timezone.now()
        silence.save(update_fields=["ended_at"])
    _tell(row)


def _problems(
    row: Instance, newest: datetime | None, newest_missed: datetime | None
) -> list[str] | None:
    """What is wrong with the webhook's registration; None where nothing is missing."""
    is_silent = newest is not None and _is_silent(row, newest)
    if not is_silent and (newest_missed is None or newest_missed < _up_since()):
        return None
    try:
        problems = instances.webhook_problems(row.name)
    except BridgeError as error:
        logger.warning("Cannot check the webhook of %s: %s", row, error)
        problems = []
    return problems if problems or is_silent else None


def _is_silent(row: Instance, newest: datetime) -> bool:
    heard_at = row.webhook_at or row.state_at
    if heard_at is None:
        return False
    patience = timedelta(minutes=settings.WATCHDOG_MINUTES)
    since = max(filter(None, (heard_at, row.state_at, _up_since())))
    return timezone.now() - heard_at >= patience and newest > since + GRACE


def _up_since() -> datetime:
    """When we began to listen: what came before could not reach us."""
    alive = [one.started_at for one in Worker.objects.all() if one.is_alive]
    return min(alive, default=timezone.now())


def _count(silence: Silence) -> None:
    searches = silence.instance.searches.filter(started_at__gte=silence.began_at)
    silence.missed = searches.aggregate(found=Sum("found"))["found"] or 0
    silence.save(update_fields=["missed"])


def _is_heard_again(row: Instance, silence: Silence) -> bool:
    acted_at = silence.acted_at or silence.noticed_at
    return row.webhook_at is not None and row.webhook_at > acted_at


def _mend(silence: Silence, problems: list[str]) -> None:
    name = silence.instance.name
    try:
        if problems:
            _note(silence, _("Registered the webhook anew: %s") % " ".join(problems))
            instances.register_webhook(name)
        elif _may_restart(silence):
            silence.restarted_at = timezone.now()
            _note(silence, _("Restarted the instance."))
            instances.restart(name)
    except BridgeError as error:
        _note(silence, _("That failed: %s") % error)


def _may_restart(silence: Silence) -> bool:
    lately = timezone.now() - RESTART_EVERY
    others = Silence.objects.filter(instance=silence.instance)
    return not others.filter(restarted_at__gt=lately).exists()


def _note(silence: Silence, step: str) -> None:
    """Written before it is done: a restart must not be repeated after a crash."""
    logger.warning("The bridge of %s is silent. %s", silence.instance, step)
    now = timezone.now()
    line = f"{timezone.localtime(now):%Y-%m-%d %H:%M:%S} {step}"
    silence.steps = f"{silence.steps}{line}\n"[-LONGEST_STEPS:]
    silence.acted_at = now
    silence.save(update_fields=["steps", "acted_at", "restarted_at"])


def _tell(row: Instance) -> None:
    """By e-mail once when it begins and once when it is over; again where that failed."""
    lately = timezone.now() - timedelta(days=1)
    recent = Silence.objects.filter(instance=row, noticed_at__gt=lately)
    for silence in recent.filter(told_at=None):
        if alerts.tell_of(silence):
            silence.told_at = timezone.now()
            silence.save(update_fields=["told_at"])
    over = recent.exclude(ended_at=None).exclude(told_at=None)
    for silence in over.filter(told_end_at=None):
        if alerts.tell_of_end(silence):
            silence.told_end_at = timezone.now()
            silence.save(update_fields=["told_end_at"])
