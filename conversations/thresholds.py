"""Thresholds applied on evidence: of conversations, of instances, or of the settings."""

from collections.abc import Iterable, Mapping
from typing import Any

from django.db import transaction

from conversations import instance_settings, settings_history
from conversations.models import AgentSettings, Conversation, ThresholdChange

# The threshold of the settings, in force wherever there is none of one's own.
COMMON = "all"
# Before an instance's name: its own value over the common one.
_INSTANCE = "@"

Thresholds = dict[
    str, float | None
]  # by key: a conversation's, an instance's, or COMMON


class NotApplied(Exception):
    """Somebody changed meanwhile what was to be changed."""

    def __init__(self, found: Thresholds) -> None:
        self.found = found
        super().__init__(", ".join(found))


def key_of(instance: str) -> str:
    return f"{_INSTANCE}{instance}" if instance else COMMON


def instance_of(key: str) -> str:
    """The name of the instance that a key stands for, or ""."""
    return key[1:] if key.startswith(_INSTANCE) else ""


def is_of_settings(key: str) -> bool:
    return key == COMMON or bool(instance_of(key))


def conversations(keys: Iterable[str]) -> list[int]:
    return [int(key) for key in keys if not is_of_settings(key)]


@transaction.atomic
def apply(
    thresholds: Mapping[str, float | None],
    seen: Mapping[str, float | None],
    staff: Any,
    why: str = "",
    undoes: ThresholdChange | None = None,
) -> ThresholdChange:
    """All of them, or none if one is no longer as it was seen."""
    row = settings_history.lock() if any(map(is_of_settings, thresholds)) else None
    found = _found(thresholds, row, Conversation.objects.select_for_update())
    if changed := {key: now for key, now in found.items() if now != seen.get(key)}:
        raise NotApplied(changed)
    for key, threshold in thresholds.items():
        if is_of_settings(key):
            _set(row, key, threshold, staff)
        else:
            Conversation.objects.filter(pk=key).update(threshold=threshold)
    return ThresholdChange.objects.create(
        staff=staff, before=found, after=dict(thresholds), why=why, undoes=undoes
    )


def _set(row: AgentSettings, key: str, threshold: float | None, staff: Any) -> None:
    if instance := instance_of(key):
        own = instance_settings.COMMON if threshold is None else threshold
        instance_settings.save(row, instance, {"threshold": own}, staff)
        return
    before = settings_history.values(row, ["threshold"])
    row.threshold = threshold
    settings_history.save(row, before, staff)


def undo(change: ThresholdChange, staff: Any) -> ThresholdChange:
    """Set all back in one step, unless one of them was changed since."""
    return apply(change.before, change.after, staff, undoes=change)


def in_force(keys: Mapping[str, Any]) -> Thresholds:
    """What each has of its own; None where it has not."""
    row = AgentSettings.load() if any(map(is_of_settings, keys)) else None
    return _found(keys, row, Conversation.objects)


def _found(keys: Mapping[str, Any], row: AgentSettings | None, rows: Any) -> Thresholds:
    of = rows.filter(pk__in=conversations(keys)).order_by("pk")
    found: Thresholds = {str(pk): own for pk, own in of.values_list("pk", "threshold")}
    if COMMON in keys:
        found[COMMON] = row.threshold
    for key in keys:
        if instance := instance_of(key):
            found[key] = instance_settings.own(row, instance).get("threshold")
    return found
