"""What the page of an instance shows of its linking, from what webhooks have stored."""

from datetime import timedelta
from functools import cached_property

import segno
from django.utils import timezone
from django.utils.safestring import SafeString, mark_safe

from evolution.models import Instance

State = Instance.State
# WhatsApp takes a code back after this time, and Evolution sends the next one.
QR_LIFE = timedelta(seconds=45)
# A connection that shows no code for so long will not show one.
PATIENCE = timedelta(seconds=60)


class LinkView:
    """One instance as its page shows it; the codes only to those who may link."""

    def __init__(self, row: Instance, can_link: bool) -> None:
        self.row = row
        self.can_link = can_link
        self.is_connecting = row.state == State.CONNECTING
        self.is_open = row.state == State.OPEN

    @property
    def version(self) -> str:
        """Changes whenever the page is to change."""
        row = self.row
        seen = row.webhook_at and int(row.webhook_at.timestamp() / 60)
        return "|".join(
            str(fact)
            for fact in (
                row.state,
                row.state_reason,
                row.state_at,
                row.qr_at,
                row.pairing_code,
                row.phone_jid,
                row.profile_name,
                seen,
                self.is_stuck,
            )
        )

    @property
    def light(self) -> str:
        return row_light(self.row)

    @property
    def phone_number(self) -> str:
        return f"+{self.row.phone_jid.partition('@')[0]}" if self.row.phone_jid else ""

    @cached_property
    def qr(self) -> SafeString | str:
        """Black on white with a wide border in every theme: a phone must read it."""
        if not (self.is_connecting and self.can_link and self.row.qr_code):
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
    def seconds_left(self) -> int | None:
        if self.row.qr_at is None:
            return None
        left = self.row.qr_at + QR_LIFE - timezone.now()
        return max(0, round(left.total_seconds()))

    @property
    def pairing_code(self) -> str:
        code = self.row.pairing_code if self.is_connecting and self.can_link else ""
        return f"{code[:4]}-{code[4:]}" if code else ""

    @property
    def is_stuck(self) -> bool:
        since = max(filter(None, (self.row.state_at, self.row.qr_at)), default=None)
        return self.is_connecting and (
            since is None or timezone.now() - since > PATIENCE
        )


def row_light(row: Instance) -> str:
    is_calm = row.state in (State.OPEN, State.CONNECTING)
    return row.state if is_calm else "close"
