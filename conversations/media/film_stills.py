"""Reads a film from standard input and writes stills of it as JSON to standard output.

Run by itself, with limits: a film can be made so that decoding it takes all memory or for
ever, or goes wrong inside of the decoder, and then this process dies instead of the worker.
"""

import base64
import json
import resource
import sys
import time
from io import BytesIO

MEMORY = 512 * 1024 * 1024
SECONDS = 10
# After which the nearest frame that is complete by itself will do.
HURRY = 5
STILLS = 4
LONGEST_MINUTES = 30
MOST_PIXELS = 10_000_000  # 4K is 8.8 million
# What phones and browsers record. No playlists: those name other files to be opened.
FORMATS = {"mov", "matroska"}
CODECS = {"h264", "hevc", "mpeg4", "h263", "vp8", "vp9", "av1", "libdav1d", "mjpeg"}


class Refused(Exception):
    """The message tells staff why."""


def main(container: str, longest: int) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    # Only now: its code is to stand under the limits, too.
    import av
    import av.subtitles.stream  # which it would open later
    from PIL import Image

    Image.preinit()
    data = BytesIO(sys.stdin.buffer.read())
    # From here on nothing is opened, whatever the film asks for.
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, 0))
    av.logging.set_level(None)
    try:
        with av.open(data, format=container) as film:
            told = {"stills": _stills(film, longest)}
            if not told["stills"]:
                raise Refused("It has no pictures that can be read")
    except Refused as refusal:
        told = {"refused": str(refusal)}
    json.dump(told, sys.stdout)


def _stills(film, longest: int) -> list[dict]:
    if not film.streams.video:
        raise Refused("It has no pictures that can be read")
    stream = film.streams.video[0]
    stream.codec_context.thread_count = 1
    if stream.codec_context.name not in CODECS:
        raise Refused("It is written in a way that is not read here")
    if stream.width * stream.height > MOST_PIXELS:
        raise Refused("It has too many pixels")
    length = _length(film, stream)
    if length > LONGEST_MINUTES * 60:
        raise Refused(f"Longer than {LONGEST_MINUTES} minutes")
    found = {}
    for number in range(STILLS):
        frame = _frame(film, stream, length * number / STILLS)
        if frame is None:
            break
        found.setdefault(frame.pts, frame)
    return [_still(frame, _start(stream), longest) for frame in found.values()]


def _length(film, stream) -> float:
    """In seconds; 0 where the film does not tell."""
    if stream.duration:
        return float(stream.duration * stream.time_base)
    return (film.duration or 0) / 1_000_000


def _start(stream) -> float:
    return float((stream.start_time or 0) * stream.time_base)


def _frame(film, stream, second: float):
    """The frame of a moment, or the last one before, or None."""
    from av.error import FFmpegError

    moment = _start(stream) + second
    found = None
    try:
        if second:
            film.seek(round(moment / stream.time_base), stream=stream)
        for found in film.decode(stream):
            is_late = time.process_time() > HURRY
            if is_late or found.time is None or found.time >= moment:
                break
    except FFmpegError:
        return found
    return found


def _still(frame, start: float, longest: int) -> dict:
    scale = min(1, longest / max(frame.width, frame.height))
    image = frame.to_image(
        width=max(1, round(frame.width * scale)),
        height=max(1, round(frame.height * scale)),
    )
    encoded = BytesIO()
    # How phones say which side is up.
    image.rotate(frame.rotation, expand=True).save(encoded, "JPEG", quality=95)
    second = max(0, int((frame.time or start) - start))
    return {"second": second, "jpeg": base64.b64encode(encoded.getvalue()).decode()}


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
