"""What an installation that faces the internet relies on."""

import re
import secrets
import subprocess
import sys
from pathlib import Path

import pytest

from tests.standins.agent import ROOT

# Whoever opens connections is here, with the settings that its addresses come from.
# Nobody asks an address that a person or a message named.
CALLERS = {
    "evolution/client.py": "EVOLUTION_URL",
    "evolution/errors.py": "",  # their exceptions only
    "evolution/sandbox/phone.py": "",
    "evolution/sandbox/webhooks.py": "",  # the sandbox stands in for Evolution
    "evolution/transport.py": "EVOLUTION_URL",
    "llm/providers/transport.py": "LLM_PROVIDERS",
    "whatsapp_agent/auth/backends.py": "OIDC_*",
    "whatsapp_agent/auth/keys.py": "OIDC_*",
    "whatsapp_agent/auth/provider.py": "OIDC_*",
    "whatsapp_agent/operations/outside.py": "SITE_URL, WEBHOOK_URL",
    "whatsapp_agent/wire.py": "as both transports",
}
CONNECTS = re.compile(
    r"^(?:import|from) (?:requests|urllib\.request|http\.client|httpx|urllib3|aiohttp)\b",
    re.MULTILINE,
)


@pytest.mark.slow
def test_nothing_is_said_against_a_deployment():
    environment = {
        "SECRET_KEY": secrets.token_urlsafe(50),
        "WEBHOOK_SECRET": secrets.token_urlsafe(32),
        "SITE_URL": "https://agent.example.org",
        "BEHIND_PROXY": "1",
        "EVOLUTION_URL": "http://127.0.0.1:9209",
        "EVOLUTION_API_KEY": "key",
        "DATABASE_URL": "sqlite://",
    }
    command = [sys.executable, "manage.py", "check", "--deploy", "--fail-level=DEBUG"]
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr


def test_only_known_modules_open_connections():
    ours = ["conversations", "evolution", "llm", "whatsapp_agent"]
    callers = {
        str(path.relative_to(ROOT))
        for app in ours
        for path in Path(ROOT, app).rglob("*.py")
        if CONNECTS.search(path.read_text())
    }

    assert callers <= set(CALLERS)


def test_no_address_to_ask_is_stored_where_people_can_change_it():
    from django.apps import apps
    from django.db.models import URLField

    fields = [
        str(field)
        for model in apps.get_models()
        for field in model._meta.get_fields()
        if isinstance(field, URLField) or "url" in field.name.split("_")
    ]

    assert fields == []
