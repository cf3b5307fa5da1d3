"""The life of a link: QR codes that rotate, the scan, the end of it."""

import base64
import secrets
from typing import TYPE_CHECKING

from evolution.sandbox import bodies
from evolution.sandbox.bodies import Refused
from evolution.sandbox.world import Instance

if TYPE_CHECKING:
    from evolution.sandbox.bridge import Bridge

PAIRING_ALPHABET = "123456789ABCDEFGHJKLMNPQRSTVWXYZ"


def boot(bridge: "Bridge") -> None:
    """Connect again what was connected when the process ended."""
    for instance in bridge.world.instances.values():
        if instance.state == "open":
            announce_connecting(bridge, instance)
            announce_open(bridge, instance)
        elif instance.state == "connecting":
            open_socket(bridge, instance, instance.number)


def open_socket(bridge: "Bridge", instance: Instance, number: str | None) -> None:
    bridge.record("state", instance=instance.name, state="connecting")
    announce_connecting(bridge, instance)
    show_qr(bridge, instance, 1, number)
    if bridge.pace.scan is not None and not instance.was_linked:
        bridge.later(bridge.pace.scan, lambda: instance.qr and scan(bridge, instance))


def show_qr(
    bridge: "Bridge", instance: Instance, number_of_codes: int, number: str | None
) -> None:
    parts = [
        base64.b64encode(secrets.token_bytes(size)).decode() for size in [24] + [32] * 3
    ]
    letters = [secrets.choice(PAIRING_ALPHABET) for _ in range(8)]
    shown = {
        "pairingCode": "".join(letters) if number else None,
        "code": "2@" + ",".join(parts),
        "base64": bodies.PICTURE,
    }
    instance.qr = shown | {"count": number_of_codes}
    current = instance.qr

    def rotate() -> None:
        if instance.qr is not current:
            return
        if number_of_codes < bridge.pace.qr_limit:
            show_qr(bridge, instance, number_of_codes + 1, number)
        else:
            _refuse(bridge, instance)

    bridge.emit(
        instance, "qrcode.updated", {"qrcode": {"instance": instance.name, **shown}}
    )
    bridge.later(bridge.pace.qr, rotate)


def _refuse(bridge: "Bridge", instance: Instance) -> None:
    instance.qr = None
    message = "QR code limit reached, please login again"
    bridge.emit(instance, "qrcode.updated", {"message": message, "statusCode": 500})
    _announce(bridge, instance, "refused", 428)
    bridge.record("state", instance=instance.name, state="close")


def scan(bridge: "Bridge", instance: Instance) -> None:
    """The phone reads the code: WhatsApp restarts the stream, then it is open."""
    if instance.state != "connecting" or instance.qr is None:
        raise Refused(400, ["There is no QR code to scan. Ask for one first."])
    instance.qr = None
    announce_connecting(bridge, instance)
    bridge.later(bridge.pace.link, lambda: _link(bridge, instance))


def _link(bridge: "Bridge", instance: Instance) -> None:
    if instance.state != "connecting":
        return
    bridge.record("state", instance=instance.name, state="open")
    announce_open(bridge, instance)
    bridge.linked(instance)


def close(bridge: "Bridge", instance: Instance, why: str) -> None:
    """End the link for good: by the API (logout) or on the phone (device_removed)."""
    instance.qr = None
    bridge.record("state", instance=instance.name, state="close", reason=401, text=why)
    bridge.emit(instance, "logout.instance", None)
    _announce(bridge, instance, "close", 401)
    bridge.emit(
        instance,
        "status.instance",
        {
            "instance": instance.name,
            "status": "closed",
            "disconnectionAt": bodies.iso(instance.changed_at),
            "disconnectionReasonCode": 401,
            "disconnectionObject": bodies.disconnection(instance),
        },
    )


def _announce(bridge: "Bridge", instance: Instance, state: str, reason: int) -> None:
    data = {"instance": instance.name, "state": state, "statusReason": reason}
    bridge.emit(instance, "connection.update", data)


def announce_connecting(bridge: "Bridge", instance: Instance) -> None:
    _announce(bridge, instance, "connecting", 200)


def announce_open(bridge: "Bridge", instance: Instance) -> None:
    # WhatsApp tells the profile's name from the second connection on.
    named = {"profileName": instance.owner.name} if instance.links > 1 else {}
    data = {
        "instance": instance.name,
        "wuid": instance.owner.jid,
        **named,
        "profilePictureUrl": None,
        "state": "open",
        "statusReason": 200,
    }
    bridge.emit(instance, "connection.update", data)
