"""The operator's texts, with the form's own rules, their versions, and what is found."""

from datetime import datetime
from typing import Literal

from django.contrib.admin.models import ADDITION, CHANGE, DELETION, LogEntry
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from ninja import Query, Router, Schema, Status
from ninja.errors import HttpError
from pydantic import Field

from conversations.admin.knowledge_form import KnowledgeForm
from conversations.knowledge import search, texts
from conversations.models import Conversation, KnowledgeText, KnowledgeVersion
from llm.api_pages import Page, Paging, page
from llm.api_problems import Invalid, Key, answers, require

router = Router(tags=["knowledge"])

Use = Literal[*KnowledgeText.Use.values]
Name = Field(None, max_length=100, pattern=r"^[^\x00]*$")


class TextOut(Schema):
    id: int
    title: str
    use: str = Field(description="`always`: with every reply. `searched`: what fits.")
    is_on: bool
    instance: str = Field(description="Empty: in all of them.")
    conversation_id: int | None = Field(description="null: in all of them.")
    created_at: datetime
    changed_at: datetime


class VersionOut(Schema):
    number: int
    title: str
    body: str
    staff_id: int | None
    created_at: datetime
    restores: int | None = Field(description="The number of the version it restored.")

    @staticmethod
    def resolve_restores(version: KnowledgeVersion) -> int | None:
        return version.restores.number if version.restores else None


class WholeOut(TextOut):
    version: VersionOut = Field(description="What it says now.")

    @staticmethod
    def resolve_version(text: KnowledgeText) -> KnowledgeVersion:
        return text.versions.select_related("restores").latest("number")


class TextIn(Schema, extra="forbid"):
    title: str
    body: str
    use: Use = "searched"
    is_on: bool = True
    instance: str = ""
    conversation_id: Key | None = None


class TextChange(TextIn):
    version: int | None = Field(
        None, description="The version you read; 422 if there is another since."
    )


class TextFilters(Paging):
    use: Use | None = None
    is_on: bool | None = None
    instance: str | None = Name
    conversation_id: Key | None = None


class Question(Schema):
    question: str = Field(max_length=2000)
    before: str = Field("", max_length=2000, description="What was said before.")
    instance: str = Field("", max_length=100)
    conversation_id: Key | None = None


class FoundOut(Schema):
    version_id: int
    title: str
    version: int
    passage: int = Field(alias="number")
    heading: str
    text: str
    score: float
    share: float = Field(description="Of what the words of the question tell, 0 to 1.")


@router.get(
    "/knowledge", response={200: Page[TextOut], **answers()}, url_name="knowledge"
)
def list_texts(request: HttpRequest, given: Query[TextFilters]) -> dict:
    require(request, "conversations.view_knowledgetext")
    names = {"use", "is_on", "instance", "conversation_id"}
    return page(KnowledgeText.objects.all(), ["id"], given, given.dict(include=names))


@router.post("/knowledge", response={201: WholeOut, **answers()})
def add_text(request: HttpRequest, given: TextIn) -> Status:
    require(request, "conversations.add_knowledgetext")
    text = _saved(request, KnowledgeText(), given.dict())
    _log(request, text, ADDITION, "API")
    return Status(201, text)


@router.get(
    "/knowledge/search",
    response={200: list[FoundOut], **answers(404)},
    url_name="knowledge_search",
)
def search_texts(request: HttpRequest, given: Query[Question]) -> list[search.Found]:
    """The passages that fit a question, the best first. No model is asked."""
    require(request, "conversations.view_knowledgetext")
    instance = given.instance
    if given.conversation_id:
        rows = Conversation.objects.only("instance")
        instance = get_object_or_404(rows, pk=given.conversation_id).instance
    place = search.Place(instance, given.conversation_id or 0)
    return search.find(given.question, [given.before], place)


@router.get(
    "/knowledge/{id}",
    response={200: WholeOut, **answers(404)},
    url_name="knowledge_text",
)
def get_text(request: HttpRequest, id: Key) -> KnowledgeText:
    require(request, "conversations.view_knowledgetext")
    return get_object_or_404(KnowledgeText, pk=id)


@router.put("/knowledge/{id}", response={200: WholeOut, **answers(404)})
def replace_text(request: HttpRequest, id: Key, given: TextChange) -> KnowledgeText:
    """A new version, if it says something else than before."""
    require(request, "conversations.change_knowledgetext")
    values = given.dict()
    values["seen"] = values.pop("version")
    text = _saved(request, get_object_or_404(KnowledgeText, pk=id), values)
    _log(request, text, CHANGE, "API")
    return text


@router.delete("/knowledge/{id}", response={204: None, **answers(404)})
def delete_text(request: HttpRequest, id: Key) -> Status:
    """With all its versions. To keep them, set `is_on` to false."""
    require(request, "conversations.delete_knowledgetext")
    text = get_object_or_404(KnowledgeText, pk=id)
    _log(request, text, DELETION, "API")
    text.delete()
    return Status(204, None)


@router.get(
    "/knowledge/{id}/versions",
    response={200: Page[VersionOut], **answers(404)},
    url_name="knowledge_versions",
)
def list_versions(request: HttpRequest, id: Key, given: Query[Paging]) -> dict:
    """The latest first."""
    require(request, "conversations.view_knowledgetext")
    return page(_versions(id), ["number"], given, {})


@router.post(
    "/knowledge/{id}/versions/{number}/restore",
    response={200: WholeOut, **answers(404)},
)
def restore_version(request: HttpRequest, id: Key, number: Key) -> KnowledgeText:
    """Let the text say again what it said then, as a new version."""
    require(request, "conversations.change_knowledgetext")
    version = get_object_or_404(_versions(id), number=number)
    try:
        texts.restore(version, request.auth.user)
    except ValidationError as error:
        raise HttpError(422, " ".join(error.messages)) from error
    _log(request, version.text, CHANGE, f"API: version {number} restored")
    return version.text


def _versions(id: int) -> QuerySet[KnowledgeVersion]:
    text = get_object_or_404(KnowledgeText, pk=id)
    return text.versions.select_related("text", "restores")


@transaction.atomic
def _saved(request: HttpRequest, text: KnowledgeText, values: dict) -> KnowledgeText:
    data = values | {"conversation": values.pop("conversation_id")}
    form = KnowledgeForm(data, {}, instance=text)
    if not form.is_valid():
        raise Invalid(form)
    texts.save(form.instance, form.cleaned_data["body"], request.auth.user)
    return form.instance


def _log(request: HttpRequest, row: KnowledgeText, flag: int, what: str) -> None:
    LogEntry.objects.log_actions(
        request.auth.user.pk, [row], flag, what, single_object=True
    )
