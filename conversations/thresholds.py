"""Thresholds applied on evidence: of one conversation, of some, or of the settings."""

from collections.abc import Mapping
from typing import Any

from django.db import transaction

from conversations import settings_history
from conversations.models import AgentSettings, Conversation, ThresholdChange

# The threshold of the settings, in force wherever a conversation has none of its own.
COMMON = "all"

Thresholds = dict[str, float | None]  # by key: a conversation's, or COMMON


class NotApplied(Exception):
    """Somebody changed meanwhile what was to be changed."""

    def __init__(self, found: Thresholds) -> None:
        self.found = found
        super().__init__(", ".join(found))


@transaction.atomic
def apply(
    thresholds: Mapping[str, float | None],
    seen: Mapping[str, float | None],
    staff: Any,
    why: str = "",
    undoes: ThresholdChange | None = None,
) -> ThresholdChange:
    """All of them, or none if one is no longer as it was seen."""
    settings_row = settings_history.lock() if COMMON in thresholds else None
    found = _locked(thresholds, settings_row)
    if changed := {key: now for key, now in found.items() if now != seen.get(key)}:
        raise NotApplied(changed)
    for key, threshold in thresholds.items():
        if key == COMMON:
            before = settings_history.values(settings_row, ["threshold"])
            settings_row.threshold = threshold
            settings_history.save(settings_row, before, staff)
        else:
            Conversation.objects.filter(pk=key).update(threshold=threshold)
    return ThresholdChange.objects.create(
        staff=staff, before=found, after=dict(thresholds), why=why, undoes=undoes
    )


def undo(change: ThresholdChange, staff: Any) -> ThresholdChange:
    """Set all back in one step, unless one of them was changed since."""
    return apply(change.before, change.after, staff, undoes=change)


def in_force(keys: Mapping[str, Any]) -> Thresholds:
    return _found(keys, AgentSettings.load() if COMMON in keys else None)


def _locked(keys: Mapping[str, Any], settings_row: AgentSettings | None) -> Thresholds:
    return _found(keys, settings_row, Conversation.objects.select_for_update())


def _found(
    keys: Mapping[str, Any], settings_row: AgentSettings | None, rows: Any = None
) -> Thresholds:
    rows = Conversation.objects if rows is None else rows
    of = rows.filter(pk__in=[key for key in keys if key != COMMON]).order_by("pk")
    found: Thresholds = {str(pk): own for pk, own in of.values_list("pk", "threshold")}
    if settings_row is not None:
        found[COMMON] = settings_row.threshold
    return found
