"""Who may call what: each operation of the API, by each kind of caller."""

import json

import pytest
from django.core.cache import cache

from conversations.models import Conversation, KnowledgeText, Message
from evolution.models import Instance
from llm.models import Decision, Label
from tests.factories import make_outbound
from tests.whatsapp_agent import callers
from tests.whatsapp_agent.callers import ROLES, Api, make_staff
from tests.whatsapp_agent.everything import make_everything
from whatsapp_agent import settings as project
from whatsapp_agent.api import api

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("roles")]

VIEWER, OPERATOR, ADMIN = 1, 2, 3
# Sent as a form.
FILE = {"file": "a.txt"}
# The least role, and what is sent.
OPERATIONS = {
    "GET conversations": (VIEWER, None),
    "GET conversations/{conversation}": (VIEWER, None),
    "PATCH conversations/{conversation}": (ADMIN, {"mode": "shadow"}),
    "POST conversations/{conversation}/pause": (OPERATOR, {}),
    "POST conversations/{conversation}/resume": (OPERATOR, None),
    "GET conversations/{conversation}/messages": (VIEWER, None),
    "POST conversations/{conversation}/messages": (OPERATOR, {"text": "By hand"}),
    "POST conversations/{conversation}/files": (OPERATOR, FILE),
    "GET messages": (VIEWER, None),
    "GET messages/{message}": (VIEWER, None),
    "PATCH messages/{sent}": (OPERATOR, {"text": "Edited"}),
    "DELETE messages/{sent}": (OPERATOR, None),
    "GET decisions": (VIEWER, None),
    "GET decisions/{decision}": (VIEWER, None),
    "GET decisions/export": (VIEWER, None),
    "GET labels": (VIEWER, None),
    "POST labels": (OPERATOR, {"decision": "{decision}", "verdict": "wanted"}),
    "DELETE labels/{label}": (OPERATOR, None),
    "GET settings": (VIEWER, None),
    "PATCH settings": (ADMIN, {"threshold": 0.7}),
    "GET settings/instances/whatsapp-agent": (VIEWER, None),
    "PATCH settings/instances/whatsapp-agent": (ADMIN, {"threshold": 0.7}),
    "GET knowledge": (VIEWER, None),
    "POST knowledge": (ADMIN, {"title": "Pool", "body": "It is warm."}),
    "GET knowledge/search?question=warm": (VIEWER, None),
    "GET knowledge/{text}": (VIEWER, None),
    "PUT knowledge/{text}": (ADMIN, {"title": "Pool", "body": "It is warm."}),
    "DELETE knowledge/{text}": (ADMIN, None),
    "GET knowledge/{text}/versions": (VIEWER, None),
    "POST knowledge/{text}/versions/1/restore": (ADMIN, None),
    "GET instances": (VIEWER, None),
    "POST instances": (ADMIN, {"name": "another"}),
    "GET instances/{instance}": (VIEWER, None),
    "GET instances/{instance}/qr": (ADMIN, None),
    "GET instances/{instance}/qr.svg": (ADMIN, None),
    "POST instances/{instance}/refresh": (ADMIN, {}),
}
ALLOWED = {200, 201, 202, 204}
# Each may, but only their own.
OF_OTHERS = {"DELETE labels/{label}"}


@pytest.fixture(autouse=True)
def _nothing_counted():
    cache.clear()


@pytest.fixture(autouse=True)
def _bridge(monkeypatch):
    monkeypatch.setattr(
        "evolution.api_instances.carry_out", lambda *given: ("It is done.", [])
    )


@pytest.fixture
def everything(roles) -> dict[str, int]:
    make_everything()
    row = Instance.objects.get(name="whatsapp-agent")
    Instance.objects.filter(pk=row.pk).update(
        state="connecting", qr_code="2@abc", pairing_code="", state_at=None
    )
    sent = make_outbound(
        Conversation.objects.earliest("pk"), status="sent", whatsapp_id="SENT"
    )
    return {
        "sent": sent.pk,
        "conversation": Conversation.objects.earliest("pk").pk,
        "message": Message.objects.earliest("pk").pk,
        "decision": Decision.objects.earliest("pk").pk,
        "label": Label.objects.earliest("pk").pk,
        "instance": row.pk,
        "text": KnowledgeText.objects.get().pk,
    }


