"""Files go when their time has come, and none stays behind."""

import os
from datetime import timedelta
from io import StringIO

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.management import call_command
from django.utils import timezone

from conversations import prune
from conversations.media import checks, deleting
from conversations.models import MediaFile, Message
from tests.factories import make_conversation, make_inbound, make_settings

pytestmark = pytest.mark.django_db

OLD = timezone.now() - timedelta(days=31)


@pytest.fixture(autouse=True)
def _storage(settings, tmp_path, monkeypatch) -> None:
    settings.MEDIA_ROOT = tmp_path / "media"
    monkeypatch.setattr(prune, "REST_SECONDS", 0)


@pytest.fixture
def talk(db):
    return make_conversation()


def keep(talk, at=OLD, **fields) -> MediaFile:
    defaults = {"outcome": "replied", "received_at": at, "kind": "voice"}
    message = make_inbound(talk, "What it said", **defaults | fields)
    file = MediaFile(message=message, state="stored", created_at=at, name="a.ogg")
    file.file.save("", ContentFile(b"sound"))
    return file


def run(**options) -> None:
    call_command("prune", stdout=StringIO(), **options)


def stored() -> int:
    return sum(len(names) for _, _, names in os.walk(default_storage.location))


def test_go_after_their_time_and_leave_that_there_was_one(talk):
    make_settings(keep_files=30)
    file = keep(talk)

    run()

    file.refresh_from_db()
    assert (file.state, file.name, file.file.name) == ("gone", "", "")
    assert file.gone_at
    assert stored() == 0
    assert Message.objects.get().text == "What it said"


def test_stay_until_then(talk):
    make_settings(keep_files=32)
    keep(talk)

    run()

    assert stored() == 1


def test_stay_for_ever_where_no_days_are_set(talk):
    make_settings(keep_files=None, keep_texts=None)
    keep(talk)

    run()

    assert stored() == 1


@pytest.mark.parametrize("files", [None, 90])
def test_go_with_the_texts_that_they_came_with(talk, files):
    make_settings(keep_files=files, keep_texts=30)
    # Fetched long after, when staff tried again.
    file = keep(talk)
    MediaFile.objects.update(created_at=timezone.now())

    run()

    file.refresh_from_db()
    assert file.state == "gone"
    assert stored() == 0


def test_stay_while_their_message_waits(talk):
    make_settings(keep_files=30)
    keep(talk, outcome="")

    run()

    assert stored() == 1


def test_are_counted_and_not_deleted_in_a_rehearsal(talk):
    make_settings(keep_files=30)
    keep(talk)
    told = StringIO()

    call_command("prune", dry_run=True, stdout=told)

    assert "files: 1 would be deleted" in told.getvalue()
    assert stored() == 1


def test_a_crash_between_row_and_file_leaves_it_to_the_next_run(talk, monkeypatch):
    make_settings(keep_files=30)
    keep(talk)
    with monkeypatch.context() as patch:
        patch.setattr(deleting, "sweep", lambda **_: 0)
        run()
    left = stored()

    run()

    assert (left, stored()) == (1, 0)


def test_a_storage_that_fails_is_asked_again_later(talk, monkeypatch):
    def refuse(name: str) -> None:
        raise OSError("Read-only file system")

    make_settings(keep_files=30)
    keep(talk)
    with monkeypatch.context() as patch:
        patch.setattr(default_storage._wrapped, "delete", refuse)
        run()

    run()

    assert stored() == 0


class TestOrphans:
    def leave(self, name: str, age: timedelta) -> None:
        default_storage.save(name, ContentFile(b"left"))
        at = (timezone.now() - age).timestamp()
        os.utime(default_storage.path(name), (at, at))

    def test_what_no_row_names_is_swept_away(self, talk):
        self.leave(f"{timezone.now():%Y/%m}/orphan", timedelta(hours=2))
        keep(talk, at=timezone.now())

        assert deleting.sweep() == 1
        assert stored() == 1

    def test_what_may_just_be_being_stored_stays(self):
        self.leave(f"{timezone.now():%Y/%m}/new", timedelta(minutes=1))

        assert deleting.sweep() == 0

    def test_what_lies_long_is_found_by_hand(self):
        self.leave("2020/01/orphan", timedelta(days=999))

        assert deleting.sweep() == 0
        assert deleting.sweep(everything=True) == 1


class TestDoctor:
    def test_is_content_where_files_can_be_kept(self):
        assert list(checks.storage()) == []
        assert stored() == 0

    def test_says_that_they_cannot(self, settings, tmp_path):
        (tmp_path / "file").write_text("")
        settings.MEDIA_ROOT = tmp_path / "file"

        ((level, problem, remedy),) = checks.storage()

        assert level == "bad"
        assert str(settings.MEDIA_ROOT) in remedy
