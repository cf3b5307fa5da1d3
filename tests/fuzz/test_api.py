"""What the API says of itself, tried against it through the WSGI application."""

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings

from evolution.auth import HEADER
from tests.fuzz.effort import examples
from whatsapp_agent.wsgi import application


@pytest.mark.parametrize(
    "headers", [{}, {HEADER: "webhook-secret"}], ids=["a stranger", "Evolution"]
)
def test_every_answer_is_one_that_is_described(db, _nothing_remembered, headers):
    described = schemathesis.openapi.from_wsgi("/api/openapi.json", application)
    for operation in described.get_all_operations():
        _try(operation.ok(), headers)


def _try(operation, headers: dict) -> None:
    @settings(max_examples=examples(15), suppress_health_check=list(HealthCheck))
    @given(case=operation.as_strategy())
    def try_one(case):
        case.call_and_validate(headers=headers)

    try_one()
