"""How much each sign counts for a reply.

Set by hand is what an assistant is for, and what no annotated chat can tell: those chats
have no quoted messages, and their members answer open questions only when they like.
"""

from llm.providers.scripted.signs import REASONS

BY_HAND = {
    "base": -2.6,
    "to us": 4.4,
    "question": 0.3,
    "asks for help": 0.3,
    "open question": 3.2,
    "asked of everybody": 0.3,
    "policy": 1.0,
    "answered meanwhile": -2.4,
}
# By `python -m bench.judging`, from the chats of the development part alone.
FITTED = {
    "named": 1.2,
    "named first": 1.1,
    "for another member": -1.1,
    "we just answered this member": 1.4,
    "we answered this member lately": 1.0,
    "we answered this member before": 0.6,
    "we spoke lately": 0.2,
    "we are silent": -0.9,
    "new voice": 0.1,
    "crowd": -0.2,
    "open question in a crowd": -2.6,
    "closing": -0.4,
    "greeting": -0.3,
    "very short": -0.9,
    "short": -0.4,
    "only a link": 0.3,
    "no words": -0.3,
}
# What the chats say nothing about counts for nothing.
WEIGHTS = dict.fromkeys(REASONS, 0.0) | BY_HAND | FITTED
