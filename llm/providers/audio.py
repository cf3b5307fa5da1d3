"""Any server that speaks OpenAI's audio transcriptions."""

import json
import re

from llm.providers import LLMError
from llm.providers.dialect import Change, post, without
from llm.providers.reading import dig, string
from llm.providers.transport import Answer, deadline_in, host, post_form
from llm.transcription import Recording, Transcript

_HOST = "api.openai.com"
# What a server tells the type of a file by, whatever it is called.
_ENDINGS = {
    "audio/ogg": "ogg",
    "audio/mpeg": "mp3",
    "audio/mp4": "m4a",
    "audio/wav": "wav",
    "audio/webm": "webm",
    "audio/flac": "flac",
}


def missing(connection: dict) -> str:
    if host(connection["url"]) == _HOST and not connection["api_key"]:
        return "TRANSCRIPTION_API_KEY is not set, nor is OPENAI_API_KEY."
    return ""


def transcribe(connection: dict, recording: Recording) -> Transcript:
    url = connection["url"].rstrip("/")
    if not url.endswith("/audio/transcriptions"):
        url += "/audio/transcriptions"
    key = connection["api_key"]
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    deadline = deadline_in(recording.timeout)
    return _read(
        post(url, headers, _form(recording), deadline, _CHANGES, post_form), recording
    )


def _form(recording: Recording) -> dict:
    ending = _ENDINGS.get(recording.mimetype, "ogg")
    form = {
        "file": (f"audio.{ending}", recording.data, recording.mimetype),
        "response_format": "verbose_json",  # tells the language
    }
    if recording.model:
        form["model"] = recording.model
    if recording.language:
        form["language"] = recording.language
    return form


def _read(answer: Answer, recording: Recording) -> Transcript:
    data = answer.data
    raw = json.dumps(data, ensure_ascii=False)[:20_000]
    if not isinstance(dig(data, "text"), str):
        raise LLMError(
            "The server's answer is not a transcription; is its address right?",
            attempts=answer.attempts,
            raw=raw,
        )
    return Transcript(
        text=string(data, "text").strip(),
        language=string(data, "language")[:35] or recording.language,
        model=string(data, "model", recording.model),
        raw=raw,
        attempts=answer.attempts,
    )


def _plain_json(form: dict) -> dict:
    return form | {"response_format": "json"}


# The newer models tell the words alone.
_FORMAT = re.compile(r"response_format|verbose_json", re.I)
_CHANGES = [
    Change(_FORMAT, _plain_json),
    Change(_FORMAT, without("response_format")),
    Change(re.compile("language", re.I), without("language")),
]
