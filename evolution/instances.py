"""Linking numbers: what the command and the admin do with Evolution's instances."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.conf import settings
from django.utils import timezone

from conversations.whatsapp import BridgeError
from evolution import client
from evolution.addresses import address
from evolution.models import Instance
from evolution.names import is_fit
from evolution.values import dig, text

# Exactly what evolution.events reads. MESSAGES_EDITED is left out: Evolution waits for
# its delivery within the instance's own queue, so that one slow answer of ours would
# hold up every message. Since 2.3.7 edits come by MESSAGES_UPDATE as well.
EVENTS = [
    "MESSAGES_SET",
    "MESSAGES_UPSERT",
    "MESSAGES_UPDATE",
    "MESSAGES_DELETE",
    "SEND_MESSAGE",
    "SEND_MESSAGE_UPDATE",
    "CONNECTION_UPDATE",
    "QRCODE_UPDATED",
    "STATUS_INSTANCE",
    "LOGOUT_INSTANCE",
    "REMOVE_INSTANCE",
    "GROUP_PARTICIPANTS_UPDATE",
]
SECRET_HEADER = "X-Webhook-Secret"
POLL_SECONDS = 2
# Evolution shows a QR code for 45 s.
QR_SECONDS = 50
FIRST_QR_SECONDS = 10
GONE_SECONDS = 10
LINK_FIELDS = ["state", "state_reason", "state_at", "qr_code", "qr_at", "pairing_code"]


@dataclass(frozen=True)
class Link:
    """How far the linking of a number is."""

    state: str
    qr_code: str = ""
    pairing_code: str = ""


@dataclass(frozen=True)
class Status:
    state: str
    phone_jid: str
    profile_name: str
    version: str
    last_webhook_at: datetime | None
    webhook_problems: list[str] = field(default_factory=list)


def create(name: str, number: str = "") -> Link:
    """Make the instance with our webhook; with a number, ask for a pairing code at once."""
    if not is_fit(name):
        raise BridgeError(
            f"{name!r} cannot name an instance, since the name becomes part of an address: "
            "no / \\ ? # %, no blanks around it, and not dots alone.",
            kind="rejected",
        )
    answer = client.create(name, _webhook(), number=number, qrcode=bool(number))
    state = text(dig(answer, "instance.status")) or Instance.State.CLOSE
    link = _link(dig(answer, "qrcode"), state)
    _store_link(name, link)
    return link


def register_webhook(name: str) -> bool:
    """Point the instance's webhook at us. True: restart it, or media still come inside."""
    before = client.find_webhook(name) or {}
    client.set_webhook(name, _webhook())
    return bool(before.get("webhookBase64"))


def connect(name: str, number: str = "") -> Link:
    """Start linking and return the QR code, if there is one already.

    With a number, ask for a pairing code instead, which Evolution makes only while the
    instance is closed.
    """
    is_waiting = bool(number) and client.connection_state(name) == "connecting"
    answer = client.connect(name, "" if is_waiting else number)
    if is_waiting and not answer.get("pairingCode"):
        raise BridgeError(
            "A pairing code can be had only while the instance is closed, and it is "
            "already connecting.",
            kind="already_connecting",
        )
    state = text(dig(answer, "instance.state")) or Instance.State.CONNECTING
    link = _link(answer, state)
    _store_link(name, link)
    return link


def follow(name: str, link: Link, timeout: float) -> Iterator[Link]:
    """Yield the link whenever it changes, until it is open, refused or out of time."""
    yield link
    started_at = fresh_at = timezone.now()
    while link.state not in {Instance.State.OPEN, Instance.State.REFUSED}:
        if timezone.now() - started_at >= timedelta(seconds=timeout):
            return
        time.sleep(POLL_SECONDS)
        latest = _look(name)
        if latest.qr_code == link.qr_code and _is_stale(latest, fresh_at):
            latest, fresh_at = connect(name), timezone.now()
        elif latest.qr_code != link.qr_code:
            fresh_at = timezone.now()
        if latest != link:
            link = latest
            yield link


def status(name: str) -> Status:
    row = refresh(name)
    return Status(
        state=row.state,
        phone_jid=row.phone_jid,
        profile_name=row.profile_name,
        version=client.version(),
        last_webhook_at=row.webhook_at,
        webhook_problems=webhook_problems(name),
    )


def refresh(name: str) -> Instance:
    """Write what Evolution says now to the instance's row."""
    try:
        facts = next(iter(client.fetch_instances(name)), {})
        state = client.connection_state(name)
    except BridgeError as error:
        if error.kind == "no_instance":
            _close(name, Instance.State.REMOVED)
        raise
    row, _ = Instance.objects.get_or_create(name=name)
    moved = _move(row, state)
    phone_jid = address(facts.get("ownerJid")).phone_jid or row.phone_jid
    if phone_jid != row.phone_jid:
        row.phone_jid, row.lid = phone_jid, ""
    row.profile_name = text(facts.get("profileName"), 200) or row.profile_name
    row.save(update_fields=[*LINK_FIELDS, *moved, "phone_jid", "lid", "profile_name"])
    return row


