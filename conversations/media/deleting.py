"""Files go when their time has come: first the rows say so, then the bytes are deleted.

A crash in between leaves files that nobody is shown any more; the next sweep has them.
"""

import logging
from collections.abc import Iterable, Iterator
from datetime import timedelta

from django.core.files.storage import default_storage
from django.utils import timezone

from conversations.media.storage import faults
from conversations.models import MediaFile

logger = logging.getLogger(__name__)

State = MediaFile.State

# What stays of a file that is gone: that there was one, and what it was.
FORGOTTEN = {"state": State.GONE, "name": "", "text": "", "sha256": "", "error": ""}
# A file that is just being stored has no row yet.
YOUNG = timedelta(hours=1)
AT_ONCE = 100


def forget(keys: Iterable[int]) -> int:
    """Let the files of those of these messages go whose texts are deleted."""
    files = MediaFile.objects.filter(message__in=keys, message__pruned_at__isnull=False)
    return files.exclude(state=State.GONE).update(**FORGOTTEN, gone_at=timezone.now())


def sweep(*, everything: bool = False) -> int:
    """Delete the bytes of what is gone, and of what no row names; return how many.

    Without `everything`, only this month and the last are searched for such.
    """
    try:
        return _delete_gone() + _delete_orphans(everything)
    except faults() as error:
        # What is left is found the next time.
        logger.error("Cannot delete files: %r", error)
        return 0


def _delete_gone() -> int:
    deleted = 0
    gone = MediaFile.objects.filter(state=State.GONE).exclude(file="")
    while rows := list(gone.values_list("pk", "file")[:AT_ONCE]):
        for _, name in rows:
            default_storage.delete(name)
        MediaFile.objects.filter(pk__in=[pk for pk, _ in rows]).update(file="")
        deleted += len(rows)
    return deleted


def _delete_orphans(everything: bool) -> int:
    deleted = 0
    for names in _names(_months(everything)):
        named = MediaFile.objects.exclude(file="").filter(file__in=names)
        known = set(named.values_list("file", flat=True))
        for name in names:
            if name not in known and _is_old(name):
                default_storage.delete(name)
                deleted += 1
    return deleted


def _months(everything: bool) -> Iterator[str]:
    """The folders, as `models.media.place` names them."""
    if everything:
        for year in _folders(""):
            yield from (f"{year}/{month}" for month in _folders(year))
        return
    now = timezone.now()
    last = now.replace(day=1) - timedelta(days=1)
    yield from (f"{moment:%Y/%m}" for moment in (last, now))


def _folders(path: str) -> list[str]:
    found = _listed(path)[0]
    return [name for name in found if name.isdecimal()]


def _listed(path: str) -> tuple[list[str], list[str]]:
    try:
        return default_storage.listdir(path)
    except FileNotFoundError:
        return [], []


def _names(folders: Iterable[str]) -> Iterator[list[str]]:
    for folder in folders:
        names = [f"{folder}/{name}" for name in _listed(folder)[1]]
        for start in range(0, len(names), AT_ONCE):
            yield names[start : start + AT_ONCE]


def _is_old(name: str) -> bool:
    try:
        return default_storage.get_modified_time(name) < timezone.now() - YOUNG
    except FileNotFoundError:
        return False
