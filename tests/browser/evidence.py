"""Scores and labels enough to move a threshold on: for pictures of the lab and for trying it."""

import random
from datetime import datetime, timedelta

from django.contrib.auth.models import User
from django.utils import timezone

from conversations.models import Contact, Conversation
from llm.models import Decision, Label
from tests.factories import INSTANCE, make_inbound

TALK = [
    "Does anybody know when the hall opens?",
    "Can someone send the address again?",
    "See you there",
    "Lovely photos, thank you",
    "What did we pay last year?",
    "Who brings the ladder? 🪜",
    "هل الموعد ما زال الساعة السابعة؟",
]
VERSION = {
    "provider": "openai",
    "model": "gpt-5-nano",
    "prompt_version": "1",  # that of the painted scene
}


def seed(
    group: Conversation | None = None,
    *,
    decisions: int = 400,
    labels: int = 120,
    mildness: float = 0.8,
    chance: random.Random | None = None,
    **fields: object,
) -> list[Decision]:
    """`mildness`: how often a reply is wanted where the score is certain of it."""
    chance = chance or random.Random(3)
    group = group or make_group("Elm Road Allotments")
    now = timezone.now()
    made = Decision.objects.bulk_create(
        _decision(group, min(1.0, round(chance.betavariate(0.8, 1.4), 2)), fields)
        for _ in range(decisions)
    )
    for number, one in enumerate(made):
        at = now - timedelta(days=20 * (decisions - number) / decisions)
        _date(one, at)
    _talk(group, made[-60:], chance)
    label(chance.sample(made, min(labels, decisions)), chance, mildness)
    return made


def label(decisions: list[Decision], chance: random.Random, mildness: float) -> None:
    rater = User.objects.filter(is_staff=True).first() or User.objects.create_user(
        "rater", is_staff=True
    )
    Label.objects.bulk_create(
        Label(
            decision=one,
            rater=rater,
            verdict="wanted" if chance.random() < mildness * one.p**1.5 else "unwanted",
            origin="queue",
            inclusion=0.1,
        )
        for one in decisions
    )


def make_group(name: str, **fields: object) -> Conversation:
    return Conversation.objects.get_or_create(
        instance=INSTANCE,
        jid=f"{sum(map(ord, name)):018d}@g.us",
        defaults={"is_group": True, "name": name, **fields},
    )[0]


def paint() -> None:
    """In the groups of the painted scene, beside what it has."""
    chance = random.Random(5)
    groups = Conversation.objects.filter(is_group=True).order_by("pk")
    for number, group in enumerate(groups):
        seed(
            group,
            decisions=500 - 120 * number,
            labels=(220, 60, 0)[number % 3],
            mildness=(0.9, 0.5, 0.8)[number % 3],
            chance=chance,
        )


def _decision(group: Conversation, p: float, fields: dict) -> Decision:
    defaults = {
        "step": "relevance",
        "source": "model",
        "outcome": "reply" if p >= 0.6 else "silent",
        "p": p,
        "threshold": 0.6,
        "why": "A question to everybody" if p > 0.5 else "Small talk between members",
        **VERSION,
    }
    return Decision(conversation=group, **{**defaults, **fields})


def _date(decision: Decision, at: datetime) -> None:
    Decision.objects.filter(pk=decision.pk).update(created_at=at)


def _talk(
    group: Conversation, decisions: list[Decision], chance: random.Random
) -> None:
    contact = Contact.objects.first() or Contact.objects.create(
        phone_jid="31600000001@s.whatsapp.net", name="Noor Haddad"
    )
    for number, one in enumerate(decisions):
        at = timezone.now() - timedelta(minutes=4 * (len(decisions) - number))
        message = make_inbound(
            group, chance.choice(TALK), sender=contact, sent_at=at, received_at=at
        )
        one.messages.add(message)
