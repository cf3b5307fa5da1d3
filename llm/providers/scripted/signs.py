"""What the scripted judgement looks for, and how it calls what it found."""

import re


def _set(text: str) -> frozenset[str]:
    return frozenset(text.split())


QUESTION = _set(
    "what who when where why how which whose can could does do did is are "
    "should would anyone anybody someone somebody que quem quando onde porque "
    "como qual quais alguem quien cuando donde cual cuanto alguien puedo "
    "puede hay was wer wann wo warum wie welche kann jemand gibt quoi qui "
    "comment pourquoi quel quelle quelqu est"
)
TO_ALL = _set(
    "anyone anybody someone somebody everyone everybody all guys folks alguem "
    "galera pessoal gente alguien todos jemand alle quelqu tous"
)
FILLERS = _set(
    "and so but hey hi well then e y und et mas oi ola hola hallo salut guys folks"
)
ASKING = re.compile(
    r"\b(help|how (do|can|to)|need to|trying to|doesn'?t work|not working|problem with"
    r"|please|any idea|recommend|ajuda|preciso|como (faz|fa[cç]o)|por favor|ayuda|necesito"
    r"|hilfe|brauche|bitte|aide|besoin|s'il)\b",
    re.I,
)
CLOSING = _set(
    "thanks thank thx ty ok okay k kk cool great nice good lol haha hahaha "
    "rofl yes yeah yep no nope sure right obrigado obrigada valeu beleza blz "
    "kkk kkkk gracias vale jaja danke gut alles klar merci d accord super you "
    "so much a lot then done perfect wow oh ah hm hmm np welcome bye brb gn"
)
GREETINGS = _set(
    "hi hello hey hiya morning evening afternoon good ola oi bom dia boa "
    "tarde noite hola buenos buenas dias hallo moin guten tag abend bonjour "
    "salut all everyone everybody guys folks pessoal gente galera todos alle "
    "zusammen tous there"
)
REASONS = {
    "to us": "speaks to the assistant",
    "named": "names the assistant",
    "named first": "speaks to the assistant by name",
    "for another member": "meant for another member",
    "we just answered this member": "continues with the assistant",
    "we answered this member lately": "continues with the assistant",
    "we answered this member before": "the assistant helped this member",
    "we spoke lately": "the assistant takes part",
    "we are silent": "the assistant does not take part",
    "new voice": "a member who had not spoken yet",
    "crowd": "many others are here to answer",
    "answered meanwhile": "somebody answered already",
    "question": "asks a question",
    "asks for help": "asks for help",
    "open question": "open question to the group",
    "open question in a crowd": "many others are here to answer",
    "asked of everybody": "asks everybody",
    "policy": "about what the operator named",
    "closing": "thanks or agreement",
    "greeting": "a greeting",
    "very short": "too short to need an answer",
    "short": "too short to need an answer",
    "only a link": "a link, nothing asked",
    "no words": "no words",
}
