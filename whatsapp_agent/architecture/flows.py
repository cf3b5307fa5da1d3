"""What goes from one part to another, and how much of it."""

from collections.abc import Iterator
from dataclasses import dataclass

from django.contrib.auth.models import User
from django.utils.functional import Promise
from django.utils.translation import gettext as _

from llm.models import Decision
from whatsapp_agent.architecture import traffic
from whatsapp_agent.architecture.traffic import Asked, Traffic

Step = Decision.Step


@dataclass(frozen=True)
class Flow:
    key: str
    source: str
    target: str
    what: str | Promise
    count: int | None = None  # None: not counted, or not for this person
    unit: str | Promise = ""  # beside the arrow; the table has `what`
    is_now: bool = False  # else of the last hour
    failed: int = 0


def flows(user: User) -> list[Flow]:
    may_count = user.has_perm("conversations.view_message")
    return list(_flows(traffic.last_hour() if may_count else None))


def _flows(seen: Traffic | None) -> Iterator[Flow]:
    inbound, sent = (seen.inbound, seen.sent) if seen else (None, None)
    yield Flow("in", "whatsapp", "bridge", _("messages of people"), inbound)
    yield Flow("out", "bridge", "whatsapp", _("replies"), sent)
    yield Flow("webhook", "bridge", "web", _("webhooks with a message"), inbound)
    yield Flow("staff", "staff", "web", _("this admin"))
    yield Flow("store", "web", "database", _("stored once"), inbound, unit=_("stored"))
    yield Flow("wake", "web", "queue", _("wake-ups: look now"))
    yield Flow("take", "queue", "worker", _("wake-ups: look now"))
    yield Flow(
        "lease",
        "database",
        "worker",
        _("conversations by lease, and what came of them: messages without an outcome"),
        seen.pending if seen else None,
        unit=_("pending"),
        is_now=True,
    )
    yield _asked("step1", Step.RELEVANCE, _("a transcript; p comes back"), seen)
    yield _asked("step2", Step.RESPONSE, _("a transcript; a text comes back"), seen)
    yield Flow("settings", "settings", "relevance", _("the threshold"))
    yield Flow(
        "put",
        "worker",
        "outbox",
        _("replies not yet settled"),
        seen.outbox.waiting + seen.outbox.unknown if seen else None,
        unit=_("waiting"),
        is_now=True,
        failed=seen.outbox.unknown if seen else 0,
    )
    yield Flow("send", "outbox", "bridge", _("sends"), sent, unit=_("sent"))


def _asked(key: str, step: Step, what: str, seen: Traffic | None) -> Flow:
    if seen is None:
        return Flow(key, "worker", step.value, what)
    asked = seen.asked.get(step.value, Asked())
    return Flow(
        key, "worker", step.value, what, asked.calls, _("asked"), failed=asked.failed
    )
