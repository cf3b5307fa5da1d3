"""Configuration from the environment; secrets from files before variables."""

import json
import math
import os
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured


def string(name: str, default: str = "") -> str:
    return os.environ.get(name, "").strip() or default


def boolean(name: str, default: bool = False) -> bool:
    value = string(name, str(default)).lower()
    if value not in {"1", "true", "yes", "on", "0", "false", "no", "off"}:
        raise ImproperlyConfigured(f"{name} must be 1 or 0, not {value!r}.")
    return value in {"1", "true", "yes", "on"}


def number(name: str, default: float, least: float = 0) -> float:
    value = string(name, str(default))
    try:
        number = float(value)
    except ValueError as error:
        raise ImproperlyConfigured(
            f"{name} must be a number, not {value!r}."
        ) from error
    if not least <= number < math.inf:
        raise ImproperlyConfigured(f"{name} must be {least:g} or more, not {value!r}.")
    return number


def strings(name: str, default: str = "") -> list[str]:
    return [part.strip() for part in string(name, default).split(",") if part.strip()]


def secret_file(service: str) -> Path | None:
    """The JSON file of a service: a systemd credential, or the one named by <SERVICE>_FILE."""
    credentials = os.environ.get("CREDENTIALS_DIRECTORY")
    if credentials and (path := Path(credentials) / f"{service}.json").exists():
        return path
    named = string(service.upper().replace("-", "_") + "_FILE")
    return Path(named) if named else None


def secret(name: str, service: str, key: str, default: str = "") -> str:
    """A key of the service's JSON file, else the variable `name`, else the default."""
    if (path := secret_file(service)) is None:
        return string(name, default)
    try:
        values = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise ImproperlyConfigured(f"Cannot read {path}: {error}") from error
    if not isinstance(values, dict):
        raise ImproperlyConfigured(f"{path} must hold a JSON object.")
    return str(values.get(key, "")).strip() or string(name, default)
