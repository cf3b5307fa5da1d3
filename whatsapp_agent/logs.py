"""Log lines as text or as JSON, with the ids that they are about and without secrets."""

import json
import logging
import re
from abc import ABC, abstractmethod
from datetime import UTC, datetime
from functools import cached_property
from urllib.parse import quote, urlsplit

from django.conf import settings

from whatsapp_agent import env

HIDDEN = "[secret]"
# Shorter ones are words that may well be meant.
SHORTEST = 8
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def secrets() -> set[str]:
    """Every configured secret, also as it stands in addresses."""
    connections = settings.LLM_PROVIDERS.values()
    found = {
        settings.SECRET_KEY,
        *settings.WEBHOOK_SECRETS,
        settings.EVOLUTION_API_KEY,
        *(connection.get("api_key", "") for connection in connections),
        settings.OIDC_RP_CLIENT_SECRET,
        settings.EMAIL_HOST_PASSWORD,
        settings.METRICS_TOKEN,
        settings.DATABASES["default"].get("PASSWORD") or "",
        urlsplit(settings.REDIS_URL).password or "",
        env.string("ADMIN_PASSWORD"),
    }
    found |= {quote(secret, safe="") for secret in found}
    return {secret for secret in found if len(secret) >= SHORTEST}


class ToldElsewhere(logging.Filter):
    """Strangers and probes must not fill the log.

    Refused webhooks are logged once a second, and a probe gets its answer.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        path = getattr(getattr(record, "request", None), "path", "")
        status = getattr(record, "status_code", 0)
        is_refusal = status in (401, 429) and path.startswith("/api/webhook/")
        return not is_refusal and path not in ("/readyz", "/metrics")


class SafeFormatter(ABC, logging.Formatter):
    """Nothing is to log a secret; should something do so after all, it is hidden."""

    @cached_property
    def _secret(self) -> re.Pattern:
        longest_first = sorted(secrets(), key=len, reverse=True)
        return re.compile("|".join(map(re.escape, longest_first)) or "(?!)")

    def format(self, record: logging.LogRecord) -> str:
        return self._secret.sub(HIDDEN, self._line(record))

    @abstractmethod
    def _line(self, record: logging.LogRecord) -> str: ...

    def _event(self, record: logging.LogRecord) -> str:
        """What strangers wrote must not look like a line of its own."""
        return CONTROL.sub(lambda found: repr(found[0])[1:-1], record.getMessage())

    def _traceback(self, record: logging.LogRecord) -> str:
        return self.formatException(record.exc_info) if record.exc_info else ""


class TextFormatter(SafeFormatter):
    def _line(self, record: logging.LogRecord) -> str:
        ids = " ".join(f"{name}={id_}" for name, id_ in _about(record).items())
        parts = [_time(record), record.levelname, record.name, self._event(record)]
        line = " ".join([*parts, f"[{CONTROL.sub('', ids)}]"] if ids else parts)
        return "\n".join(filter(None, [line, self._traceback(record)]))


class JSONFormatter(SafeFormatter):
    def _line(self, record: logging.LogRecord) -> str:
        line = {
            "time": _time(record),
            "level": record.levelname,
            "logger": record.name,
            "event": self._event(record),
            **_about(record),
        }
        if traceback := self._traceback(record):
            line["traceback"] = traceback
        return json.dumps(line, ensure_ascii=False, default=str)


def _about(record: logging.LogRecord) -> dict[str, int | str]:
    return getattr(record, "about", {})


def _time(record: logging.LogRecord) -> str:
    moment = datetime.fromtimestamp(record.created, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
