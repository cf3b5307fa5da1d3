"""What the API says of itself, tried against it through the WSGI application."""

from collections.abc import Callable

import pytest
import schemathesis
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from hypothesis import HealthCheck, given, settings

from evolution.auth import HEADER
from tests.fuzz.effort import examples
from whatsapp_agent.api import api
from whatsapp_agent.auth import api_tokens
from whatsapp_agent.wsgi import application


@pytest.fixture
def one_connection(db):
    """As with Django's own test client: a request leaves the test's connection open."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@pytest.mark.parametrize(
    "headers", [{}, {HEADER: "webhook-secret"}], ids=["a stranger", "Evolution"]
)
@pytest.mark.usefixtures("one_connection", "_nothing_remembered")
def test_every_answer_is_one_that_is_described(headers):
    for operation in operations():
        _try(operation, lambda case: case.call_and_validate(headers=headers))


@pytest.mark.usefixtures("one_connection", "_nothing_remembered", "roles")
def test_whoever_may_do_everything_meets_no_mistake_of_ours(admin_user):
    token = api_tokens.make("fuzz", admin_user, "admin", expires_at=None)[1]
    headers = {"Authorization": f"Bearer {token}"}
    for operation in operations():
        _try(operation, lambda case: _call(case, headers))


def operations() -> list:
    described = schemathesis.openapi.from_dict(api.get_openapi_schema())
    described.app = application
    return [operation.ok() for operation in described.get_all_operations()]


def _call(case, headers: dict) -> None:
    answer = case.call(headers=headers)
    assert answer.status_code < 500 or answer.status_code in (502, 503)  # the bridge's


def _try(operation, check: Callable) -> None:
    @settings(max_examples=examples(15), suppress_health_check=list(HealthCheck))
    @given(case=operation.as_strategy())
    def try_one(case):
        check(case)

    try_one()
