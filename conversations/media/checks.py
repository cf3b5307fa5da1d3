"""Can files be kept? Asked by `manage.py doctor`, which tells what to do."""

import uuid
from collections.abc import Iterator

from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

from conversations.media.storage import faults


def storage() -> Iterator[tuple[str, str, str]]:
    """Store a file, read it and delete it."""
    name = f"checks/{uuid.uuid4().hex}"
    try:
        name = default_storage.save(name, ContentFile(b"whatsapp-agent"))
        with default_storage.open(name) as stored:
            is_whole = stored.read() == b"whatsapp-agent"
        default_storage.delete(name)
    except faults() as error:
        yield "bad", f"Files cannot be kept: {error}", _remedy()
        return
    if not is_whole:
        yield "bad", "A file that was stored came back as another one.", _remedy()


def _remedy() -> str:
    if settings.MEDIA_BUCKET:
        return "See MEDIA_BUCKET, MEDIA_S3_URL, MEDIA_S3_KEY and MEDIA_S3_SECRET."
    return f"Give {settings.MEDIA_ROOT} to the user that web and worker run as."
