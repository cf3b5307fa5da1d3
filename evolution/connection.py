"""Events about instances: linking a phone, losing it, and its own addresses."""

import json
from dataclasses import dataclass

from conversations.whatsapp import Address, AddressesLearned
from evolution.addresses import GROUP, address, jid
from evolution.messages import LONGEST_NAME, NAMELESS
from evolution.values import UnreadableError, dig, items, mapping, text, whole

STATES = ("connecting", "open", "close", "refused")


@dataclass(frozen=True)
class ConnectionChanged:
    instance: str
    state: str
    reason: int | None = None
    phone_jid: str = ""
    profile_name: str = ""


@dataclass(frozen=True)
class QRCodeChanged:
    instance: str
    code: str
    pairing_code: str = ""


@dataclass(frozen=True)
class QRLimitReached:
    instance: str
    message: str


@dataclass(frozen=True)
class InstanceClosed:
    instance: str
    reason_code: int | None = None
    reason_text: str = ""


@dataclass(frozen=True)
class InstanceRemoved:
    instance: str


@dataclass(frozen=True)
class OwnAddressLearned:
    instance: str
    address: Address
    profile_name: str = ""


InstanceEvent = (
    ConnectionChanged
    | QRCodeChanged
    | QRLimitReached
    | InstanceClosed
    | InstanceRemoved
    | OwnAddressLearned
)


def connection(instance: str, data: dict) -> list[InstanceEvent]:
    state = text(data.get("state"))
    if state not in STATES:
        raise UnreadableError("The connection has no state that we know")
    return [
        ConnectionChanged(
            instance,
            state,
            whole(data.get("statusReason")),
            address(data.get("wuid")).phone_jid,
            text(data.get("profileName"), LONGEST_NAME),
        )
    ]


def qr_code(instance: str, data: dict) -> list[InstanceEvent]:
    code = text(dig(data, "qrcode.code"))
    if code:
        pairing_code = text(dig(data, "qrcode.pairingCode"), 20)
        return [QRCodeChanged(instance, code, pairing_code)]
    if message := text(data.get("message")):
        return [QRLimitReached(instance, message)]
    raise UnreadableError("There is no QR code")


def status(instance: str, data: dict) -> list[InstanceEvent]:
    if not isinstance(data.get("status"), str):
        raise UnreadableError("The instance has no status")
    if data["status"] != "closed":
        return []
    code = whole(data.get("disconnectionReasonCode"))
    return [InstanceClosed(instance, code, _reason(data.get("disconnectionObject")))]


def _reason(described: object) -> str:
    """Evolution encloses the error as JSON inside the JSON."""
    try:
        error = json.loads(text(described)).get("error")
    except (ValueError, AttributeError, RecursionError):
        return ""
    words = (
        text(dig(error, "output.payload.message")),
        text(dig(error, "data.attrs.type")),
    )
    return ", ".join(word for word in words if word)[:100]


def logout(instance: str, data: dict) -> list[InstanceEvent]:
    return [InstanceClosed(instance)]


def removed(instance: str, data: dict) -> list[InstanceEvent]:
    return [InstanceRemoved(instance)]


def participants(instance: str, data: dict) -> list[AddressesLearned]:
    """Who joins or leaves is of no use to us, but a member's two addresses are."""
    if not isinstance(data.get("participants"), list):
        raise UnreadableError("The group has no participants")
    pairs = [
        address(one.get("id"), one.get("phoneNumber"), one.get("lid"))
        for one in items(data["participants"])
        if isinstance(one, dict)
    ]
    return [AddressesLearned(pair) for pair in pairs if len(pair.jids) == 2]


def own_address(instance: str, sender: object, record: dict) -> list[OwnAddressLearned]:
    """What a message tells about the linked phone: `sender` in its envelope is our number."""
    own = address(sender)
    key = mapping(record.get("key"))
    profile_name = ""
    if key.get("fromMe") is True:
        own = _own_addresses(key, own)
        pushed = text(record.get("pushName"), LONGEST_NAME).strip()
        profile_name = "" if pushed == NAMELESS or pushed.isdigit() else pushed
    return [OwnAddressLearned(instance, own, profile_name)] if own else []


def _own_addresses(key: dict, own: Address) -> Address:
    """Only our own messages in a group, and notes to ourselves, give our LID away."""
    if jid(key.get("remoteJid")).endswith(GROUP):
        found = address(key.get("participant"), key.get("participantAlt"))
    else:
        found = address(key.get("remoteJid"), key.get("remoteJidAlt"))
        if not own.phone_jid or found.phone_jid != own.phone_jid:
            return own
    return Address(found.phone_jid or own.phone_jid, found.lid)
