import json
import logging
import sys

import pytest

from conversations.logs import About, about
from whatsapp_agent import logs
from whatsapp_agent.logs import JSONFormatter, TextFormatter, ToldElsewhere


def record(event: str, *values: object, **fields: object) -> logging.LogRecord:
    made = logging.LogRecord("a.b", logging.INFO, "", 1, event, values, None)
    made.__dict__.update(fields)
    About().filter(made)
    return made


def test_a_line_tells_what_it_is_about():
    with about(conversation=3, message="5,6"), about(reply=7, decision=None):
        made = record("Sent")

    assert (
        TextFormatter()
        .format(made)
        .endswith("INFO a.b Sent [conversation=3 message=5,6 reply=7]")
    )
    line = json.loads(JSONFormatter().format(made))
    assert line.pop("time").endswith("Z")
    assert line == {
        "level": "INFO",
        "logger": "a.b",
        "event": "Sent",
        "conversation": 3,
        "message": "5,6",
        "reply": 7,
    }


def test_it_is_about_nothing_any_more_afterwards():
    with about(message=5):
        pass

    assert TextFormatter().format(record("Started")).endswith("a.b Started")


@pytest.mark.parametrize("formatter", [TextFormatter, JSONFormatter])
def test_strangers_cannot_forge_a_line(formatter):
    with about(whatsapp_id="A\n2026 ERROR"):
        line = formatter().format(
            record("From %s", "Ana\n2026-01-01 ERROR \u2028x\x1b[2J")
        )

    assert len(line.splitlines()) == 1
    assert "\x1b" not in line


@pytest.mark.parametrize("formatter", [TextFormatter, JSONFormatter])
def test_a_secret_is_hidden_wherever_it_stands(formatter, settings):
    settings.METRICS_TOKEN = "token/of the monitoring"
    try:
        raise ValueError(f"key {settings.EVOLUTION_API_KEY}")
    except ValueError:
        made = record("%s", f"x?t=token%2Fof%20the%20monitoring {settings.SECRET_KEY}")
        made.exc_info = sys.exc_info()

    line = formatter().format(made)

    assert line.count(logs.HIDDEN) == 3
    assert not [secret for secret in logs.secrets() if secret in line]
    assert "ValueError" in line


@pytest.mark.parametrize(
    ("path", "status", "is_logged"),
    [
        ("/api/webhook/evolution", 401, False),
        ("/api/webhook/evolution", 429, False),
        ("/api/webhook/evolution", 500, True),
        ("/readyz", 503, False),
        ("/admin/", 404, True),
    ],
)
def test_what_strangers_and_probes_cause_is_not_logged_each_time(
    rf, path: str, status: int, is_logged: bool
):
    made = record("Refused", request=rf.get(path), status_code=status)

    assert ToldElsewhere().filter(made) is is_logged
