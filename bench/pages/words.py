"""Texts as people write them: several languages and scripts, common and rare words."""

from itertools import accumulate
from random import Random

# Searched for: in many messages, in seven, in none.
COMMON, RARE, ABSENT = "thanks", "zeppelin", "xylophonist"

SYLLABLES = {
    "latin": "ba ca da fe gi ho ju ka le mi no pa ra se ti vo ção ñe über ß lé",
    "cyrillic": "ба ве го да жи ка ле мо ну пы ри со тя ум фа хо чи ша",
    "arabic": "با تي جو دا را سي شم عل فا قو كا لم نو ها وي",
    "hindi": "का की कु ने में मा रा ली सा हो दे चा ति पा",
    "chinese": " ".join(chr(0x4E00 + 7 * n) for n in range(400)),
}
COMMON_WORDS = {
    "latin": "hello the a is you can we when and thanks please tomorrow ok "
    "order price que de não obrigado gracias bitte morgen ja nein",
    "cyrillic": "привет да нет спасибо завтра когда и в на",
    "arabic": "مرحبا شكرا نعم لا غدا متى في من",
    "hindi": "नमस्ते धन्यवाद हाँ नहीं कल कब और",
    "chinese": "你 好 谢 明 天 吗 是 的 我",
}
SHARES = {"latin": 70, "cyrillic": 8, "arabic": 8, "hindi": 6, "chinese": 8}
EMOJIS = ["👍", "❤️", "😂", "🙏🏽", "👩‍👩‍👧‍👦", "🇧🇷", "🏳️‍🌈", "🤷🏾‍♀️"]
WORDS, PHRASES = 6_000, 4_000
GIVEN = "Ana Ben Carla Dmitri Эмма فاطمة Gül Hiro आरव Иван João 小明 Lea Mo Nour"
FAMILY = "Silva Müller O'Brien Петров الهاشمي Yılmaz 佐藤 शर्मा García Nowak"


class Writer:
    """The same texts for the same seed."""

    def __init__(self, random: Random) -> None:
        self.random = random
        # As Zipf found: the second word is half as common as the first.
        self.weights = list(accumulate(1 / (rank + 3) for rank in range(WORDS)))
        self.scripts = [
            script for script, share in SHARES.items() for _ in range(share)
        ]
        self.words = {script: self._vocabulary(script) for script in SHARES}
        # A million texts are put together from these.
        self.phrases = {
            script: [self._phrase(script, 1 + n % 10) for n in range(PHRASES)]
            for script in SHARES
        }

    def _vocabulary(self, script: str) -> list[str]:
        most = 3 if script == "chinese" else 5
        made = dict.fromkeys(COMMON_WORDS[script].split())
        syllables = SYLLABLES[script].split()
        while len(made) < WORDS:
            parts = self.random.choices(syllables, k=self.random.randint(2, most))
            made["".join(parts)] = None
        return list(made)

    def _phrase(self, script: str, length: int) -> str:
        words = self.random.choices(
            self.words[script], cum_weights=self.weights, k=length
        )
        return " ".join(words)

    def text(self) -> str:
        roll = self.random.random
        script = self.scripts[int(roll() * len(self.scripts))]
        text = self.phrases[script][int(roll() * PHRASES)]
        end = roll()
        if end < 0.5:
            text += " " + self.phrases[script][int(roll() * PHRASES)]
        if end < 0.2:
            text += " " + self.words[script][int(roll() * WORDS)]
        if end < 0.08:
            text += " " + self.emoji()
        # Most are short; one of a hundred goes on and on.
        if end > 0.99:
            text += " " + self._phrase(script, 100 + int(roll() * 600))
        return text

    def name(self) -> str:
        given, family = GIVEN.split(), FAMILY.split()
        return f"{self.random.choice(given)} {self.random.choice(family)}"

    def emoji(self) -> str:
        return self.random.choice(EMOJIS)
