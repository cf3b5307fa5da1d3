"""Conversations and their messages: to read them, to steer, and to send by hand."""

from datetime import datetime
from typing import Annotated, Literal

from django.contrib.admin.models import CHANGE, LogEntry
from django.db.models import QuerySet
from django.forms import model_to_dict
from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from django.utils import timezone
from ninja import File, Form, Query, Router, Schema, Status, UploadedFile
from ninja.errors import HttpError
from pydantic import Field, StringConstraints

from conversations import steering
from conversations.admin.forms import ConversationForm
from conversations.media.sending import uploaded
from conversations.models import FOREVER, Conversation, Message
from llm.api_pages import Page, Paging, page
from llm.api_problems import Invalid, Key, PerMinute, answers, require
from llm.api_times import Moment

router = Router(tags=["conversations"])
sending = PerMinute("send", 30)

# No database stores a NUL, and WhatsApp shows nothing of blanks.
Text = Annotated[
    str,
    StringConstraints(
        min_length=1, max_length=20_000, pattern=r"^[^\x00]*[^\s\x00][^\x00]*$"
    ),
]
Caption = Annotated[str, StringConstraints(max_length=1_024, pattern=r"^[^\x00]*$")]
Mode = Literal["off", "shadow", "draft", "live"]


class ConversationOut(Schema):
    id: int
    instance: str
    jid: str
    is_group: bool
    name: str
    contact_id: int | None
    mode: str
    access: str
    threshold: float | None
    instructions: str
    is_paused: bool
    paused_until: datetime | None
    is_taken_over: bool
    taken_over_until: datetime | None
    last_message_at: datetime | None
    created_at: datetime

    @staticmethod
    def resolve_name(conversation: Conversation) -> str:
        return str(conversation)


class ContactOut(Schema):
    id: int
    name: str
    phone_number: str


class MessageOut(Schema):
    id: int
    conversation_id: int
    direction: str
    author: str = Field(description="Empty: the contact.")
    sender: ContactOut | None
    whatsapp_id: str
    kind: str
    text: str
    quoted_id: str
    sent_at: datetime = Field(description="By WhatsApp's clock.")
    received_at: datetime
    edited_at: datetime | None
    deleted_at: datetime | None
    outcome: str = Field(description="Of an inbound message; empty: pending.")
    reason: str
    status: str = Field(description="Of an outbound message.")
    part: int
    staff_id: int | None
    decision_id: int | None
    error: str


class ConversationFilters(Paging):
    instance: str | None = Field(None, max_length=100, pattern=r"^[^\x00]*$")
    is_group: bool | None = None
    mode: Mode | None = None


class MessageFilters(Paging):
    direction: Literal["in", "out"] | None = None
    outcome: Literal[*Message.Outcome.values] | None = None
    status: Literal[*Message.Status.values] | None = None


class AllMessageFilters(MessageFilters):
    after: Key | None = Field(None, description="Only those stored after this one.")


class ConversationChange(Schema, extra="forbid"):
    name: str | None = None
    mode: Mode | None = None
    access: Literal["", "allowed", "blocked"] | None = None
    threshold: float | None = Field(None, ge=0, le=1, description="null: the settings'")
    instructions: str | None = None


class Reply(Schema, extra="forbid"):
    text: Text


class Pause(Schema, extra="forbid"):
    until: Moment | None = Field(None, description="null: until resumed")


@router.get(
    "/conversations",
    response={200: Page[ConversationOut], **answers()},
    url_name="conversations",
)
def list_conversations(request: HttpRequest, given: Query[ConversationFilters]) -> dict:
    """Those first that began last."""
    require(request, "conversations.view_conversation")
    filters = given.dict(include={"instance", "is_group", "mode"})
    rows = Conversation.objects.select_related("contact")
    return page(rows, ["id"], given, filters)


@router.get(
    "/conversations/{id}",
    response={200: ConversationOut, **answers(404)},
    url_name="conversation",
)
def get_conversation(request: HttpRequest, id: Key) -> Conversation:
    require(request, "conversations.view_conversation")
    return _conversation(id)


@router.patch("/conversations/{id}", response={200: ConversationOut, **answers(404)})
def change_conversation(
    request: HttpRequest, id: Key, change: ConversationChange
) -> Conversation:
    """Change the fields that are given, and no others."""
    require(request, "conversations.change_conversation")
    conversation = _conversation(id)
    fields = change.dict(exclude_unset=True)
    data = model_to_dict(conversation, ConversationForm.Meta.fields) | fields
    form = ConversationForm(data, instance=conversation)
    if not form.is_valid():
        raise Invalid(form)
    conversation.save(update_fields=list(fields))
    _log(request, conversation, ", ".join(fields))
    return conversation


