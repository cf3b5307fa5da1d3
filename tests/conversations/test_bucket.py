"""What people send, kept in a bucket: a real S3 protocol, spoken by MiniStack."""

import os
import subprocess
import sys
from datetime import timedelta
from io import StringIO

import boto3
import pytest
from django.core.management import call_command
from django.utils import timezone

from conversations.media import deleting
from conversations.media.checks import storage
from conversations.media.storage import faults
from conversations.models import MediaFile, Message
from conversations.whatsapp import MediaContent
from evolution.sandbox.files import picture
from tests.conversations.pages import READER
from tests.conversations.test_files import HTML, address, body, keep
from tests.factories import make_conversation, make_inbound, make_settings
from tests.standins import ministack
from tests.standins.agent import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.django_db]

BUCKET, REGION, KEY, SECRET = "chat-files", "eu-west-1", "test", "test-secret"
PNG = picture().data


@pytest.fixture(scope="module")
def s3(tmp_path_factory):
    with ministack.started(tmp_path_factory.mktemp("s3"), "s3") as address:
        yield address


@pytest.fixture
def bucket(s3, settings):
    """An empty bucket, which is the store for files."""
    bucket = boto3.resource(
        "s3",
        endpoint_url=s3,
        region_name=REGION,
        aws_access_key_id=KEY,
        aws_secret_access_key=SECRET,
    ).Bucket(BUCKET)
    bucket.create(CreateBucketConfiguration={"LocationConstraint": REGION})
    settings.MEDIA_BUCKET = BUCKET
    options = {
        "bucket_name": BUCKET,
        "endpoint_url": s3,
        "region_name": REGION,
        "access_key": KEY,
        "secret_key": SECRET,
        "location": "agent",
        "default_acl": None,
        "file_overwrite": False,
        "max_memory_size": 1_000,
    }
    backend = "storages.backends.s3.S3Storage"
    settings.STORAGES = {
        **settings.STORAGES,
        "default": {"BACKEND": backend, "OPTIONS": options},
    }
    faults.cache_clear()
    yield bucket
    faults.cache_clear()
    bucket.objects.all().delete()
    bucket.delete()


@pytest.fixture
def talk(db):
    return make_conversation(mode="live")


def keys(bucket) -> list[str]:
    return [one.key for one in bucket.objects.all()]


def test_the_environment_names_it(s3, bucket, tmp_path):
    done = subprocess.run(
        [sys.executable, "manage.py", "shell", "-c", CHECK],
        cwd=ROOT,
        env={
            "PATH": os.environ["PATH"],
            "SECRET_KEY": "only-for-tests-" + "0" * 50,
            "DATABASE_URL": f"sqlite:///{tmp_path}/db.sqlite3",
            "MEDIA_BUCKET": BUCKET,
            "MEDIA_S3_URL": s3,
            "MEDIA_S3_REGION": REGION,
            "MEDIA_S3_KEY": KEY,
            "MEDIA_S3_SECRET": SECRET,
        },
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout.splitlines()[-1] == "S3Storage []"


CHECK = """
from django.core.files.storage import storages
from conversations.media.checks import storage
print(type(storages["default"]).__name__, list(storage()))
"""


def test_a_file_is_stored_under_a_name_of_ours_for_nobody_else(
    bucket, bridge, talk, work, model
):
    message = make_inbound(talk, "", kind="image")
    bridge.media[message.whatsapp_id] = MediaContent(PNG, "image/png", "../a.png")

    work(talk)

    (stored,) = bucket.objects.all()
    assert stored.key == f"agent/{MediaFile.objects.get(message=message).file.name}"
    assert stored.get()["Body"].read() == PNG
    assert "a.png" not in stored.key


def test_it_is_fetched_later_while_the_bucket_is_away(
    bucket, bridge, talk, work, model
):
    bucket.delete()
    message = make_inbound(talk, "", kind="image")
    bridge.media[message.whatsapp_id] = MediaContent(PNG)
    try:
        work(talk)
    finally:
        bucket.create(CreateBucketConfiguration={"LocationConstraint": REGION})

    file = MediaFile.objects.get(message=message)
    assert (file.state, file.attempts) == ("pending", 1)
    assert "NoSuchBucket" in file.error


def test_staff_get_it_with_safe_headers(bucket, staff, talk):
    file = keep(talk, PNG)

    response = staff(*READER).get(address(file))

    assert body(response) == PNG
    assert response["Content-Type"] == "image/png"
    assert response["Content-Security-Policy"] == "sandbox; default-src 'none'"
    assert response["X-Content-Type-Options"] == "nosniff"


def test_what_could_run_is_only_downloaded(bucket, staff, talk):
    response = staff(*READER).get(address(keep(talk, HTML, name="a.html")))

    assert response["Content-Disposition"].startswith("attachment")
    assert response["Content-Type"] == "application/octet-stream"


def test_staff_get_a_part(bucket, staff, talk):
    file = keep(talk, PNG)

    response = staff(*READER).get(address(file), headers={"range": "bytes=10-19"})

    assert (response.status_code, body(response)) == (206, PNG[10:20])
    assert response["Content-Range"] == f"bytes 10-19/{len(PNG)}"


def test_others_get_nothing_and_no_address_of_the_bucket(bucket, staff, client, talk):
    file = keep(talk, PNG)

    assert client.get(address(file)).status_code == 302
    assert staff().get(address(file)).status_code == 403


def test_what_the_bucket_has_lost_is_not_found(bucket, staff, talk):
    file = keep(talk, PNG)
    bucket.objects.all().delete()

    assert staff(*READER).get(address(file)).status_code == 404


def test_retention_deletes_it(bucket, talk):
    make_settings(keep_files=30)
    file, young = keep(talk, PNG), keep(talk, HTML)
    old = timezone.now() - timedelta(days=31)
    MediaFile.objects.filter(pk=file.pk).update(created_at=old)
    Message.objects.filter(pk=file.message_id).update(
        received_at=old, outcome="replied"
    )

    call_command("prune", stdout=StringIO())

    file.refresh_from_db()
    assert (file.state, file.file.name) == ("gone", "")
    assert keys(bucket) == [f"agent/{young.file.name}"]


def test_what_no_row_names_is_swept_away_when_it_is_old(bucket, talk, monkeypatch):
    file = keep(talk, PNG)
    MediaFile.objects.all().delete()
    deleting.sweep()
    assert keys(bucket) == [f"agent/{file.file.name}"]
    monkeypatch.setattr(deleting, "YOUNG", timedelta(seconds=-60))

    deleting.sweep()

    assert keys(bucket) == []


def test_the_doctor_finds_it_well(bucket):
    assert list(storage()) == []


def test_the_doctor_says_when_it_is_away(bucket, settings):
    bucket.delete()

    ((level, said, remedy),) = storage()

    bucket.create(CreateBucketConfiguration={"LocationConstraint": REGION})
    assert level == "bad"
    assert "NoSuchBucket" in said
    assert "MEDIA_S3_KEY" in remedy
