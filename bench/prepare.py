"""Fill a database for the product: settings for the benchmark, chats with a past."""

import os
from datetime import timedelta

import django
from django.core.management import call_command
from django.db import transaction
from django.utils import timezone

from bench import webhooks

CHATS = range(400)
BURST_WAIT = 0.2
CONTEXT = 20
# No limit may stop a reply, and the stand-in model takes both steps.
SETTINGS = {
    "new_group_mode": "live",
    "direct_wait": BURST_WAIT,
    "group_wait": BURST_WAIT,
    "unprompted_gap": 0,
    "unprompted_per_hour": 10_000,
    "unprompted_per_day": 10_000,
    "replies_per_minute": 10_000,
    "replies_per_hour": 10_000,
    "context_messages": CONTEXT,
    **{f"{step}_provider": "openai" for step in ("relevance", "response")},
    **{f"{step}_model": "bench" for step in ("relevance", "response")},
}


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "whatsapp_agent.settings")
    django.setup()
    call_command("migrate", verbosity=0)
    with transaction.atomic():
        _fill()


def _fill() -> None:
    from conversations.models import AgentSettings
    from evolution.models import Instance

    AgentSettings.objects.update_or_create(pk=1, defaults=SETTINGS)
    Instance.objects.create(
        name=webhooks.INSTANCE,
        state="open",
        phone_jid=webhooks.OWN_PHONE,
        lid="271357031895794@lid",
    )
    for chat in CHATS:
        _give_past(chat)


def _give_past(chat: int) -> None:
    """What history webhooks would have stored, in a few statements."""
    from conversations.models import Contact, Conversation, Message

    is_group = webhooks.is_group(chat)
    contact = Contact.objects.create(phone_jid=webhooks.phone_jid(chat), name="Alice")
    conversation = Conversation.objects.create(
        instance=webhooks.INSTANCE,
        jid=webhooks.chat_jid(chat),
        is_group=is_group,
        contact=None if is_group else contact,
        name="Weekend trip" if is_group else "",
    )
    now = timezone.now()
    Message.objects.bulk_create(
        Message(
            conversation=conversation,
            direction="in",
            sender=contact,
            whatsapp_id=webhooks.fresh_id(),
            text=webhooks.QUESTION,
            sent_at=now - timedelta(minutes=CONTEXT - n),
            outcome="too_old",
        )
        for n in range(CONTEXT)
    )


if __name__ == "__main__":
    main()
