"""Hears what a voice note of the sandbox's phone says in its tags: no network, no key.

Such a note is a sound file like any other (Ogg, Opus), with its words in a comment
named TRANSCRIPT beside the sound.
"""

import struct

from llm.providers import LLMError
from llm.providers.scripted.language import language
from llm.transcription import Recording, Transcript

_TAGS, _WORDS = b"OpusTags", b"TRANSCRIPT="


def missing(connection: dict) -> str:
    return ""


def transcribe(connection: dict, recording: Recording) -> Transcript:
    for comment in _comments(recording.data):
        if comment.startswith(_WORDS):
            text = comment.removeprefix(_WORDS).decode("utf-8", "replace")
            spoken = recording.language or language(text)
            return Transcript(text.strip(), spoken, model="scripted")
    raise LLMError(
        "The scripted model hears only voice notes of the sandbox: choose another one"
        " under Settings."
    )


def _comments(data: bytes) -> list[bytes]:
    """The comments of an Opus file, none where it is no such file or is damaged."""
    found = data.find(_TAGS, 0, 4096)
    if found < 0:
        return []
    try:
        _, rest = _counted(data[found + len(_TAGS) :])  # who made it
        (count,) = struct.unpack_from("<I", rest)
        rest, comments = rest[4:], []
        for _ in range(min(count, 100)):
            comment, rest = _counted(rest)
            comments.append(comment)
    except struct.error:
        return []
    return comments


def _counted(data: bytes) -> tuple[bytes, bytes]:
    (length,) = struct.unpack_from("<I", data)
    return data[4 : 4 + length], data[4 + length :]
