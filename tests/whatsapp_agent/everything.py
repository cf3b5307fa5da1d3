"""A row of everything that the admin shows, with the texts of a stranger in it."""

import json
from uuid import uuid4

from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import Group, User
from django.core.files.base import ContentFile
from django.db.models import Model
from django.utils import timezone
from django_q.models import OrmQ, Task
from django_q.signing import SignedPackage

from conversations.knowledge import texts
from conversations.models import (
    AgentSettings,
    Conversation,
    KnowledgeText,
    KnowledgeUse,
    MediaFile,
    Message,
    SettingsChange,
    ThresholdChange,
    Worker,
)
from evolution.models import (
    Instance,
    MissedSearch,
    RefusedWebhook,
    Silence,
    UnreadableEvent,
)
from llm.lab.models import Replay
from llm.lab.replay import FIELDS
from llm.models import Decision, Label
from tests.factories import (
    ANA,
    make_contact,
    make_conversation,
    make_inbound,
    make_outbound,
)


def fitting(model: type[Model], text: str, *names: str) -> dict[str, str]:
    """As much of the text as each column holds."""
    return {name: text[: model._meta.get_field(name).max_length] for name in names}


def make_everything(text: str = "Hello") -> None:
    _make_chats(text)
    _make_bridge(text)
    _make_queue(text)
    staff = User.objects.create_user("sam", is_staff=True)
    Group.objects.get_or_create(name="viewer")
    Label.objects.create(
        decision=Decision.objects.earliest("pk"),
        rater=staff,
        verdict="wanted",
        origin="queue",
        inclusion=0.1,
    )
    now = timezone.now()
    Worker.objects.create(slot="host-1", started_at=now, seen_at=now)
    SettingsChange.objects.create(
        staff=staff, before={"threshold": 0.5}, after={"threshold": 0.6}
    )
    ThresholdChange.objects.create(
        staff=staff, before={"all": 0.5}, after={"all": 0.6}, why=text
    )
    _make_knowledge(text, staff)
    LogEntry.objects.log_actions(
        staff.pk, Conversation.objects.all(), CHANGE, "Paused until resumed."
    )


def _make_knowledge(text: str, staff: User) -> None:
    known = KnowledgeText(**fitting(KnowledgeText, text, "title", "instance"))
    for body in (f"# {text}\n\nBefore", f"# {text}\n\n{text}"):
        version = texts.save(known, body, staff)
    KnowledgeUse.objects.create(
        decision=Decision.objects.latest("pk"),
        version=version,
        number=version.number,
        part=1,
        **fitting(KnowledgeUse, text, "title"),
    )


def _make_chats(text: str) -> None:
    AgentSettings.load()
    contact = make_contact(ANA, **fitting(Conversation, text, "name"))
    direct = make_conversation(contact=contact, **fitting(Conversation, text, "name"))
    group = make_conversation(is_group=True, **fitting(Conversation, text, "name"))
    for conversation in (direct, group):
        conversation.last_message_at = timezone.now()
        conversation.save()
        _make_messages(conversation, contact, text)


def _make_messages(conversation, contact, text: str) -> None:
    question = make_inbound(
        conversation,
        text,
        sender=contact,
        outcome="replied",
        quoted_id="ABC",
        quoted_text=text,
        **fitting(Message, text, "reason"),
    )
    make_inbound(conversation, text, sender=contact)  # pending
    make_inbound(conversation, text[:8], sender=contact, kind="reaction")
    carrier = make_inbound(
        conversation,
        text,
        sender=contact,
        kind="document",
        media={"file_name": text, "mimetype": text, "bytes": 12},
    )
    _make_file(carrier, text)
    for step in ("relevance", "response"):
        decision = _make_decision(conversation, step, text)
        decision.messages.add(question)
    sent = {"decision": decision, **fitting(Message, text, "error")}
    _make_replay(decision, text)
    for status in ("sent", "draft", "failed", "unknown", "queued"):
        make_outbound(conversation, text, status=status, **sent)


def _make_file(message: Message, text: str) -> None:
    file = MediaFile(
        message=message,
        state="stored",
        text=text,
        bytes=len(text.encode()),
        **fitting(MediaFile, text, "name", "mimetype", "language", "error"),
    )
    file.file.save("", ContentFile(text.encode()))


def _make_decision(conversation, step: str, text: str) -> Decision:
    texts = fitting(Decision, text, "why", "error", "model", "kind")
    return Decision.objects.create(
        conversation=conversation,
        step=step,
        source="model",
        outcome="reply" if step == "relevance" else "written",
        p=0.7,
        threshold=0.6,
        provider="openai",
        input=text,
        output=text,
        **texts,
    )


def _make_replay(decision: Decision, text: str) -> None:
    values = {
        **dict.fromkeys(FIELDS, "0"),
        "relevance_timeout": 5.0,
        "threshold": 0.6,
        "group_instructions": "",
    }
    replay = Replay.objects.create(
        candidate=values | {"group_instructions": text},
        live=values,
        state="paused",
        **fitting(Replay, text, "name", "why"),
    )
    replay.results.create(
        decision=decision, place=0, judged_at=timezone.now(), p=0.2, flip="silence"
    )


def _make_bridge(text: str) -> None:
    texts = fitting(Instance, text, "profile_name", "state_reason")
    Instance.objects.create(name="spare", state="removed", **texts)
    linked = Instance.objects.create(name="whatsapp-agent", state="open", **texts)
    now = timezone.now()
    MissedSearch.objects.create(
        instance=linked,
        why="schedule",
        since=now,
        until=now,
        position=now,
        **fitting(MissedSearch, text, "error"),
    )
    Silence.objects.create(instance=linked, began_at=now, steps=text)
    named = json.dumps({"event": "messages.upsert", "data": {"pushName": text}})
    for number, body in enumerate((text, named)):
        UnreadableEvent.objects.create(
            body=body, digest=number, **fitting(UnreadableEvent, text, "error")
        )
    RefusedWebhook.objects.create(reason="secret", source="192.0.2.1")


def _make_queue(text: str) -> None:
    now = timezone.now()
    for success in (True, False):
        Task.objects.create(
            id=uuid4().hex,
            name="quick-fox",
            func="conversations.tasks.process",
            args=(1,),
            kwargs={},
            result=text,
            started=now,
            stopped=now,
            success=success,
        )
    task = {"id": "1", "name": "dog", "func": "tasks.process", "args": (1,)}
    OrmQ.objects.create(key="whatsapp-agent", payload=SignedPackage.dumps(task))


def row_of(model: type[Model]) -> Model:
    row = model._default_manager.order_by("pk").first()
    assert row, f"make a row of {model._meta.label} in make_everything"
    return row
