"""What webhooks tell about instances, written to their rows.

While WhatsApp cannot be reached, Evolution sends 50 times a second that it connects.
So what this process has just written is not written again.
"""

import time
from datetime import datetime
from threading import Lock

from django.db import transaction
from django.utils import timezone

from evolution.connection import (
    ConnectionChanged,
    InstanceClosed,
    InstanceEvent,
    InstanceRemoved,
    OwnAddressLearned,
    QRCodeChanged,
    QRLimitReached,
)
from evolution.models import Instance

State = Instance.State
REPEAT_SECONDS = 1
OWN_ADDRESS_SECONDS = 60
SEEN_SECONDS = 10
REASONS = {
    401: "unlinked on the phone or logged out",
    402: "banned by WhatsApp for some time",
    403: "banned or refused by WhatsApp",
    406: "logged out by WhatsApp",
    428: "the limit of QR codes was reached; connect again for new ones",
}
NO_CODES = {"qr_code": "", "qr_at": None, "pairing_code": ""}

# By instance: what was written last, and when. Filled only by commits.
_states: dict[str, tuple[InstanceEvent, float]] = {}
_addresses: dict[str, tuple[InstanceEvent, float]] = {}
_seen: dict[str, float] = {}
_guard = Lock()


def news(events: list[InstanceEvent]) -> list[InstanceEvent]:
    """Those that do not only repeat what this process has just written."""
    return [event for event in events if not _is_repeated(event)]


def is_seen(name: str) -> bool:
    """Whether the instance's row says already that its webhooks arrive."""
    with _guard:
        seen_at = _seen.get(name)
    return seen_at is not None and time.monotonic() - seen_at < SEEN_SECONDS


def mark_seen(name: str) -> None:
    now = timezone.now()
    if not Instance.objects.filter(name=name).update(webhook_at=now):
        Instance.objects.get_or_create(name=name, defaults={"webhook_at": now})
    transaction.on_commit(lambda: _remember(_seen, name, time.monotonic()))


def write(event: InstanceEvent) -> None:
    locked = Instance.objects.select_for_update()
    row, _ = locked.get_or_create(name=event.instance)
    values = _values(event, row)
    changed = [name for name, value in values.items() if getattr(row, name) != value]
    for name in changed:
        setattr(row, name, values[name])
    if "state" in changed:
        row.state_at = timezone.now()
        changed.append("state_at")
    if changed:
        row.save(update_fields=changed)
    cache, _ = _cache_of(event)
    written = (event, time.monotonic())
    transaction.on_commit(lambda: _remember(cache, event.instance, written))


def _cache_of(event: InstanceEvent) -> tuple[dict, float]:
    if isinstance(event, OwnAddressLearned):
        return _addresses, OWN_ADDRESS_SECONDS
    return _states, REPEAT_SECONDS


def _is_repeated(event: InstanceEvent) -> bool:
    cache, seconds = _cache_of(event)
    with _guard:
        written, at = cache.get(event.instance, (None, 0.0))
    return written == event and time.monotonic() - at < seconds


def _remember(cache: dict, name: str, value: object) -> None:
    with _guard:
        cache[name] = value


def _values(event: InstanceEvent, row: Instance) -> dict[str, str | datetime | None]:
    match event:
        case ConnectionChanged(state=State.OPEN):
            own = _own(row, event.phone_jid, "", event.profile_name)
            is_new = row.state != State.OPEN
            opened = row.opened() if is_new else {}
            return {
                "state": State.OPEN,
                "state_reason": "",
                **NO_CODES,
                **own,
                **opened,
            }
        case ConnectionChanged(state=State.CONNECTING):
            return {"state": State.CONNECTING, "state_reason": ""}
        case ConnectionChanged(state=State.REFUSED):
            reason = _reason(event.reason or 428)
            return {"state": State.REFUSED, "state_reason": reason, **NO_CODES}
        case ConnectionChanged():
            return _closed(row, _reason(event.reason), is_detailed=False)
        case InstanceClosed():
            reason = _reason(event.reason_code, event.reason_text)
            return _closed(row, reason, is_detailed=bool(event.reason_code))
        case InstanceRemoved():
            return {"state": State.REMOVED, "state_reason": "", **NO_CODES}
        case QRLimitReached():
            return {"state": State.REFUSED, "state_reason": _reason(428), **NO_CODES}
        case QRCodeChanged():
            return _codes(event, row)
        case OwnAddressLearned(address=found):
            return _own(row, found.phone_jid, found.lid, event.profile_name)


def _reason(code: int | None, detail: str = "") -> str:
    """In plain words, after the code that staff can look up."""
    if code is None:
        return ""
    words = REASONS.get(code, "closed by WhatsApp")
    return f"{code}: {words} ({detail})" if detail else f"{code}: {words}"


def _closed(row: Instance, reason: str, *, is_detailed: bool) -> dict:
    """Three events tell of one end, in any order; only one says why."""
    if row.state == State.REMOVED:
        return {}
    if row.state == State.CLOSE and row.state_reason and not is_detailed:
        reason = row.state_reason
    return {"state": State.CLOSE, "state_reason": reason, **NO_CODES}


def _codes(event: QRCodeChanged, row: Instance) -> dict:
    if row.state == State.OPEN:  # it comes late: the phone is linked
        return {}
    return {
        "qr_code": event.code,
        "qr_at": row.qr_at if row.qr_code == event.code else timezone.now(),
        "pairing_code": event.pairing_code,
    }


def _own(row: Instance, phone_jid: str, lid: str, profile_name: str) -> dict:
    """Our addresses, where they are known. Another number has another LID and name."""
    values = {"phone_jid": phone_jid, "lid": lid, "profile_name": profile_name}
    if phone_jid and row.phone_jid not in ("", phone_jid):
        return values
    return {name: value for name, value in values.items() if value}