@pytest.fixture(
    params=[
        "anonymous",
        "session without a role",
        *(
            f"{kind} {role}"
            for kind in ("session", "API token", "access token", "machine")
            for role in ROLES
        ),
    ]
)
def caller(request, everything, provider, settings) -> tuple[Api, int, bool]:
    """Who calls, as what, and whether we know who it is."""
    settings.OIDC_API_CLIENTS = [callers.APP]
    kind, _, role = request.param.rpartition(" ")
    if request.param == "anonymous":
        return Api(), 0, False
    if kind == "session without a":
        return callers.by_session(make_staff()), 0, True
    made = {
        "session": lambda: callers.by_session(make_staff(role)),
        "API token": lambda: callers.by_token(make_staff("admin"), role),
        "access token": lambda: callers.by_access_token(provider, role),
        "machine": lambda: callers.by_machine(provider, role),
    }
    return made[kind](), ROLES.index(role) + 1, True


@pytest.mark.parametrize("operation", OPERATIONS)
def test_is_for_those_who_may(caller, everything, operation):
    call, role, is_known = caller
    least, body = OPERATIONS[operation]
    method, path = operation.split()

    sent = None if body is None else json.dumps(body)
    if sent:
        sent = sent.replace("{decision}", str(everything["decision"]))

    if body is FILE:
        response = call.upload(path.format(**everything), "a.txt", b"Hello")
    else:
        response = call(method, path.format(**everything), sent)

    if not is_known:
        assert response.status_code == 401
    elif role < least:
        assert response.status_code == 403
        assert "permission" in response.json()["detail"]
    elif operation in OF_OTHERS:
        assert response.status_code == 404
    else:
        assert response.status_code in ALLOWED, response.content


def test_every_operation_is_in_the_table():
    names = {
        "{name}": "whatsapp-agent",
        "{id}": "*",
        "{action}": "refresh",
        "{number}": "1",
    }
    found = set()
    for path, methods in api.get_openapi_schema()["paths"].items():
        for name, other in names.items():
            path = path.replace(name, other)
        found |= {f"{method.upper()} {path}" for method in methods}

    table = {
        name.partition("?")[0]
        .replace("knowledge/{text}", "knowledge/*")
        .replace("messages/{sent}", "messages/*")
        .replace("{", "")
        .replace("}", "")
        for name in OPERATIONS
    }  # conversations/conversation -> conversations/*
    for word in ("conversation", "message", "decision", "label", "instance"):
        table = {name.replace(f"s/{word}/", "s/*/") for name in table}
        table = {
            f"{name.removesuffix(f's/{word}')}s/*"
            if name.endswith(f"s/{word}")
            else name
            for name in table
        }
    assert found == {
        "POST /api/webhook/evolution",
        *(name.replace(" ", " /api/") for name in table),
    }


def test_superusers_may_all(everything):
    user = make_staff(is_superuser=True)

    assert callers.by_session(user)("GET", "settings").status_code == 200


def test_who_is_not_staff_is_refused(everything):
    user = make_staff("admin")
    user.is_staff = False
    user.save()

    assert callers.by_session(user)("GET", "conversations").status_code == 403


def test_prompts_are_for_those_who_may_read_them(everything):
    path = f"decisions/{everything['decision']}"

    assert callers.by_session(make_staff("viewer"))("GET", path).json()["input"] is None
    found = callers.by_session(make_staff("operator"))("GET", path).json()
    assert (found["input"], found["output"]) == ("Hello", "Hello")


def test_no_answer_holds_a_secret(everything, settings):
    api = callers.by_session(make_staff("admin"))
    answers = [
        api("GET", name.split()[1].format(**everything)).getvalue().decode()
        for name in OPERATIONS
        if name.startswith("GET")
    ]

    for secret in (
        *settings.WEBHOOK_SECRETS,
        settings.EVOLUTION_API_KEY,
        project.SECRET_KEY,
    ):
        assert not any(secret in answer for answer in answers)
