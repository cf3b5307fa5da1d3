"""Whether WhatsApp is connected: each number, and all of them in one word."""

from collections.abc import Collection
from dataclasses import dataclass

from django.utils.translation import gettext as _

from evolution.models import Instance
from whatsapp_agent.home.ages import age

State = Instance.State
MOST_SHOWN = 12


@dataclass(frozen=True)
class Connection:
    state: str  # open, connecting or close
    label: str


@dataclass(frozen=True)
class Linked:
    """An instance, as Home shows it."""

    pk: int
    name: str
    state: str
    phone_number: str
    since: str
    reason: str

    @property
    def connection(self) -> Connection:
        return _connection({self.state})


def connection() -> Connection:
    """The state of all instances in one: of several that which wants attention most."""
    rows = Instance.objects.exclude(state=State.REMOVED)
    return _connection(set(rows.values_list("state", flat=True)))


def instances() -> list[Instance]:
    rows = Instance.objects.exclude(state=State.REMOVED).order_by("name")
    return list(rows.defer("qr_code")[:MOST_SHOWN])


def of(rows: list[Instance]) -> Connection:
    return _connection({row.state for row in rows})


def linked(row: Instance) -> Linked:
    return Linked(
        pk=row.pk,
        name=row.name,
        state=row.state,
        phone_number=f"+{row.phone_jid.partition('@')[0]}" if row.phone_jid else "",
        since=age(row.state_at) if row.state_at else "",
        reason=row.state_reason,
    )


def _connection(states: Collection[str]) -> Connection:
    if not states:
        return Connection("close", _("Not linked"))
    if states == {State.OPEN}:
        return Connection("open", _("Connected"))
    if states <= {State.OPEN, State.CONNECTING}:
        return Connection("connecting", _("Connecting"))
    return Connection("close", _("Disconnected"))
