"""Copies of the database and of what people sent, made while they are in use; the way back."""

import os
import re
from datetime import UTC, datetime
from pathlib import Path

from django.conf import settings
from django.db import connection, connections, transaction
from django.db.migrations.loader import MigrationLoader
from django.db.models.functions import Coalesce
from django.utils import timezone

from conversations import inbox
from conversations.models import AgentSettings, Conversation, Message
from whatsapp_agent.operations import files, postgres, sqlite
from whatsapp_agent.operations.copies import CopyError

STAMP = "%Y%m%dT%H%M%S%fZ"
NAME = re.compile(r"whatsapp-agent-\d{8}T\d{12}Z\.(sqlite3|dump)")
OURS = {"conversations", "evolution", "llm", "whatsapp_agent"}


def back_up(
    folder: Path, keep: int | None = None, *, with_files: bool = True
) -> tuple[Path, files.Count]:
    """Make a copy, prove that it can be read, then forget the oldest ones."""
    engine = _engine()
    engine.require()
    inbox.catch_up()  # the copy has what was acknowledged, also while no worker runs
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    count = files.Count()
    if with_files:
        files.copy_stored(folder)
    stamp = datetime.now(UTC).strftime(STAMP)
    path = folder / f"whatsapp-agent-{stamp}.{engine.SUFFIX}"
    unfinished = path.with_name(f".{path.name}.unfinished")
    try:
        os.close(os.open(unfinished, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        rows = engine.copy_to(unfinished)
        engine.verify(unfinished)
        _sync(unfinished)
        if with_files:
            count = files.copy_named(folder, rows, files.list_of(path))
        unfinished.rename(path)
        _sync(folder)
    finally:
        unfinished.unlink(missing_ok=True)
    if keep:
        _forget(folder, keep)
    return path, count


def _forget(folder: Path, keep: int) -> None:
    for old in copies(folder)[:-keep]:
        old.unlink()
        files.list_of(old).unlink(missing_ok=True)
    files.forget(folder, copies(folder))


def copies(folder: Path) -> list[Path]:
    """The oldest first."""
    return sorted(path for path in folder.iterdir() if NAME.fullmatch(path.name))


def restore(path: Path, *, force: bool = False) -> tuple[str, int]:
    """Put a copy in the database's place; return where the old one is now, and how many
    files were put back.
    """
    engine = _engine()
    if not path.is_file():
        raise CopyError(f"There is no {path}.")
    engine.verify(path)
    if not (force or settings.MEDIA_BUCKET):
        files.check(path)
    connections.close_all()
    if not force and (users := engine.users()):
        raise CopyError(
            f"{users} Stop web and worker first: what they hold would be lost, "
            "or written over the copy."
        )
    # First the files: those that no row names do no harm.
    count = 0 if settings.MEDIA_BUCKET else files.put_back(path)
    return engine.put_back(path), count


@transaction.atomic
def make_safe() -> None:
    """What was said since the copy was made is not in it, and must not be said again."""
    AgentSettings.load()
    AgentSettings.objects.update(is_on=False)
    unsettled = Message.objects.filter(status__in=Message.UNSETTLED)
    now = timezone.now()
    Conversation.objects.filter(messages__in=unsettled).update(due_at=now, wake_at=None)
    # The bridge's record says whether it left.
    unsettled.update(
        attempted_at=Coalesce("attempted_at", "received_at"),
        status=Message.Status.UNKNOWN,
        error="Restored from a copy",
    )


def unknown_migrations() -> list[str]:
    """Ours that the restored database has and this version does not."""
    loader = MigrationLoader(connection)
    unknown = set(loader.applied_migrations) - set(loader.disk_migrations)
    return sorted(f"{app}.{name}" for app, name in unknown if app in OURS)


def _engine():
    return sqlite if connection.vendor == "sqlite" else postgres


def _sync(path: Path) -> None:
    """Survive a power cut."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
