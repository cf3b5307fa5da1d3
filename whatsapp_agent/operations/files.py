"""What people sent, beside the copies of the database.

A file lies there once, for all copies: nothing else is ever stored under its name. Beside
each copy stands a list of those that it names.
"""

import hashlib
import os
import re
import shutil
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

from conversations.models import MediaFile
from whatsapp_agent.operations.copies import CopyError

FOLDER = "files"
# As `conversations.models.media.place` names them: no copy of a database leads elsewhere.
NAME = re.compile(r"\d{4}/\d{2}/[0-9a-f]{32}(_\w{1,20})?")
CHUNK = 1_000_000
AT_ONCE = 500
# What a backup that is just running has put there has no list yet.
YOUNG_SECONDS = 3_600

Row = tuple[str, str]  # name and SHA-256


@dataclass
class Count:
    """How many are in the copy, and how many had gone or were not as they are to be."""

    kept: int = 0
    lacking: int = 0


def list_of(copy: Path) -> Path:
    return copy.with_suffix(".files")


def copy_stored(folder: Path) -> None:
    """Those of now: they may be deleted while the database is copied, which names them."""
    for name, digest in _stored():
        _keep(folder, name, digest)


def copy_named(folder: Path, rows: Iterable[Row], listed: Path) -> Count:
    """Those that a copy of the database names, and the list of them."""
    count = Count()
    with open(listed, "w", opener=_private) as lines:
        for name, digest in rows:
            if _keep(folder, name, digest):
                count.kept += 1
                lines.write(f"{digest} {name}\n")
            else:
                count.lacking += 1
        lines.flush()
        os.fsync(lines.fileno())
    os.sync()
    if not count.kept:
        listed.unlink()
    return count


def forget(folder: Path, copies: Iterable[Path]) -> None:
    """Delete what none of these copies names."""
    named = {name for copy in copies for _, name in _listed(copy)}
    before = time.time() - YOUNG_SECONDS
    for path in (folder / FOLDER).rglob("*"):
        name = path.relative_to(folder / FOLDER).as_posix()
        if path.is_file() and name not in named and path.stat().st_mtime < before:
            path.unlink()


def check(copy: Path) -> None:
    """Whether all that the copy names are there, beside it or where they are to be."""
    total = lacking = 0
    for _, name in _listed(copy):
        total += 1
        lacking += not ((_beside(copy) / name).exists() or _ours(name).exists())
    if lacking:
        raise CopyError(
            f"{lacking} of the {total} files that people sent are neither in "
            f"{_beside(copy)} nor in {settings.MEDIA_ROOT}. Bring them, or --force."
        )


def put_back(copy: Path) -> int:
    """Those that are not where they are to be; what is damaged stays away."""
    return sum(
        _copied(_beside(copy) / name, _ours(name), digest)
        for digest, name in _listed(copy)
        if not _ours(name).exists()
    )


def missing() -> int:
    """How many the database names that are not where they are to be."""
    return sum(not _ours(name).exists() for name, _ in _stored())


def _stored() -> Iterator[Row]:
    last = 0
    while rows := list(
        MediaFile.objects.filter(pk__gt=last, state=MediaFile.State.STORED)
        .exclude(file="")
        .order_by("pk")
        .values_list("pk", "file", "sha256")[:AT_ONCE]
    ):
        last = rows[-1][0]
        yield from (row[1:] for row in rows)


def _listed(copy: Path) -> Iterator[tuple[str, str]]:
    listed = list_of(copy)
    if not listed.exists():
        return
    with listed.open() as lines:
        for line in lines:
            digest, _, name = line.rstrip("\n").partition(" ")
            if not NAME.fullmatch(name):
                raise CopyError(f"{listed} is no list of ours: {name[:80]!r}")
            yield digest, name


def _beside(copy: Path) -> Path:
    return copy.absolute().parent / FOLDER


def _ours(name: str) -> Path:
    return Path(settings.MEDIA_ROOT) / name


def _keep(folder: Path, name: str, digest: str) -> bool:
    if not NAME.fullmatch(name):
        return False
    kept = folder / FOLDER / name
    return kept.exists() or _copied(_ours(name), kept, digest)


def _copied(source: Path, target: Path, digest: str) -> bool:
    """In small pieces, and under its name only when it is whole and as it was."""
    for parent in (target.parent.parent.parent, target.parent.parent, target.parent):
        parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    unfinished = target.with_name(f".{target.name}.unfinished")
    try:
        with source.open("rb") as stored:
            found = hashlib.file_digest(stored, "sha256").hexdigest()
            if digest and found != digest:
                return False
            stored.seek(0)
            with open(unfinished, "wb", opener=_private) as copy:
                shutil.copyfileobj(stored, copy, CHUNK)
        unfinished.rename(target)
    except FileNotFoundError:
        return False
    finally:
        unfinished.unlink(missing_ok=True)
    return True


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
