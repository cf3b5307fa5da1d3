"""Files that people on the sandbox's phone send: made up here, or given from outside."""

import base64
import secrets
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path

from evolution.sandbox.bodies import Refused, long, numbered

LARGEST = 5_000_000
_FILM = Path(__file__).with_name("film.mp4")
LONGEST_WORDS = 4_000
# Content type by what a file claims to be; whatever else is a document.
TYPES = {"image": "imageMessage", "audio": "audioMessage", "video": "videoMessage"}
# 20 ms of silence.
_FRAME, _SAMPLES = b"\xf8\xff\xfe", 960
_FRAMES_A_PAGE = 50


@dataclass(frozen=True)
class File:
    data: bytes
    mimetype: str
    name: str = ""
    seconds: int = 0
    is_voice: bool = False


def given(file: dict) -> File:
    """A file as the phone's page hands it over."""
    try:
        data = base64.b64decode(file["data"], validate=True)
    except (KeyError, TypeError, ValueError) as error:
        raise Refused(400, ["That file cannot be read."]) from error
    if not 0 < len(data) <= LARGEST:
        raise Refused(400, ["A file has up to 5 MB here, and is not empty."])
    mimetype = str(file.get("mimetype") or "application/octet-stream")
    is_audio = mimetype.startswith("audio/")
    return File(
        data,
        mimetype,
        str(file.get("name") or "file"),
        max(1, len(data) // 4_000) if is_audio else 0,  # as a phone records it
        is_voice=is_audio,
    )


def voice_note(words: str) -> File:
    """Silence for as long as the words would take, with the words in its tags.

    The scripted model of transcriptions hears them there.
    """
    words = words.strip()[:LONGEST_WORDS] or "Hello, can you hear me?"
    seconds = max(1, round(len(words.split()) / 2.5))
    data = _opus(words, seconds)
    return File(data, "audio/ogg; codecs=opus", seconds=seconds, is_voice=True)


def picture() -> File:
    """Dusk over a sea: two colours that run into each other."""
    width, height = 320, 200
    lines = b"".join(
        b"\0" + bytes((255 - y // 2, 120 + y // 4, 60 + y * 3 // 4)) * width
        for y in range(height)
    )
    chunks = [
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)),
        (b"IDAT", zlib.compress(lines, 9)),
        (b"IEND", b""),
    ]
    data = b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body))
        + kind
        + body
        + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in chunks
    )
    return File(data, "image/png")


def film() -> File:
    """The sun goes up and down, in four seconds and without a sound."""
    return File(_FILM.read_bytes(), "video/mp4", seconds=4)


def content(file: File, caption: str, now: float) -> tuple[str, dict]:
    """The content of a message that carries the file, as Evolution tells it."""
    kind = TYPES.get(file.mimetype.partition("/")[0], "documentMessage")
    told = _told(file, now)
    if kind == "audioMessage":
        return kind, told | {"seconds": file.seconds, "ptt": file.is_voice}
    if kind == "videoMessage" and file.seconds:
        told["seconds"] = file.seconds
    if kind == "documentMessage":
        told |= {"title": file.name, "fileName": file.name}
    return kind, told | ({"caption": caption} if caption else {})


def sent(body: dict, context: dict, now: float) -> tuple[str, dict, File]:
    """The content of a message that the API sends, and its file."""
    kind = TYPES.get(body["mediatype"], "documentMessage")
    try:
        data = base64.b64decode(body["media"], validate=True)
    except ValueError as error:
        raise Refused(400, ["Owned media must be a url or base64"]) from error
    name = str(body.get("fileName") or "")
    file = File(data, str(body.get("mimetype") or ""), name)
    told = _told(file, now)
    if kind == "imageMessage":
        told |= dict.fromkeys(("interactiveAnnotations", "scanLengths"), [])
        told |= {"annotations": [], "height": 200, "width": 320}
        told["jpegThumbnail"] = numbered(data[:64])
    if kind == "documentMessage":
        told["fileName"] = name
    # WhatsApp has no words beside a sound.
    if body.get("caption") and kind != "audioMessage":
        told["caption"] = body["caption"]
    return kind, told | ({"contextInfo": context} if context else {}), file


def _told(file: File, now: float) -> dict:
    path = f"/v/t62.7117-24/{secrets.token_hex(12)}.enc?ccb=11-4&oh=x&oe=x"
    noise = secrets.token_bytes(32)
    return {
        "url": f"https://mmg.whatsapp.net{path}",
        "mimetype": file.mimetype,
        "fileSha256": numbered(noise),
        "fileLength": long(len(file.data), unsigned=True),
        "mediaKey": numbered(noise),
        "fileEncSha256": numbered(noise),
        "directPath": path,
        "mediaKeyTimestamp": long(int(now)),
    }


def _opus(words: str, seconds: int) -> bytes:
    serial = zlib.crc32(words.encode())
    head = struct.pack("<8sBBHIhB", b"OpusHead", 1, 1, 312, 48_000, 0, 0)
    comments = [f"TRANSCRIPT={words}".encode()]
    tags = b"OpusTags" + _counted(b"sandbox") + struct.pack("<I", len(comments))
    tags += b"".join(_counted(comment) for comment in comments)
    pages = [_page(serial, 0, 2, 0, [head]), _page(serial, 1, 0, 0, [tags])]
    frames = seconds * 50
    for number, first in enumerate(range(0, frames, _FRAMES_A_PAGE), 2):
        count = min(_FRAMES_A_PAGE, frames - first)
        is_last = first + count == frames
        end = (first + count) * _SAMPLES + 312
        pages.append(_page(serial, number, 4 if is_last else 0, end, [_FRAME] * count))
    return b"".join(pages)


def _counted(value: bytes) -> bytes:
    return struct.pack("<I", len(value)) + value


def _page(
    serial: int, number: int, flags: int, end: int, packets: list[bytes]
) -> bytes:
    """A page of an Ogg file, with the checksum that its players ask for."""
    lacing = b"".join(
        b"\xff" * (len(one) // 255) + bytes((len(one) % 255,)) for one in packets
    )
    start = struct.pack("<4sBBqII", b"OggS", 0, flags, end, serial, number)
    rest = bytes((len(lacing),)) + lacing + b"".join(packets)
    checksum = _checksum(start + b"\0\0\0\0" + rest)
    return start + struct.pack("<I", checksum) + rest


def _checksum(data: bytes) -> int:
    value = 0
    for byte in data:
        value ^= byte << 24
        for _ in range(8):
            value = (value << 1) ^ 0x104C11DB7 if value & 0x80000000 else value << 1
    return value
