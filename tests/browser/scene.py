"""A month in the life of an agent, for pictures and for trying pages."""

import random
from datetime import datetime, timedelta

from django.utils import timezone

from conversations.models import AgentSettings, Contact, Conversation, Message, Worker
from evolution.models import Instance, RefusedWebhook, UnreadableEvent
from llm.models import Decision
from tests.factories import INSTANCE, make_settings, whatsapp_id

AGENT = "Juno"
GROUPS = {
    "Elm Road Allotments": [
        "Noor Haddad",
        "Mateo Rossi",
        "Ingrid Solberg",
        "Tom Ellis",
    ],
    "Five-a-side Tuesdays": ["Kwame Mensah", "Yuki Tanaka", "Tom Ellis"],
    "Class 3A parents": ["Ingrid Solberg", "ليلى منصور", "Priya Nair"],
}
TALK = [
    ("Does anybody know whether the gate is locked on Sundays?", 0.71),
    ("I'll be late, bus again", 0.04),
    ("👍", 0.01),
    ("Ha, same here", 0.03),
    ("Who brings the ladder this time?", 0.34),
    ("@Juno can you remind me what to bring on Saturday?", None),
    ("Is it still on if it rains?", 0.64),
    ("Lovely photos, thank you Ingrid", 0.02),
    ("What did we pay for the seeds last year?", 0.58),
    ("See you all there", 0.05),
    ("Juno, what time does it start?", None),
    ("I wonder whether we should book earlier next time", 0.22),
    ("هل الموعد ما زال الساعة السابعة؟", 0.69),
    ("Can someone send the address again?", 0.77),
    ("No worries", 0.02),
]
ANSWERS = [
    "Gloves, a bottle of water and something to share for lunch.",
    "It starts at 10:00; most people come a quarter of an hour early.",
    "Yes, it goes ahead unless the council closes the park. I will say so here by nine.",
    "12 Elm Road, the green gate on the left. 🌱",
    "Last year it came to 46 euro for all of us.",
]
DIRECT = {
    "Priya Nair": [
        ("in", "Hi! Can I still sign up for the autumn course?"),
        ("out", "Yes, there are four places left. Shall I put you down?"),
        ("in", "Please! And is there parking?"),
    ],
    "Mateo Rossi": [
        ("in", "Could you draft a short reminder about the fees?"),
        ("draft", "Dear all, a friendly reminder: the fees of 20 euro are due on Friday."),
    ],
    "ليلى منصور": [
        ("in", "متى يفتح المكتب غداً؟"),
        ("out", "يفتح المكتب غداً من التاسعة صباحاً حتى الخامسة مساءً."),
    ],
    "Yuki Tanaka": [
        ("in", "Is the hall free on the 30th?"),
        ("failed", "It is free from 14:00. Shall I reserve it for you?"),
    ],
    "Kwame Mensah": [
        ("in", "Thanks, that was quick!"),
        ("out", "You're welcome. Good luck on Tuesday!"),
    ],
    "Tom Ellis": [
        ("in", "I would rather talk to a person, please."),
        ("staff", "Hi Tom, Sam here. What can I do for you?"),
    ],
}  # fmt: skip


def paint() -> None:
    """Fill an empty database."""
    chance = random.Random(7)
    now = timezone.now()
    make_settings(bot_name=AGENT)
    Instance.objects.update_or_create(
        name=INSTANCE,
        defaults={
            "state": "open",
            "state_at": now - timedelta(days=3, hours=4),
            "phone_jid": "31612345678@s.whatsapp.net",
            "profile_name": AGENT,
            "webhook_at": now,
        },
    )
    Worker.objects.update_or_create(
        slot="scene", defaults={"started_at": now, "seen_at": now + timedelta(hours=1)}
    )
    for name, members in GROUPS.items():
        _group(name, [_contact(member) for member in members], chance, now)
    for number, (name, said) in enumerate(DIRECT.items()):
        _direct(_contact(name), said, now - timedelta(minutes=7 + 31 * number))
    UnreadableEvent.objects.create(
        body='{"event": "messages.upsert", "data": 7}', digest="1", error="No object"
    )
    RefusedWebhook.objects.create(reason="secret", source="192.0.2.17", count=3)


def _contact(name: str) -> Contact:
    number = 31600000000 + sum(map(ord, name)) * 7919
    return Contact.objects.get_or_create(
        phone_jid=f"{number}@s.whatsapp.net", defaults={"name": name}
    )[0]


