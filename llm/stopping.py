"""Whether a text is nothing but the wish that somebody be quiet.

Only the whole text counts: "stop it, you are funny" wishes for no silence.
"""

import re
from collections.abc import Iterable

from llm.words import words

_WISHES = {
    "en": "stop | stop it | stop that | stop this | stop talking | stop replying"
    " | stop answering | stop responding | stop writing | stop posting | stop messaging"
    " | be quiet | be silent | be still | keep quiet | stay quiet | quiet | silence | hush"
    " | shush | shh | shhh | shut up | zip it | cut it out | leave us alone"
    " | leave us in peace | enough | that's enough | that is enough | don't reply"
    " | do not reply | don't talk",
    "pt": "para | pare | para com isso | pare com isso | para de falar | pare de falar"
    " | para de responder | pare de responder | para de escrever | chega | basta"
    " | fica quieto | fica quieta | fique quieto | fique quieta | quieto | quieta"
    " | cala | cala-te | cale-se | cala a boca | cale a boca | silêncio | fica calado"
    " | fique calado | nos deixa em paz | nos deixe em paz | deixa-nos em paz"
    " | deixa a gente em paz | não responda | não fale",
    "es": "para | para ya | basta | basta ya | ya basta | calla | cállate | cállese"
    " | cállate ya | silencio | guarda silencio | deja de hablar | deja de responder"
    " | deja de escribir | deja de contestar | déjanos en paz | no hables"
    " | no hables más | no respondas | no contestes | quédate callado",
    "de": "stopp | halt | ruhe | schluss | genug | es reicht | das reicht | sei still"
    " | sei ruhig | sei leise | sei einfach still | schweig | hör auf | hör auf damit"
    " | hör auf zu reden | hör auf zu antworten | hör auf zu schreiben | halt den mund"
    " | halt die klappe | klappe | lass uns in ruhe | antworte nicht | antworte nicht mehr",
    "fr": "arrête | arrêtez | arrête ça | arrête de parler | arrête de répondre"
    " | arrête d'écrire | tais-toi | taisez-vous | silence | chut | la ferme | ça suffit"
    " | assez | laisse-nous tranquilles | laisse-nous en paix | ne réponds pas"
    " | ne réponds plus | sois silencieux",
    "it": "basta | basta così | smettila | smetti | smetti di parlare"
    " | smetti di rispondere | smetti di scrivere | zitto | zitta | stai zitto"
    " | stai zitta | sta' zitto | taci | silenzio | fai silenzio | lasciaci in pace"
    " | non rispondere",
    "nl": "hou op | houd op | stop ermee | stop met praten | stop met antwoorden | genoeg"
    " | stil | wees stil | zwijg | hou je mond | houd je mond | laat ons met rust",
    "sv": "sluta | sluta prata | sluta svara | tyst | var tyst | håll tyst | håll käften",
    "pl": "przestań | przestań pisać | dość | cicho | bądź cicho | cisza | milcz"
    " | zamknij się | zostaw nas w spokoju",
    "tr": "yeter | sessiz ol | konuşma | cevap verme | yazma | kapa çeneni",
    "id": "berhenti | diam | cukup | hentikan | jangan balas | berhenti bicara",
    "ru": "стоп | хватит | довольно | тихо | молчи | помолчи | замолчи | заткнись"
    " | перестань | прекрати | перестань писать | перестань отвечать | не пиши"
    " | не отвечай | оставь нас в покое",
    "uk": "досить | годі | мовчи | помовч | замовкни | припини | не пиши | не відповідай",
    "ar": "توقف | توقفي | اسكت | اسكتي | اصمت | كفى | يكفي | هدوء | توقف عن الكلام"
    " | توقف عن الرد | توقف عن الكتابة | لا ترد | لا تكتب | اتركنا وشأننا",
    "fa": "ساکت | ساکت باش | بس کن | بسه | کافیه | حرف نزن | جواب نده | خفه شو",
    "he": "שקט | תשתוק | תפסיק | תפסיקי | מספיק | די | תהיה בשקט | אל תענה",
    "hi": "चुप | चुप रहो | चुप रहिए | चुप हो जाओ | बस करो | बंद करो | शांत रहो | chup"
    " | chup raho | chup karo | chup ho jao | bas karo",
    "zh": "停 | 停下 | 停止 | 安静 | 安静点 | 闭嘴 | 住口 | 够了 | 别说了 | 别说话 | 不要说话 | 请安静"
    " | 不要回复 | 别回复 | 安靜 | 閉嘴 | 夠了 | 別說了 | 別說話 | 請安靜",
    "ja": "静かに | 静かにして | 静かにしてください | 黙って | 黙ってください | 黙れ | やめて"
    " | やめてください | ストップ | 止めて",
    "ko": "그만 | 그만해 | 그만하세요 | 그만해 주세요 | 조용히 | 조용히 해 | 조용히 해줘"
    " | 조용히 해 주세요 | 멈춰 | 닥쳐",
}
# Words that change nothing, wherever they stand.
_AROUND = (
    "please | pls | plz | now | already | just | bot | robot | ai | ok | okay | hey | oh"
    " | and | thanks | thank you | man | guys | por favor | porfa | porfavor | agora | já"
    " | ya | ahora | e | y | robô | bitte | mal | jetzt | doch | endlich | und"
    " | s'il te plaît | s'il vous plaît | stp | svp | maintenant | et | per favore | ora"
    " | adesso | alsjeblieft | nu | snälla | proszę | już | lütfen | artık | tolong"
    " | пожалуйста | уже | будь ласка | من فضلك | رجاء | لو سمحت | لطفا | בבקשה | कृपया"
    " | 请 | 請 | お願い | 제발 | бот"
)


def _said(text: str) -> str:
    """Its words, without those that only are polite, each with a space behind it."""
    return _POLITE.sub("", "".join(f"{word} " for word in words(text)))


def _any_of(phrases: Iterable[str]) -> str:
    """A pattern; the longest come first."""
    return "|".join(map(re.escape, sorted(set(phrases), key=len, reverse=True)))


_POLITE = re.compile(
    rf"(?<!\S)(?:{_any_of(' '.join(words(one)) for one in _AROUND.split(' | '))}) "
)
_WISH = _any_of(_said(one) for of in _WISHES.values() for one in of.split(" | "))
_STOP = re.compile(f"(?:{_WISH})+")
_ASKS = re.compile("[?¿؟？]")


def is_stop(text: str) -> bool:
    """Whether it says no more than that, in any of the languages above."""
    return not _ASKS.search(text) and _STOP.fullmatch(_said(text)) is not None
