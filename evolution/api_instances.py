"""The linked numbers: their state, their QR code, and what Evolution can do with them."""

from datetime import datetime
from typing import Annotated, Literal

from django.contrib.admin.models import ADDITION, CHANGE, LogEntry
from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from ninja import Router, Schema, Status
from ninja.errors import HttpError
from pydantic import Field, StringConstraints

from evolution.admin.bridge import ACTIONS, InstanceForm, carry_out
from evolution.admin.link import LinkView
from evolution.models import Instance
from llm.api_problems import Invalid, Key, PerMinute, answers, require

router = Router(tags=["instances"])
asking = PerMinute("bridge", 20)
polling = PerMinute("qr", 60)

SVG = {"image/svg+xml": {"schema": {"type": "string"}}}
Number = Annotated[
    str, StringConstraints(pattern=r"^([0-9]{7,15})?$"), Field(description="Digits.")
]


class InstanceOut(Schema):
    id: int
    name: str
    state: str = Field(description="As the last webhook told; empty: unknown.")
    state_reason: str
    state_at: datetime | None
    phone_jid: str
    lid: str
    profile_name: str
    webhook_at: datetime | None


class NewInstance(Schema, extra="forbid"):
    name: str = Field(max_length=100)


class LinkOut(Schema):
    state: str
    qr_code: str = Field(description="The text to draw; empty while there is none.")
    pairing_code: str
    seconds_left: int | None


class ActionIn(Schema, extra="forbid"):
    number: Number = ""


class Done(Schema):
    done: str
    problems: list[str]
    instance: InstanceOut


@router.get(
    "/instances",
    response={200: list[InstanceOut], **answers()},
    url_name="instances",
)
def list_instances(request: HttpRequest) -> list[Instance]:
    require(request, "evolution.view_instance")
    return list(Instance.objects.order_by("name"))


@router.post("/instances", response={201: InstanceOut, **answers(409)})
def add_instance(request: HttpRequest, given: NewInstance) -> Status:
    """Know it here; the action `create` makes it in Evolution API."""
    require(request, "evolution.add_instance")
    if Instance.objects.filter(name=given.name.strip()).exists():
        raise HttpError(409, "There is an instance of this name.")
    form = InstanceForm(given.dict())
    if not form.is_valid():
        raise Invalid(form)
    try:
        with transaction.atomic():
            row = form.save()
    except IntegrityError as error:
        raise HttpError(409, "There is an instance of this name.") from error
    _log(request, row, ADDITION, "API")
    return Status(201, row)


@router.get(
    "/instances/{id}",
    response={200: InstanceOut, **answers(404)},
    url_name="instance",
)
def get_instance(request: HttpRequest, id: Key) -> Instance:
    """Its state as webhooks told it; the action `refresh` asks Evolution API."""
    require(request, "evolution.view_instance")
    return get_object_or_404(Instance, pk=id)


@router.get(
    "/instances/{id}/qr",
    response={200: LinkOut, **answers(404, 429)},
    throttle=[polling],
    url_name="instance_qr",
)
def get_qr(request: HttpRequest, id: Key) -> dict:
    """The codes that link a phone, after the action `connect`."""
    require(request, "evolution.change_instance")
    row = get_object_or_404(Instance, pk=id)
    link = LinkView(row, can_link=True)
    return {
        "state": row.state,
        "qr_code": row.qr_code if link.shows_codes else "",
        "pairing_code": row.pairing_code if link.shows_codes else "",
        "seconds_left": link.seconds_left,
    }


@router.get(
    "/instances/{id}/qr.svg",
    response={200: None, **answers(404, 429)},
    throttle=[polling],
    url_name="instance_qr_svg",
    openapi_extra={"responses": {200: {"content": SVG}}},
)
def draw_qr(request: HttpRequest, id: Key) -> HttpResponse:
    """The QR code as a picture; 404 while there is none."""
    require(request, "evolution.change_instance")
    link = LinkView(get_object_or_404(Instance, pk=id), can_link=True)
    if not link.qr:
        raise HttpError(404, "There is no QR code now.")
    headers = {"Cache-Control": "no-store"}
    return HttpResponse(link.qr, headers=headers, content_type="image/svg+xml")


@router.post(
    "/instances/{id}/{action}",
    response={200: Done, **answers(404, 429, 502)},
    throttle=[asking],
    url_name="instance_action",
)
def act(
    request: HttpRequest,
    id: Key,
    action: Literal[*ACTIONS],
    given: ActionIn = ActionIn(),  # noqa: B008
) -> dict:
    """What the buttons of its page do. `logout` and `delete` unlink the phone at once."""
    require(request, "evolution.change_instance")
    row = get_object_or_404(Instance, pk=id)
    done, problems = carry_out(action, row.name, given.number)
    _log(request, row, CHANGE, f"API: {action}")
    row.refresh_from_db()
    return {"done": done, "problems": problems, "instance": row}


def _log(request: HttpRequest, row: Instance, flag: int, what: str) -> None:
    LogEntry.objects.log_actions(
        request.auth.user.pk, [row], flag, what, single_object=True
    )
