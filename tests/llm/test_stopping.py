import pytest

from llm.providers.scripted.phrases import PHRASES
from llm.stopping import _WISHES, is_stop


@pytest.mark.parametrize(
    "text",
    [
        "Stop",
        "STOP!!!",
        "stop it please",
        "please, be quiet now",
        "Stop, stop, stop",
        "That's enough, thanks",
        "Fica quieto, por favor",
        "Cala a boca!",
        "¡Cállate ya!",
        "basta",
        "Hör auf!",
        "hör bitte auf",
        "Jetzt sei mal still",
        "Tais-toi s'il te plaît",
        "Ça suffit.",
        "Smettila",
        "Hou op",
        "Przestań",
        "Хватит, пожалуйста",
        "Досить",
        "توقف من فضلك",
        "ساکت باش",
        "מספיק",
        "चुप रहो",
        "闭嘴",
        "静かにしてください",
        "그만해",
    ],
)
def test_hears_the_wish_for_silence(text):
    assert is_stop(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "👍",
        "stop it, you are funny",
        "Stop it, Ben, I can't laugh any more",
        "where does the bus stop?",
        "the next stop is ours",
        "Stop?",
        "Enough?",
        "enough people have signed up",
        "please",
        "be quiet, the baby sleeps",
        "quiet evening here",
        "Is it quiet there",
        "para amanhã",
        "Para que serve isso",
        "es reicht für alle",
        "halt die Tür auf",
        "Ruhe in Frieden, Oma",
        "basta pasta",
        "c'est assez loin",
        "silence is golden",
        "тихо идёт снег",
        "توقف المطر",
        "够了吗？",
        "thanks, that is enough for today I think",
    ],
)
def test_takes_no_other_sentence_for_it(text):
    assert not is_stop(text)


def test_knows_every_language_that_the_scripted_model_speaks():
    assert PHRASES.keys() <= _WISHES.keys()


@pytest.mark.parametrize("language", _WISHES)
def test_finds_each_phrase_as_people_type_it(language):
    for phrase in _WISHES[language].split(" | "):
        assert is_stop(phrase.strip()), phrase
        assert is_stop(f"{phrase.strip().upper()}!"), phrase
