"""Labels: what people say of decisions."""

from datetime import datetime
from typing import Literal

from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from django.utils import timezone
from ninja import Query, Router, Schema, Status
from pydantic import Field

from llm.api_pages import Page, Paging, page
from llm.api_problems import Key, answers, require
from llm.models import Decision, Label

router = Router(tags=["labels"])

Verdict = Literal["wanted", "unwanted", "reaction", "unsure"]


class LabelOut(Schema):
    id: int
    decision_id: int
    rater: str | None = Field(description="A user name; null when the user is gone.")
    verdict: str
    origin: str
    inclusion: float | None = Field(
        description="Probability with which the queue offered the decision."
    )
    created_at: datetime

    @staticmethod
    def resolve_rater(label: Label) -> str | None:
        return str(label.rater) if label.rater else None


class LabelIn(Schema):
    decision: Key
    verdict: Verdict


class LabelFilters(Paging):
    decision: Key | None = None
    after: Key | None = Field(None, description="Only those newer than this one.")
    mine: bool = Field(False, description="Only those of the caller.")
    verdict: Verdict | None = None
    origin: Literal["queue", "correction", "flip"] | None = None


@router.get("/labels", response={200: Page[LabelOut], **answers()}, url_name="labels")
def list_labels(request: HttpRequest, given: Query[LabelFilters]) -> dict:
    """Newest first."""
    require(request, "llm.view_label")
    rows = Label.objects.select_related("rater")
    if given.decision:
        rows = rows.filter(decision=given.decision)
    if given.mine:
        rows = rows.filter(rater=request.auth.user)
    filters = given.dict(include={"verdict", "origin"})
    return page(rows, ["id"], given, filters, given.after)


@router.post("/labels", response={201: LabelOut, **answers(404)})
def give_label(request: HttpRequest, given: LabelIn) -> Status:
    """Say of a decision whether a reply was wanted; once more changes it.

    It is a correction, a case to look at. Estimates count only the labels of the queue,
    whose decisions are drawn by chance.
    """
    require(request, "llm.add_label")
    label, _ = Label.objects.update_or_create(
        decision=get_object_or_404(Decision, pk=given.decision),
        rater=request.auth.user,
        origin=Label.Origin.CORRECTION,
        defaults={"verdict": given.verdict, "created_at": timezone.now()},
    )
    return Status(201, label)


@router.delete("/labels/{id}", response={204: None, **answers(404)}, url_name="label")
def take_back(request: HttpRequest, id: Key) -> Status:
    """Take back a label of the caller's own."""
    require(request, "llm.add_label")
    get_object_or_404(Label, pk=id, rater=request.auth.user).delete()
    return Status(204, None)
