"""Which settings were changed, by whom, and from what to what.

Whoever changes them holds the row's lock until the change is recorded, so that the
changes follow each other as their keys do.
"""

from decimal import Decimal
from typing import Any

from django.db import transaction
from django.db.models import Max

from conversations.models import AgentSettings, SettingsChange

Values = dict[str, Any]


def lock() -> AgentSettings:
    AgentSettings.load()
    return AgentSettings.objects.select_for_update().get(pk=1)


def latest() -> int:
    """The key of the last change, 0 before the first."""
    return SettingsChange.objects.aggregate(pk=Max("pk"))["pk"] or 0


def values(row: AgentSettings, names: Any) -> Values:
    return {name: getattr(row, name) for name in names}


def save(
    row: AgentSettings,
    before: Values,
    staff: Any,
    undoes: SettingsChange | None = None,
    commander: str = "",
) -> SettingsChange:
    """Save the fields that `before` names, which the caller has locked and set."""
    row.save(update_fields=list(before))
    transaction.on_commit(forget_copy)
    return SettingsChange.objects.create(
        staff=staff,
        before=plain(before),
        after=plain(values(row, before)),
        undoes=undoes,
        commander=commander,
    )


def read(name: str, plain: Any) -> Any:
    """A recorded value as the model has it."""
    return AgentSettings._meta.get_field(name).to_python(plain)


def since(seen: int, instance: str = "") -> dict[str, list[SettingsChange]]:
    """The changes of each field after the one that was seen last."""
    changes: dict[str, list[SettingsChange]] = {}
    later = SettingsChange.objects.filter(
        pk__gt=seen, instance=instance
    ).select_related("staff")
    for change in later.order_by("pk"):
        for name in change.after:
            changes.setdefault(name, []).append(change)
    return changes


def plain(values: Values) -> Values:
    return {
        name: str(value) if isinstance(value, Decimal) else value
        for name, value in values.items()
    }


def forget_copy() -> None:
    AgentSettings._copy = None
