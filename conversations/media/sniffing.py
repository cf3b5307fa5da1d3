"""What a file is, by its bytes: what its sender says of it may be a trap."""

import re
import struct

# Nothing runs in these, so browsers may show or play them in place. Whatever is not
# here is only ever downloaded: SVG, HTML and PDF can carry scripts.
PICTURES = {"image/jpeg", "image/png", "image/gif", "image/webp"}
SOUNDS = {"audio/ogg", "audio/mpeg", "audio/mp4", "audio/wav", "audio/webm"}
FILMS = {"video/mp4", "video/webm"}
HARMLESS = PICTURES | SOUNDS | FILMS
OTHER = "application/octet-stream"

_SIGNATURES = [
    (re.compile(rb"\xff\xd8\xff"), "image/jpeg"),
    (re.compile(rb"\x89PNG\r\n\x1a\n"), "image/png"),
    (re.compile(rb"GIF8[79]a"), "image/gif"),
    (re.compile(rb"RIFF.{4}WEBP", re.S), "image/webp"),
    (re.compile(rb"RIFF.{4}WAVE", re.S), "audio/wav"),
    (re.compile(rb"OggS.{24,}?(OpusHead|\x01vorbis|Speex)", re.S), "audio/ogg"),
    (re.compile(rb"ID3|\xff[\xe2\xe3\xf2\xf3\xfa\xfb]"), "audio/mpeg"),
    (re.compile(rb"\xff[\xf1\xf9]"), "audio/aac"),
    (re.compile(rb"fLaC"), "audio/flac"),
    (re.compile(rb"#!AMR"), "audio/amr"),
    (re.compile(rb".{4}ftyp(M4A|M4B|F4A)", re.S), "audio/mp4"),
    (re.compile(rb".{4}ftyp(heic|heix|mif1|avif)", re.S), "image/heif"),
    (re.compile(rb".{4}ftyp(qt  )", re.S), "video/quicktime"),
    (re.compile(rb".{4}ftyp(3g)", re.S), "video/3gpp"),
    (re.compile(rb".{4}ftyp", re.S), "video/mp4"),
    (re.compile(rb"\x1a\x45\xdf\xa3"), "video/webm"),
    (re.compile(rb"%PDF-"), "application/pdf"),
    (re.compile(rb"PK\x03\x04"), "application/zip"),  # also what office programs write
]
_LOOKS_AT = 512
# A file of the one family may be either; then its sender's word is as good as ours.
_SOUND_ALONE = {"video/webm": "audio/webm", "video/mp4": "audio/mp4"}


def sniff(data: bytes, claimed: str = "") -> str:
    start = data[:_LOOKS_AT]
    found = next(
        (kind for signature, kind in _SIGNATURES if signature.match(start)), ""
    )
    if found in _SOUND_ALONE and claimed.startswith("audio/"):
        return _SOUND_ALONE[found]
    return found or (_text(start) if start else OTHER)


def _text(start: bytes) -> str:
    """Text is plain text here, whatever it is written in."""
    if re.search(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]", start):
        return OTHER
    try:
        # The last letter may be cut in two.
        start.decode("utf-8") if len(start) < _LOOKS_AT else start[:-4].decode(
            "utf-8", "ignore"
        )
    except UnicodeDecodeError:
        return OTHER
    return "text/plain"


def seconds(data: bytes) -> int | None:
    """How long an Opus recording is, None of any other: its sender's word may be wrong."""
    head = data.find(b"OpusHead", 0, _LOOKS_AT)
    last = data.rfind(b"OggS")
    if head < 0 or last < 0 or len(data) < last + 14:
        return None
    (skipped,) = struct.unpack_from("<H", data.ljust(head + 12, b"\0"), head + 10)
    (end,) = struct.unpack_from("<q", data, last + 6)  # in samples, 48,000 a second
    return max(0, round((end - skipped) / 48_000)) if end >= 0 else None