def _group(
    name: str, members: list[Contact], chance: random.Random, now: datetime
) -> None:
    group = Conversation.objects.create(
        instance=INSTANCE,
        jid=f"{sum(map(ord, name)):018d}@g.us",
        is_group=True,
        name=name,
        mode="live",
        read_until=now - timedelta(hours=chance.randrange(1, 9)),
    )
    moments = sorted(
        now - timedelta(minutes=chance.expovariate(1 / 9000)) for _ in range(160)
    )
    for at in [moment for moment in moments if moment > now - timedelta(days=30)]:
        text, p = chance.choice(TALK)
        if p is not None:
            p = min(0.99, max(0.01, round(chance.gauss(p, 0.09), 2)))
        _judge(group, chance.choice(members), text, p, at, chance)
    Conversation.objects.filter(pk=group.pk).update(last_message_at=max(moments))


def _judge(
    group: Conversation,
    sender: Contact,
    text: str,
    p: float | None,
    at: datetime,
    chance: random.Random,
) -> None:
    threshold = AgentSettings.load().threshold
    wanted = p is None or p >= threshold
    message = _message(
        group,
        text,
        at,
        direction="in",
        sender=sender,
        outcome="replied" if wanted else "below_threshold",
        reason="It mentions the agent"
        if p is None
        else f"p {p:.2f}, threshold {threshold:.2f}",
    )
    relevance = _decision(
        group,
        message,
        at,
        step="relevance",
        source="rule" if p is None else "model",
        outcome="reply" if wanted else "silent",
        p=p,
        threshold=threshold,
        why="It mentions the agent"
        if p is None
        else "A question to everybody"
        if wanted
        else "Small talk between members",
    )
    if p is not None:
        _call(relevance, "gpt-5-nano", 410, 700)
    if wanted:
        response = _decision(
            group,
            message,
            at,
            step="response",
            source="model",
            outcome="written",
            kind="unprompted" if p else "prompted",
        )
        _call(response, "gpt-5-mini", 1240, 2900)
        _message(
            group,
            chance.choice(ANSWERS),
            at + timedelta(seconds=9),
            direction="out",
            author="agent",
            status=chance.choice(["delivered", "read", "read"]),
            decision=response,
            quoted_id=message.whatsapp_id,
            quoted_text=text,
        )
    elif chance.random() < 0.06:
        _message(group, "❤️", at + timedelta(minutes=1), direction="in", sender=sender, kind="reaction", quoted_id=message.whatsapp_id, outcome="filtered", reason="A reaction")  # fmt: skip


def _direct(contact: Contact, said: list[tuple[str, str]], at: datetime) -> None:
    conversation = Conversation.objects.create(
        instance=INSTANCE,
        jid=contact.phone_jid,
        contact=contact,
        last_message_at=at + timedelta(seconds=20 * len(said)),
        read_until=at,
    )
    question = None
    for number, (who, text) in enumerate(said):
        moment = at + timedelta(seconds=20 * number)
        if who == "in":
            answered = number + 1 < len(said)
            outcome = (
                {
                    "draft": "drafted",
                    "failed": "send_failed",
                    "staff": "taken_over",
                }.get(said[number + 1][0], "replied")
                if answered
                else ""
            )
            question = _message(
                conversation,
                text,
                moment,
                direction="in",
                sender=contact,
                outcome=outcome,
            )
        elif who == "staff":
            _message(
                conversation,
                text,
                moment,
                direction="out",
                author="staff",
                status="read",
            )
            Conversation.objects.filter(pk=conversation.pk).update(
                taken_over_until=timezone.now() + timedelta(minutes=25)
            )
        else:
            response = _decision(
                conversation,
                question,
                moment,
                step="response",
                source="model",
                outcome="written",
            )
            _call(response, "gpt-5-mini", 980, 2100)
            status = {"out": "read"}.get(who, who)
            error = "The number is not on WhatsApp" if who == "failed" else ""
            _message(
                conversation,
                text,
                moment,
                direction="out",
                author="agent",
                status=status,
                decision=response,
                error=error,
            )


def _message(conversation: Conversation, text: str, at: datetime, **fields) -> Message:
    unsent = fields.get("status") in ("draft", "failed")
    return Message.objects.create(
        conversation=conversation,
        text=text,
        sent_at=at,
        received_at=at,
        whatsapp_id="" if unsent else whatsapp_id(),
        **fields,
    )


def _decision(
    conversation: Conversation, message: Message, at: datetime, **fields
) -> Decision:
    decision = Decision.objects.create(conversation=conversation, **fields)
    Decision.objects.filter(pk=decision.pk).update(created_at=at)
    decision.messages.add(message)
    return decision


def _call(decision: Decision, model: str, tokens: int, latency: int) -> None:
    Decision.objects.filter(pk=decision.pk).update(
        provider="openai",
        model=model,
        prompt_version="1",
        input="(the prompt)",
        output="(the answer)",
        tokens_in=tokens,
        tokens_cached=tokens // 2,
        tokens_out=42,
        cost=f"{tokens / 4_000_000:.6f}",
        latency_ms=latency,
        attempts=1,
    )
