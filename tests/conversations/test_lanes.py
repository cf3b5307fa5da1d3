"""How much of people's files is in memory at once."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest

from conversations.media import fetching, lanes
from conversations.models import MediaFile, Message
from conversations.whatsapp import MediaContent
from evolution.sandbox.files import picture
from tests.conversations.test_outbox import flush, statuses
from tests.conversations.test_sending_files import UNKNOWN, bridge, raising, steering
from tests.factories import make_conversation, make_inbound, make_settings

pytestmark = pytest.mark.usefixtures("bridge")

LARGE = lanes.SMALL + 1


@pytest.fixture
def at_once(monkeypatch):
    """How many of several files, fetched in threads, were in memory at the same time."""

    def at_once(size: int | None) -> int:
        now, seen, guard = 0, [], threading.Lock()

        def fetch(instance: str, whatsapp_id: str, most: int) -> MediaContent:
            nonlocal now
            with guard:
                now += 1
                seen.append(now)
            time.sleep(0.05)
            with guard:
                now -= 1
            return MediaContent(b"x")

        monkeypatch.setattr(bridge, "fetch_media", fetch)
        message = SimpleNamespace(
            conversation=SimpleNamespace(instance="wa1"), whatsapp_id="X"
        )
        with ThreadPoolExecutor(8) as pool:
            for _ in range(8):
                pool.submit(
                    fetching._download, message, SimpleNamespace(bytes=size), 10**7
                )
        return max(seen)

    return at_once


@pytest.mark.parametrize("size", [LARGE, None])
def test_fetches_one_large_file_at_a_time(at_once, size):
    assert at_once(size) == 1


def test_fetches_a_few_small_files_at_a_time(at_once):
    assert 1 < at_once(1_000) <= 4


@pytest.mark.django_db
def test_fetches_a_file_that_is_larger_than_its_sender_said(work):
    talk = make_conversation(mode="live")
    message = make_inbound(talk, "", kind="document", media={"bytes": 10})
    bridge.media[message.whatsapp_id] = MediaContent(bytes(LARGE))

    work(talk)

    assert MediaFile.objects.get(message=message).bytes == LARGE
    assert len(bridge.fetched) == 2


@pytest.mark.django_db
def test_refuses_a_file_that_is_larger_than_set_whatever_its_sender_said(work):
    make_settings(largest_file=1)
    talk = make_conversation(mode="live")
    message = make_inbound(talk, "", kind="document", media={"bytes": 10})
    bridge.media[message.whatsapp_id] = MediaContent(bytes(LARGE))

    work(talk)

    file = MediaFile.objects.get(message=message)
    assert (file.state, file.error) == ("refused", "Larger than 1 MB")


@pytest.fixture
def staff(django_user_model):
    return django_user_model.objects.create_user("bia")


@pytest.fixture
def two(staff):
    """Two conversations, each with a file to be sent."""

    def two(data: bytes):
        found = [make_conversation(), make_conversation(is_group=True)]
        for one in found:
            steering.send_file(one, MediaContent(data, "", "a.bin"), "", staff)
        return found

    return two


@pytest.mark.django_db
def test_sends_one_large_file_at_a_time(two):
    one, other = two(bytes(LARGE))
    waits = []
    bridge.before_send = lambda text: waits.append(flush(other))

    flush(one)
    bridge.before_send = None

    assert waits[0] is not None
    assert (statuses(one), statuses(other)) == (["sent"], ["queued"])
    flush(other)
    assert statuses(other) == ["sent"]


@pytest.mark.django_db
def test_a_small_file_does_not_wait_for_a_large_one(two, staff):
    one, other = two(bytes(LARGE))
    Message.objects.filter(conversation=other).delete()
    steering.send_file(other, MediaContent(picture().data, "", "a.png"), "", staff)

    def meanwhile(text: str) -> None:
        bridge.before_send = None
        flush(other)

    bridge.before_send = meanwhile

    flush(one)

    assert (statuses(one), statuses(other)) == (["sent"], ["sent"])


@pytest.mark.django_db
def test_there_is_room_again_after_a_failure(two):
    one, other = two(bytes(LARGE))
    bridge.before_send = raising(UNKNOWN)
    flush(one)
    bridge.before_send = None

    flush(other)

    assert statuses(other) == ["sent"]
