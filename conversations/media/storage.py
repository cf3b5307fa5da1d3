"""The private storage: a folder of this machine, or a bucket."""

from functools import cache

from django.conf import settings


@cache
def faults() -> tuple[type[Exception], ...]:
    """What the storage raises when it cannot do it now."""
    if not settings.MEDIA_BUCKET:
        return (OSError,)
    from boto3.exceptions import Boto3Error
    from botocore.exceptions import BotoCoreError, ClientError

    return (OSError, Boto3Error, BotoCoreError, ClientError)
