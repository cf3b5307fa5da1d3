"""What the page of an instance shows of its linking, from what webhooks have stored."""

from datetime import timedelta
from functools import cached_property

import segno
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext_lazy as _

from evolution.admin.bridge import ACTIONS, Action
from evolution.models import Instance

State = Instance.State
# WhatsApp takes a code back after this time, and Evolution sends the next one.
QR_LIFE = timedelta(seconds=45)
# A connection that shows no new code for so long will not show one.
PATIENCE = timedelta(seconds=60)
STATES = {State.OPEN: _("Connected"), State.REFUSED: _("Refused")}
HEADINGS = {
    State.UNKNOWN: _("No phone is linked"),
    State.CLOSE: _("No phone is linked"),
    State.REFUSED: _("The limit of codes was reached"),
    State.REMOVED: _("Evolution API has forgotten it"),
}


class LinkView:
    """One instance as its page shows it; the codes only to those who may link."""

    def __init__(self, row: Instance, can_link: bool, can_act: bool = False) -> None:
        self.row = row
        self.can_link = can_link
        self.can_act = can_act
        self.is_connecting = row.state == State.CONNECTING
        self.is_open = row.state == State.OPEN

    @property
    def version(self) -> str:
        """Changes whenever the page is to change, so each minute for its "ago"."""
        row = self.row
        facts = [
            row.state,
            row.state_reason,
            row.state_at,
            row.phone_jid,
            row.profile_name,
            row.webhook_at is None,
            self.can_act,
            self.is_stuck,
            int(timezone.now().timestamp() / 60),
        ]
        if self.can_link:
            facts += [row.qr_at, row.pairing_code]
        return "|".join(map(str, facts))

    @property
    def light(self) -> str:
        is_calm = self.is_open or self.is_connecting
        return self.row.state if is_calm else State.CLOSE

    @property
    def state(self) -> str | Promise:
        """In a word, as the head of every page has it."""
        return STATES.get(self.row.state) or self.row.get_state_display()

    @property
    def heading(self) -> Promise:
        return HEADINGS.get(self.row.state, HEADINGS[State.UNKNOWN])

    @property
    def phone_number(self) -> str:
        return f"+{self.row.phone_jid.partition('@')[0]}" if self.row.phone_jid else ""

    @property
    def shows_codes(self) -> bool:
        return self.is_connecting and self.can_link and not self.is_stuck

    @cached_property
    def qr(self) -> SafeString | str:
        """Black on white with a wide border in every theme: a phone must read it."""
        if not (self.shows_codes and self.row.qr_code):
            return ""
        try:
            picture = segno.make(self.row.qr_code, micro=False)
        except segno.DataOverflowError:
            return ""
        # The code is only in the shape of the path.
        return mark_safe(
            picture.svg_inline(border=4, dark="#000", light="#fff", omitsize=True)
        )

    @property
    def pairing_code(self) -> str:
        code = self.row.pairing_code if self.shows_codes else ""
        return f"{code[:4]}-{code[4:]}" if code else ""

    @property
    def seconds_left(self) -> int | None:
        if not self.shows_codes or self.row.qr_at is None:
            return None
        left = self.row.qr_at + QR_LIFE - timezone.now()
        return max(0, round(left.total_seconds()))

    @property
    def is_stuck(self) -> bool:
        told_at = max(filter(None, (self.row.state_at, self.row.qr_at)), default=None)
        is_late = told_at is not None and timezone.now() - told_at > PATIENCE
        return self.is_connecting and is_late

    @property
    def actions(self) -> list[Action]:
        """Those that Evolution would carry out in the state that we know of."""
        if not self.can_act:
            return []
        return [one for one in ACTIONS.values() if self.row.state in one.states]

    @property
    def way_on(self) -> str:
        """The name of the action that leads towards a linked phone."""
        if self.row.state in (State.UNKNOWN, State.REMOVED):
            return "create"
        is_waiting = self.is_connecting and not self.is_stuck
        return "" if self.is_open or is_waiting else "connect"
