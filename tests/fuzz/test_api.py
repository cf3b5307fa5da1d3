"""What the API says of itself, tried against it through the WSGI application."""

import pytest
import schemathesis
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from hypothesis import HealthCheck, given, settings

from evolution.auth import HEADER
from tests.fuzz.effort import examples
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
    described = schemathesis.openapi.from_wsgi("/api/openapi.json", application)
    for operation in described.get_all_operations():
        _try(operation.ok(), headers)


def _try(operation, headers: dict) -> None:
    @settings(max_examples=examples(15), suppress_health_check=list(HealthCheck))
    @given(case=operation.as_strategy())
    def try_one(case):
        case.call_and_validate(headers=headers)

    try_one()
