"""Decisions: what the agent judged and wrote, and why."""

from datetime import datetime
from decimal import Decimal
from typing import Literal

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from ninja import Query, Router, Schema
from pydantic import Field

from llm.admin_decisions import export
from llm.api_pages import Page, Paging, page
from llm.api_problems import Key, answers, require
from llm.api_times import Moment
from llm.models import Decision

router = Router(tags=["decisions"])

FILES = {
    kind: {"schema": {"type": "string"}} for kind in ("text/csv", "application/jsonl")
}


class DecisionOut(Schema):
    id: int
    conversation_id: int
    step: str
    source: str
    outcome: str
    p: float | None
    threshold: float | None
    kind: str
    why: str
    provider: str
    model: str
    prompt_version: str
    tokens_in: int | None
    tokens_cached: int | None
    tokens_out: int | None
    cost: Decimal | None
    latency_ms: int | None
    attempts: int
    error: str
    created_at: datetime


class WholeDecision(DecisionOut):
    messages: list[int] = Field(description="The messages judged.")
    input: str | None = Field(
        description="The prompt; null without the permission llm.view_prompt."
    )
    output: str | None = Field(
        description="The raw answer; null without the permission llm.view_prompt."
    )

    @staticmethod
    def resolve_messages(decision: Decision) -> list[int]:
        return list(decision.messages.order_by("pk").values_list("pk", flat=True))

    @staticmethod
    def resolve_input(decision: Decision, context: dict) -> str | None:
        return decision.input if _sees_prompts(context["request"]) else None

    @staticmethod
    def resolve_output(decision: Decision, context: dict) -> str | None:
        return decision.output if _sees_prompts(context["request"]) else None


class DecisionFilters(Paging):
    conversation: Key | None = None
    message: Key | None = Field(None, description="One of the messages judged.")
    after: Key | None = Field(None, description="Only those newer than this one.")
    step: Literal["relevance", "response"] | None = None
    source: Literal["rule", "model"] | None = None
    outcome: Literal["reply", "silent", "written", "failed", "overtaken"] | None = None


@router.get(
    "/decisions", response={200: Page[DecisionOut], **answers()}, url_name="decisions"
)
def list_decisions(request: HttpRequest, given: Query[DecisionFilters]) -> dict:
    """Newest first."""
    require(request, "llm.view_decision")
    filters = given.dict(include={"step", "source", "outcome"})
    return page(_found(given), ["id"], given, filters, given.after)


class ExportFilters(Schema):
    conversation: Key | None = None
    since: Moment | None = None
    format: Literal["csv", "jsonl"] = "csv"
    prompts: bool = Field(False, description="Needs the permission llm.view_prompt.")


@router.get(
    "/decisions/export",
    response={200: None, **answers()},
    url_name="decision_export",
    openapi_extra={"responses": {200: {"content": FILES}}},
)
def export_decisions(request: HttpRequest, given: Query[ExportFilters]) -> HttpResponse:
    """All decisions with their labels, as CSV or JSON lines, newest first."""
    require(request, "llm.view_decision")
    require(request, "llm.view_label")
    if given.prompts:
        require(request, "llm.view_prompt")
    rows = Decision.objects.order_by("-pk")
    if given.conversation:
        rows = rows.filter(conversation=given.conversation)
    if given.since:
        rows = rows.filter(created_at__gte=given.since)
    return export(rows, given.prompts, given.format)


@router.get(
    "/decisions/{id}",
    response={200: WholeDecision, **answers(404)},
    url_name="decision",
)
def get_decision(request: HttpRequest, id: Key) -> Decision:
    require(request, "llm.view_decision")
    return get_object_or_404(Decision, pk=id)


def _found(given: DecisionFilters) -> QuerySet[Decision]:
    """What an index finds."""
    rows = Decision.objects.defer("input", "output")
    if given.conversation:
        rows = rows.filter(conversation=given.conversation)
    if given.message:
        rows = rows.filter(messages=given.message)
    return rows


def _sees_prompts(request: HttpRequest) -> bool:
    return request.auth.may("llm.view_prompt")