def restart(name: str) -> None:
    try:
        client.restart(name)
    except BridgeError as error:
        if error.kind != "failed":
            raise
        raise BridgeError(
            "Evolution API restarts only an instance that is open.",
            kind="not_connected",
            retryable=True,
        ) from error


def logout(name: str) -> None:
    client.logout(name)
    _close(name, Instance.State.CLOSE)


def delete(name: str) -> None:
    refresh(name)
    # Evolution keeps the instance, and its name, until the last webhook about it has
    # been delivered or given up: with a dead endpoint that takes 20 minutes.
    client.set_webhook(name, {**_webhook(), "enabled": False})
    try:
        client.logout(name)
    except BridgeError as error:
        if error.kind not in {"not_connected", "failed", "no_answer"}:
            raise
    client.delete(name)
    _wait_until_gone(name)
    _close(name, Instance.State.REMOVED)


def _webhook() -> dict:
    secrets = settings.WEBHOOK_SECRETS
    return {
        "enabled": True,
        "url": settings.WEBHOOK_URL,
        "events": EVENTS,
        "byEvents": False,
        "base64": False,
        "headers": {SECRET_HEADER: secrets[0]} if secrets else {},
    }


def webhook_problems(name: str) -> list[str]:
    """What is wrong with its registration in Evolution, in sentences."""
    found = client.find_webhook(name)
    if not found or not found.get("enabled"):
        return ["No webhook is registered."]
    ours = _webhook()
    problems = []
    if found.get("url") != ours["url"]:
        problems.append(f"It goes to {found.get('url')}, not to {ours['url']}.")
    if not (ours["headers"].items() <= (found.get("headers") or {}).items()):
        problems.append("It does not carry our current secret.")
    if set(found.get("events") or []) != set(EVENTS):
        problems.append("Its events are not those that we use.")
    if found.get("webhookByEvents") or found.get("webhookBase64"):
        problems.append("It splits its events by address, or carries media inside.")
    return problems


def _link(codes: object, state: str) -> Link:
    return Link(state, text(dig(codes, "code")), text(dig(codes, "pairingCode"), 20))


def _store_link(name: str, link: Link) -> None:
    row, _ = Instance.objects.get_or_create(name=name)
    moved = _move(row, link.state, is_new=True)
    row.qr_code, row.pairing_code = link.qr_code, link.pairing_code
    row.qr_at = timezone.now() if link.qr_code else None
    row.save(update_fields=[*LINK_FIELDS, *moved])


def _look(name: str) -> Link:
    """The link as it is now: the state from Evolution, the codes from its webhooks."""
    state = client.connection_state(name)
    row = Instance.objects.get(name=name)
    if state == Instance.State.OPEN:
        moved = _move(row, state)
        row.save(update_fields=[*LINK_FIELDS, *moved])
        return Link(state)
    if row.state == Instance.State.REFUSED:
        return Link(row.state)
    return Link(state, row.qr_code, row.pairing_code)


def _is_stale(link: Link, fresh_at: datetime) -> bool:
    """Whether to ask for the code, since no webhook told of a new one.

    Only while connecting does asking not open another socket to WhatsApp.
    """
    patience = timedelta(seconds=QR_SECONDS if link.qr_code else FIRST_QR_SECONDS)
    is_connecting = link.state == Instance.State.CONNECTING
    return is_connecting and timezone.now() - fresh_at > patience


def _move(row: Instance, state: str, is_new: bool = False) -> list[str]:
    """Take over the state; return the names of what changed besides LINK_FIELDS."""
    state = state if state in Instance.State.values else Instance.State.UNKNOWN
    # After the limit of QR codes Evolution only says "close"; the webhook said why.
    is_known = row.state == Instance.State.REFUSED and state == Instance.State.CLOSE
    if state == row.state or (is_known and not is_new):
        return []
    row.state, row.state_reason, row.state_at = state, "", timezone.now()
    if state != Instance.State.OPEN:
        return []
    row.qr_code, row.pairing_code, row.qr_at = "", "", None
    opened = row.opened()
    for name, value in opened.items():
        setattr(row, name, value)
    return list(opened)


def _close(name: str, state: str) -> None:
    Instance.objects.filter(name=name).update(
        state=state,
        state_reason="",
        state_at=timezone.now(),
        qr_code="",
        qr_at=None,
        pairing_code="",
    )


def _wait_until_gone(name: str) -> None:
    deadline = timezone.now() + timedelta(seconds=GONE_SECONDS)
    while timezone.now() < deadline:
        try:
            client.connection_state(name)
        except BridgeError as error:
            if error.kind == "no_instance":
                return
            raise
        time.sleep(POLL_SECONDS / 4)
    raise BridgeError(
        "Evolution API was told to delete the instance and still shows it; its name "
        "may stay taken for 20 minutes, while it tries to deliver a webhook about it.",
        kind="not_gone",
        retryable=True,
    )
