"""The values that an instance has in place of the common ones, with their history."""

from dataclasses import dataclass
from typing import Any

from django.db import transaction

from conversations import numbers, settings_history as history
from conversations.models import AgentSettings, SettingsChange

# In the history of an instance: the common value holds. No setting is a mapping.
COMMON = {"common": True}


@dataclass(frozen=True)
class Seen:
    """The common values and an instance's own, as they were after some change."""

    common: history.Values
    own: history.Values  # plain, by name

    def value(self, name: str) -> Any:
        if name in self.own:
            return history.read(name, self.own[name])
        return self.common[name]


def names(row: AgentSettings) -> list[str]:
    """Of the linked instances, and of those that are gone but have own values."""
    return sorted({*numbers.ours(), *row.own_values})


def own(row: AgentSettings, instance: str) -> history.Values:
    """Its own values, plain; without those that no instance may have any more."""
    values = row.own_values.get(instance, {})
    return {name: values[name] for name in values if row.may_be_own(name)}


def seen(row: AgentSettings, instance: str, fields: Any, after: int) -> Seen:
    """What somebody saw who knew of no change after this one."""
    common, mine = history.values(row, fields), own(row, instance)
    for name, changes in history.since(after).items():
        if name in common:
            common[name] = history.read(name, changes[0].before[name])
    for name, changes in history.since(after, instance).items():
        if changes[0].before[name] == COMMON:
            mine.pop(name, None)
        elif name in common:
            mine[name] = changes[0].before[name]
    return Seen(common, mine)


def is_same(name: str, one: Any, other: Any) -> bool:
    if COMMON in (one, other):
        return one == other
    return history.read(name, one) == history.read(name, other)


def save(
    row: AgentSettings,
    instance: str,
    wanted: history.Values,
    staff: Any,
    undoes: SettingsChange | None = None,
) -> SettingsChange:
    """Set plain own values, or COMMON, in the row that the caller has locked."""
    mine = row.own_values.get(instance, {})
    before = {name: mine.get(name, COMMON) for name in wanted}
    laid = {
        name: value for name, value in {**mine, **wanted}.items() if value != COMMON
    }
    others = {name: own for name, own in row.own_values.items() if name != instance}
    row.own_values = others | ({instance: laid} if laid else {})
    row.save(update_fields=["own_values"])
    transaction.on_commit(history.forget_copy)
    return SettingsChange.objects.create(
        staff=staff, instance=instance, before=before, after=wanted, undoes=undoes
    )
