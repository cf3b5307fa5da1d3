"""The project's settings with a key of its own, so that pytest needs no environment."""

import os
import tempfile

os.environ.update(
    SECRET_KEY="only-for-tests-" + "0" * 50,
    WEBHOOK_SECRET="webhook-secret",
    WEBHOOK_SECRET_PREVIOUS="previous-secret",
    EVOLUTION_URL="http://evolution.test:9209",
    EVOLUTION_API_KEY="global-key",
    SANDBOX="0",
    MEDIA_ROOT=tempfile.mkdtemp(prefix="whatsapp-agent-media-"),
    LOG_LEVEL="WARNING",
)
os.environ.setdefault("DATABASE_URL", "sqlite:///:memory:")

from whatsapp_agent.settings import *  # noqa: E402, F403

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
# The static files have not been collected; WhiteNoise would warn.
WHITENOISE_AUTOREFRESH = True
# Webhooks are stored at once: there is no worker.
INBOX = ""
if IS_SQLITE:  # noqa: F405
    # In memory there is nobody to queue with, and pytest-django knows this engine only.
    DATABASES["default"]["ENGINE"] = "django.db.backends.sqlite3"  # noqa: F405
