"""Hands out the files that people sent, to staff who may read the conversation.

They are strangers' bytes: what a browser could run is only ever downloaded.
"""

import re
from collections.abc import Iterator

from django.db.models.fields.files import FieldFile
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    StreamingHttpResponse,
)
from django.utils.http import content_disposition_header

from conversations.media.fetching import clean_name
from conversations.media.sniffing import HARMLESS, OTHER
from conversations.media.storage import faults
from conversations.models import MediaFile

CHUNK = 65_536
_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")
ENDINGS = {
    "image/jpeg": ".jpg",
    "image/png": ".png",
    "image/gif": ".gif",
    "image/webp": ".webp",
    "audio/ogg": ".ogg",
    "audio/mpeg": ".mp3",
    "audio/mp4": ".m4a",
    "audio/wav": ".wav",
    "audio/webm": ".weba",
    "video/mp4": ".mp4",
    "video/webm": ".webm",
}


def serve(request: HttpRequest, file: MediaFile) -> HttpResponseBase:
    if not file.is_stored or file.message.pruned_at:
        raise Http404
    try:
        size = file.file.size
    except faults() as error:
        raise Http404 from error
    span = _span(request.headers.get("Range", ""), size)
    if span is None:
        return _guarded(
            HttpResponse(status=416, headers={"Content-Range": f"bytes */{size}"}), file
        )
    start, end = span
    response = StreamingHttpResponse(_read(file.file, start, end - start))
    response["Content-Length"] = str(end - start)
    if "Range" in request.headers and end - start < size:
        response.status_code = 206
        response["Content-Range"] = f"bytes {start}-{end - 1}/{size}"
    return _guarded(response, file)


def _guarded(response: HttpResponseBase, file: MediaFile) -> HttpResponseBase:
    is_harmless = file.mimetype in HARMLESS
    headers = {
        "Content-Type": file.mimetype if is_harmless else OTHER,
        "Content-Disposition": content_disposition_header(not is_harmless, _name(file)),
        "Accept-Ranges": "bytes",
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "sandbox; default-src 'none'",
        "Cross-Origin-Resource-Policy": "same-origin",
    }
    for name, value in headers.items():
        response[name] = value
    return response


def _name(file: MediaFile) -> str:
    """As its sender called it; what is shown in place ends as what it is."""
    name = clean_name(file.name)[-150:] or f"file-{file.message_id}"
    ending = ENDINGS.get(file.mimetype, "")
    return name if name.lower().endswith(ending) else f"{name}{ending}"


def _span(asked: str, size: int) -> tuple[int, int] | None:
    """The one range that is asked for, all where none is; None where there is no such."""
    found = _RANGE.fullmatch(asked.strip())
    if not found or found[1] == found[2] == "":
        return 0, size
    if found[1] == "":
        start, end = max(0, size - int(found[2])), size
    else:
        start = int(found[1])
        end = min(size, int(found[2]) + 1) if found[2] else size
    return (start, end) if start < end else None


def _read(file: FieldFile, start: int, length: int) -> Iterator[bytes]:
    with file.open() as stored:
        stored.seek(start)
        while length > 0 and (chunk := stored.read(min(CHUNK, length))):
            length -= len(chunk)
            yield chunk
