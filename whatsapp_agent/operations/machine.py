"""The doctor's looks at this machine. Each yields (level, problem, remedy)."""

import os
import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

from django.conf import settings
from django.db import connection
from django.utils import timezone

from conversations import inbox
from conversations.models import AgentSettings, Pruning
from llm.transcription import missing as lacking
from whatsapp_agent.operations import backup

Found = Iterator[tuple[str, str, str]]
FULL_AFTER = 200_000_000  # bytes left
SCARCE_AFTER = 2_000_000_000
STALE_AFTER = timedelta(days=2)
LOCAL = {"localhost", "127.0.0.1", "::1"}


def durability() -> Found:
    if connection.vendor != "sqlite":
        return
    if settings.SQLITE_SYNCHRONOUS == "NORMAL":
        yield (
            "warn",
            "SQLITE_SYNCHRONOUS is NORMAL: a power cut can take acknowledged messages.",
            "Set SQLITE_SYNCHRONOUS=FULL, or accept it.",
        )


def webhooks() -> Found:
    if problem := inbox.problem():
        yield (
            "bad",
            f"{problem}.",
            "Start the worker, or see its log; what waits is safe meanwhile.",
        )


def disk() -> Found:
    folders = {settings.RUN_DIR, settings.BACKUP_DIR, settings.BASE_DIR}
    if not settings.MEDIA_BUCKET:
        folders.add(settings.MEDIA_ROOT)
    if connection.vendor == "sqlite" and not connection.is_in_memory_db():
        folders.add(Path(connection.settings_dict["NAME"]).parent)
    disks = {one.stat().st_dev: one for one in sorted(folders) if one.exists()}
    for folder in disks.values():
        free = shutil.disk_usage(folder).free
        if free < SCARCE_AFTER:
            yield (
                "bad" if free < FULL_AFTER else "warn",
                f"{free // 1_000_000} MB are left at {folder}.",
                "Make room, or move the database to a larger disk.",
            )


def run_folder() -> Found:
    folder = settings.RUN_DIR
    # The worker makes it where there is none.
    existing = next(one for one in [folder, *folder.parents] if one.exists())
    if not os.access(existing, os.W_OK):
        yield (
            "bad",
            f"{existing} is not writable for this user.",
            "Give it to the user that web and worker run as, or set RUN_DIR.",
        )


def transcription() -> Found:
    agent = AgentSettings.load()
    if agent.transcribe == AgentSettings.Transcribe.NEVER:
        return
    if missing := lacking(agent.transcription_provider):
        yield (
            "warn",
            missing,
            "Set it, or switch transcription off under Settings, Voice and files.",
        )


def static_files() -> Found:
    if settings.DEBUG:
        return
    if not (settings.STATIC_ROOT / "admin").is_dir():
        yield (
            "bad",
            f"{settings.STATIC_ROOT} lacks the admin's files: pages have no style.",
            "Run: manage.py collectstatic --no-input",
        )


def backups() -> Found:
    folder = settings.BACKUP_DIR
    copies = backup.copies(folder) if folder.is_dir() else []
    remedy = "Run `manage.py backup --keep 7` every night, and keep copies elsewhere."
    if not copies:
        yield "warn", f"There is no backup in {folder}.", remedy
        return
    age = timezone.now().timestamp() - copies[-1].stat().st_mtime
    if age > STALE_AFTER.total_seconds():
        yield "warn", f"The last backup is {age / 86_400:.0f} days old.", remedy


def retention() -> Found:
    stale = Pruning.objects.filter(finished_at__lt=timezone.now() - STALE_AFTER)
    if latest := stale.order_by("finished_at").first():
        yield (
            "warn",
            f"{latest} was last pruned at {latest.finished_at.isoformat()}.",
            "The worker prunes every day; see its log, and try `manage.py prune`.",
        )


def emails() -> Found:
    if settings.STAFF_EMAILS and not settings.EMAIL_HOST:
        yield (
            "warn",
            "STAFF_EMAILS is set, but there is no server to send through.",
            "Set EMAIL_HOST, and EMAIL_USER and EMAIL_PASSWORD where it wants them.",
        )


def address() -> Found:
    site = urlsplit(settings.SITE_URL)
    if site.scheme != "https" and site.hostname not in LOCAL:
        yield (
            "bad",
            f"SITE_URL {settings.SITE_URL} is not https: passwords travel in the open.",
            "Put a proxy with a certificate before it, and set SITE_URL to https://…",
        )
    if site.scheme == "https" and not settings.SECURE_PROXY_SSL_HEADER:
        yield (
            "warn",
            "SITE_URL is https, but BEHIND_PROXY is not set: each page redirects to "
            "itself, and all visitors seem to have the proxy's address.",
            "Set BEHIND_PROXY=1, where the proxy always sets X-Forwarded-Proto and "
            "X-Forwarded-For.",
        )
