from decimal import Decimal

import pytest

from evolution.sandbox.files import voice_note
from llm import transcription
from llm.transcription import Model
from tests.llm.server import answer, hang, serving

VERBOSE = {
    "task": "transcribe",
    "language": "portuguese",
    "duration": 2.4,
    "text": " Que horas abre a loja? ",
    "segments": [],
}
NOTE = voice_note("When does the shop open?").data


def model(**fields) -> Model:
    defaults = {
        "provider": "openai",
        "name": "whisper-1",
        "language": "",
        "timeout": 5.0,
        "price": Decimal("0.006"),
    }
    return Model(**defaults | fields)


@pytest.fixture
def hear(settings):
    def hear(server, key: str = "sk-secret", data: bytes = NOTE, **fields):
        settings.TRANSCRIPTION = {"url": f"{server.url}/v1", "api_key": key}
        return transcription.transcribe(data, "audio/ogg", 30, model(**fields))

    return hear


@pytest.fixture(autouse=True)
def _at_once(monkeypatch):
    monkeypatch.setattr("llm.providers.transport.time.sleep", lambda seconds: None)


def test_sends_the_sound_and_reads_the_words(hear):
    with serving(answer(VERBOSE)) as server:
        heard = hear(server, language="pt")

    assert (heard.text, heard.language) == ("Que horas abre a loja?", "portuguese")
    request = server.received[0]
    assert request.path == "/v1/audio/transcriptions"
    assert request.headers["authorization"] == "Bearer sk-secret"
    assert NOTE in request.body
    for name, value in [("model", "whisper-1"), ("language", "pt")]:
        assert f'name="{name}"\r\n\r\n{value}\r\n'.encode() in request.body
    assert b'filename="audio.ogg"' in request.body


def test_tells_what_it_took(hear):
    with serving(answer(VERBOSE)) as server:
        call = hear(server).call

    assert (call.provider, call.model, call.attempts) == ("openai", "whisper-1", 1)
    assert call.cost == Decimal("0.003")
    assert call.output == "Que horas abre a loja?"
    assert not call.error


def test_sends_no_key_where_there_is_none(hear):
    with serving(answer(VERBOSE)) as server:
        hear(server, key="")

    assert "authorization" not in server.received[0].headers


def test_learns_that_a_server_tells_the_words_alone(hear):
    refusal = {"error": {"message": "response_format 'verbose_json' is not compatible"}}
    with serving(answer(refusal, 400), answer({"text": "Hello"})) as server:
        heard = hear(server)

    assert heard.text == "Hello"
    assert len(server.received) == 2


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_server_that_cannot_do_it_now_may_be_asked_again(hear, status):
    with serving(answer({"error": {"message": "busy"}}, status)) as server:
        call = hear(server).call

    assert call.retryable
    assert call.attempts == 3
    assert call.cost is None


def test_a_server_that_is_too_slow_may_be_asked_again(hear):
    with serving(hang) as server:
        call = hear(server, timeout=0.2).call

    assert call.retryable


@pytest.mark.parametrize(
    ("said", "status"),
    [
        ({"error": {"message": "Invalid file format."}}, 400),
        ({"error": {"message": "Incorrect API key provided"}}, 401),
        ({"choices": []}, 200),
        (b"<html>", 200),
    ],
)
def test_what_will_not_get_better_is_given_up(hear, said, status):
    with serving(answer(said, status)) as server:
        call = hear(server).call

    assert call.error
    assert not call.retryable
    assert "sk-secret" not in call.error


def test_nobody_is_asked_without_the_key_that_it_takes(settings):
    settings.TRANSCRIPTION = {"url": "https://api.openai.com/v1", "api_key": ""}

    call = transcription.transcribe(NOTE, "audio/ogg", 2, model()).call

    assert call.error == "TRANSCRIPTION_API_KEY is not set, nor is OPENAI_API_KEY."
    assert call.attempts == 0


class TestScripted:
    def test_hears_what_the_sandboxs_note_says(self):
        heard = transcription.transcribe(
            voice_note("Quando abre a loja, por favor?").data,
            "audio/ogg",
            2,
            model(provider="scripted"),
        )

        assert heard.text == "Quando abre a loja, por favor?"
        assert heard.language == "pt"

    @pytest.mark.parametrize(
        "data", [b"", b"OggS", b"x" * 9000, b"OpusTags\xff\xff\xff\xff", NOTE[:100]]
    )
    def test_says_that_it_hears_nothing_else(self, data):
        call = transcription.transcribe(
            data, "audio/ogg", 2, model(provider="scripted")
        ).call

        assert "hears only voice notes of the sandbox" in call.error
