"""A replay's candidate becomes the settings, and they can be set back."""

from decimal import Decimal

from django.db import transaction
from django.utils.translation import gettext as _

from conversations import settings_history as history
from conversations.admin import settings_fields
from conversations.admin.settings_history import NotUndone, undo
from conversations.models import AgentSettings
from llm.lab.models import Replay
from llm.lab.replay import FIELDS

read = history.read


def plain(row: AgentSettings) -> dict:
    """The settings that a replay is about, as JSON."""
    names = (*FIELDS, "relevance_timeout")
    return {
        name: str(value) if isinstance(value, Decimal) else value
        for name, value in history.values(row, names).items()
    }


def changed(replay: Replay) -> list[str]:
    return [
        name
        for name in FIELDS
        if read(name, replay.candidate[name]) != read(name, replay.live[name])
    ]


def is_adopted(replay: Replay) -> bool:
    return replay.adopted is not None and not replay.adopted.undone_by.exists()


@transaction.atomic
def adopt(replay: Replay, staff: object) -> AgentSettings:
    row = history.lock()
    replay.refresh_from_db()
    if replay.state != Replay.State.DONE or is_adopted(replay):
        raise NotUndone(_("Only a replay that is done can be adopted, and only once."))
    names = changed(replay)
    moved = [n for n in names if getattr(row, n) != read(n, replay.live[n])]
    if moved:
        raise NotUndone(
            _(
                "Changed since the replay began: %s. It was compared with something else."
            )
            % settings_fields.labels(moved)
        )
    before = history.values(row, names)
    for name in names:
        setattr(row, name, read(name, replay.candidate[name]))
    replay.adopted = history.save(row, before, staff)
    replay.save(update_fields=["adopted"])
    return row


def roll_back(replay: Replay, staff: object) -> AgentSettings:
    if not is_adopted(replay):
        raise NotUndone(_("It is not in force."))
    return undo(replay.adopted, staff)