@router.post(
    "/conversations/{id}/pause", response={200: ConversationOut, **answers(404)}
)
def pause(request: HttpRequest, id: Key, given: Pause) -> Conversation:
    """The agent is silent here until then."""
    require(request, "conversations.steer_conversation")
    conversation = _conversation(id)
    if given.until and given.until <= timezone.now():
        raise HttpError(422, "This moment has passed.")
    steering.pause(conversation, given.until or FOREVER)
    return _conversation(id)


@router.post(
    "/conversations/{id}/resume", response={200: ConversationOut, **answers(404)}
)
def resume(request: HttpRequest, id: Key) -> Conversation:
    """End a pause and a take-over: the agent may speak again."""
    require(request, "conversations.steer_conversation")
    steering.resume(_conversation(id))
    return _conversation(id)


@router.get(
    "/conversations/{id}/messages",
    response={200: Page[MessageOut], **answers(404)},
    url_name="conversation_messages",
)
def list_conversation_messages(
    request: HttpRequest, id: Key, given: Query[MessageFilters]
) -> dict:
    """Newest first, by WhatsApp's clock."""
    require(request, "conversations.view_message")
    rows = _messages().filter(conversation=_conversation(id))
    return page(rows, ["sent_at", "id"], given, _filters(given))


@router.post(
    "/conversations/{id}/messages",
    response={202: list[MessageOut], **answers(404, 409, 429)},
    throttle=[sending],
)
def send_by_hand(request: HttpRequest, id: Key, reply: Reply) -> Status:
    """Queue a text, as one or more messages; the agent stands back, as for any person."""
    require(request, "conversations.steer_conversation")
    queued = steering.reply(_conversation(id), reply.text, request.auth.user)
    return Status(202, queued)


@router.post(
    "/conversations/{id}/files",
    response={202: MessageOut, **answers(404, 409, 429)},
    throttle=[sending],
)
def send_file_by_hand(
    request: HttpRequest,
    id: Key,
    file: File[UploadedFile],
    caption: Caption = Form(""),  # noqa: B008 (a default of Ninja's)
) -> Status:
    """Queue a picture or another file, up to the size that the settings allow."""
    require(request, "conversations.steer_conversation")
    queued = steering.send_file(
        _conversation(id), uploaded(file), caption, request.auth.user
    )
    return Status(202, queued)


@router.get(
    "/messages", response={200: Page[MessageOut], **answers()}, tags=["messages"]
)
def list_messages(request: HttpRequest, given: Query[AllMessageFilters]) -> dict:
    """Of all conversations, those first that were stored last."""
    require(request, "conversations.view_message")
    return page(_messages(), ["id"], given, _filters(given), given.after)


@router.get(
    "/messages/{id}",
    response={200: MessageOut, **answers(404)},
    tags=["messages"],
    url_name="message",
)
def get_message(request: HttpRequest, id: Key) -> Message:
    require(request, "conversations.view_message")
    return get_object_or_404(_messages(), pk=id)


@router.patch(
    "/messages/{id}",
    response={202: MessageOut, **answers(404, 409, 429)},
    throttle=[sending],
    tags=["messages"],
)
def edit_message(request: HttpRequest, id: Key, reply: Reply) -> Status:
    """Have a text that was sent from here edited for everybody, within 15 minutes."""
    message = _to_change(request, id)
    steering.edit(message, reply.text, request.auth.user)
    return Status(202, message)


@router.delete(
    "/messages/{id}",
    response={202: MessageOut, **answers(404, 409, 429)},
    throttle=[sending],
    tags=["messages"],
)
def delete_message(request: HttpRequest, id: Key) -> Status:
    """Have a message that was sent from here deleted for everybody, within 60 hours."""
    message = _to_change(request, id)
    steering.delete(message, request.auth.user)
    return Status(202, message)


def _to_change(request: HttpRequest, id: int) -> Message:
    require(request, "conversations.steer_conversation")
    message = get_object_or_404(_messages(), pk=id)
    _log(request, message.conversation, f"{request.method} message {id}")
    return message


def _conversation(id: int) -> Conversation:
    return get_object_or_404(Conversation.objects.select_related("contact"), pk=id)


def _messages() -> QuerySet[Message]:
    return Message.objects.select_related("sender")


def _filters(given: MessageFilters) -> dict:
    return given.dict(include={"direction", "outcome", "status"})


def _log(request: HttpRequest, row: Conversation, what: str) -> None:
    LogEntry.objects.log_actions(
        request.auth.user.pk, [row], CHANGE, f"API: {what}", single_object=True
    )
