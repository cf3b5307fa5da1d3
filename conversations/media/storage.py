"""The private storage: a folder of this machine, or a bucket."""

from functools import cache

from django.conf import settings
from django.core.files.base import ContentFile
from django.db.models.fields.files import FieldFile

from whatsapp_agent.interpreter import waiting


@cache
def faults() -> tuple[type[Exception], ...]:
    """What the storage raises when it cannot do it now."""
    if not settings.MEDIA_BUCKET:
        return (OSError,)
    from boto3.exceptions import Boto3Error
    from botocore.exceptions import BotoCoreError, ClientError

    return (OSError, Boto3Error, BotoCoreError, ClientError)


def content(file: FieldFile) -> bytes:
    """What is stored; raises one of `faults`."""
    with waiting(), file.open() as stored:
        return stored.read()


def store(file: FieldFile, data: bytes) -> None:
    """Store it under a new name, which the row does not know yet; raises one of `faults`."""
    with waiting():
        file.save("", ContentFile(data), save=False)
