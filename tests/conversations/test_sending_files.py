"""Files that staff send by hand."""

import pytest
from django.contrib.auth.models import User
from django.core.files.storage import FileSystemStorage, default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone

from conversations import intake, steering
from conversations.media import sending
from conversations.models import MediaFile, Message
from conversations.steering import NotPossible
from conversations.whatsapp import BridgeError, Kind, MediaContent, SentMessage
from evolution.sandbox.files import picture
from tests.conversations import bridge
from tests.conversations.pages import HTMX, url
from tests.conversations.test_outbox import (
    LATER,
    NEVER,
    UNKNOWN,
    age,
    flush,
    raising,
    statuses,
)
from tests.factories import (
    echo,
    make_conversation,
    make_settings,
    typed_on_phone,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("bridge")]

PNG = picture().data
PDF = b"%PDF-1.4"


@pytest.fixture
def conversation():
    return make_conversation(due_at=timezone.now())


@pytest.fixture
def staff():
    return User.objects.create_user("bia")


@pytest.fixture
def send(conversation, staff):
    def send(data: bytes = PNG, name: str = "a.png", caption: str = "") -> Message:
        given = MediaContent(data, "text/html", name)
        return steering.send_file(conversation, given, caption, staff)

    return send


REFUSED = BridgeError("It tripped", kind="failed", unknown=True, status=500)


def die(caption: str) -> None:
    raise KeyboardInterrupt


def told(message: Message, whatsapp_id: str = "3EB0ECHO", **fields):
    """What the bridge reports after it was sent."""
    media = {"mimetype": "image/png"}
    event = echo(message.text, whatsapp_id)
    return type(event)(**{**vars(event), "kind": Kind.IMAGE, "media": media, **fields})


class TestStoring:
    def test_a_picture_is_queued_with_its_file(self, send, conversation, staff):
        message = send(caption="  Look  ")

        assert (message.kind, message.text) == ("image", "Look")
        assert (message.status, message.staff) == ("queued", staff)
        file = MediaFile.objects.get(message=message)
        assert (file.state, file.mimetype, file.name) == (
            "stored",
            "image/png",
            "a.png",
        )
        with file.file.open() as stored:
            assert stored.read() == PNG
        conversation.refresh_from_db()
        assert conversation.taken_over_until > timezone.now()

    @pytest.mark.parametrize(
        ("data", "caption", "kind"),
        [
            pytest.param(PNG, "", Kind.IMAGE, id="picture"),
            pytest.param(PNG[:-60], "", Kind.DOCUMENT, id="damaged picture"),
            pytest.param(b"GIF89a" + bytes(9), "", Kind.DOCUMENT, id="GIF"),
            pytest.param(b"ID3" + bytes(9), "", Kind.AUDIO, id="sound"),
            pytest.param(b"ID3" + bytes(9), "x", Kind.DOCUMENT, id="sound with words"),
            pytest.param(bytes(4) + b"ftypisom", "", Kind.VIDEO, id="film"),
            pytest.param(b"<script>", "", Kind.DOCUMENT, id="script"),
        ],
    )
    def test_its_bytes_say_what_it_is(self, send, data, caption, kind):
        assert send(data, "a.png", caption).kind == kind

    @pytest.mark.parametrize(
        ("name", "stored"),
        [
            ("../../etc/passwd", "passwd"),
            ("C:\\autoexec.bat", "autoexec.bat"),
            ("a\u202egpj.exe", "agpj.exe"),
            ("a\x00\r\nb.pdf", "ab.pdf"),
            ("...", "file"),
            ("", "file"),
            ("x" * 400 + ".pdf", "x" * 146 + ".pdf"),
        ],
    )
    def test_a_hostile_name_is_cleaned(self, send, name, stored):
        message = send(PDF, name)

        assert message.media["file_name"] == stored
        assert "passwd" not in message.file.file.name

    def test_an_office_file_is_told_as_its_name_says(self, send):
        message = send(b"PK\x03\x04rest", "a.docx")

        assert "wordprocessingml" in message.media["mimetype"]
        assert message.file.mimetype == "application/zip"

    @pytest.mark.parametrize(
        ("fields", "data", "caption", "why"),
        [
            ({"largest_file": 0.00001}, PNG, "", "larger than 1e-05 MB"),
            ({"largest_file": 0}, PNG, "", "allow no files"),
            ({}, b"", "", "empty"),
            ({}, PNG, "x" * 1025, "1024 characters"),
        ],
    )
    def test_refuses_what_cannot_be_sent(self, send, fields, data, caption, why):
        make_settings(**fields)

        with pytest.raises(NotPossible, match=why):
            send(data, caption=caption)

        assert not Message.objects.exists()

    def test_says_when_it_cannot_be_stored(self, send, monkeypatch):
        def full(*args, **kwargs):
            raise OSError("No space left")

        monkeypatch.setattr(FileSystemStorage, "save", full)

        with pytest.raises(NotPossible, match="cannot be stored"):
            send()

        assert not Message.objects.exists()


class TestLeaving:
    def test_goes_with_name_and_caption(self, send, conversation):
        send(PDF, "a.pdf", "The bill")

        flush(conversation)

        [(kind, content)] = bridge.files
        assert kind == Kind.DOCUMENT
        assert content == MediaContent(PDF, "application/pdf", "a.pdf")
        assert bridge.sent[0]["text"] == "The bill"
        assert statuses(conversation) == ["sent"]

    def test_texts_and_files_leave_in_order(self, send, conversation, staff):
        steering.reply(conversation, "Before", staff)
        send(caption="Between")
        steering.reply(conversation, "After", staff)

        flush(conversation)

        assert [one["text"] for one in bridge.sent] == ["Before", "Between", "After"]

    def test_a_file_that_is_gone_fails_and_what_follows_leaves(
        self, send, conversation, staff
    ):
        message = send()
        default_storage.delete(message.file.file.name)
        steering.reply(conversation, "After", staff)

        flush(conversation)

        assert statuses(conversation) == ["failed", "sent"]
        message.refresh_from_db()
        assert message.error == "Its file is not there any more"

    def test_waits_while_the_storage_cannot_be_read(
        self, send, conversation, monkeypatch
    ):
        message = send()

        def broken(*args, **kwargs):
            raise PermissionError("Not now")

        with monkeypatch.context() as patched:
            patched.setattr(FileSystemStorage, "open", broken)
            until = flush(conversation)
        message.refresh_from_db()
        assert until > timezone.now()
        assert (message.status, message.attempts) == ("queued", 0)
        assert "cannot be read" in message.error

        flush(conversation)
        assert statuses(conversation) == ["sent"]

    def test_can_be_sent_again_after_a_failure(self, send, conversation, staff):
        message = send()
        bridge.before_send = raising(NEVER)
        flush(conversation)
        assert statuses(conversation) == ["failed"]
        bridge.before_send = None

        message.refresh_from_db()
        steering.send_again(message, staff)
        flush(conversation)

        assert statuses(conversation) == ["sent"]
        assert bridge.files[0][1].data == PNG

    def test_is_tried_again_where_it_surely_did_not_leave(self, send, conversation):
        send()
        bridge.before_send = raising(LATER)
        flush(conversation)
        bridge.before_send = None
        age(conversation, 60)

        flush(conversation)

        assert len(bridge.files) == 1
        assert statuses(conversation) == ["sent"]


class TestUnknownOutcome:
    def test_a_crash_after_the_send_does_not_send_it_twice(self, send, conversation):
        send()
        bridge.after_send = die
        with pytest.raises(KeyboardInterrupt):
            flush(conversation)
        bridge.after_send = None
        age(conversation, 100)

        flush(conversation)

        assert statuses(conversation) == ["sent"]
        assert len(bridge.files) == 1

    def test_what_is_not_in_the_record_may_still_be_uploaded(self, send, conversation):
        send()
        bridge.before_send = raising(UNKNOWN)
        flush(conversation)
        bridge.before_send = None
        age(conversation, 100)

        until = flush(conversation)

        assert until > timezone.now()
        assert statuses(conversation) == ["unknown"]
        assert not bridge.files

    def test_what_did_not_leave_within_minutes_is_sent(self, send, conversation):
        send()
        bridge.before_send = raising(UNKNOWN)
        flush(conversation)
        bridge.before_send = None
        age(conversation, 400)

        flush(conversation)

        assert statuses(conversation) == ["sent"]
        assert len(bridge.files) == 1

    def test_is_given_up_where_the_bridge_fails_over_it_again_and_again(
        self, send, conversation, staff
    ):
        message = send()
        steering.reply(conversation, "What follows", staff)
        bridge.before_send = raising(REFUSED)
        for _ in range(3):
            flush(conversation)
            age(conversation, 400)
        bridge.before_send = None

        flush(conversation)

        assert statuses(conversation) == ["failed", "sent"]
        message.refresh_from_db()
        assert message.error == f"Given up after 3 times: {REFUSED}; it did not leave"

    def test_is_not_given_up_while_the_bridge_does_not_answer(self, send, conversation):
        send()
        bridge.before_send = raising(UNKNOWN)
        for _ in range(3):
            flush(conversation)
            age(conversation, 4000)
        bridge.before_send = None

        flush(conversation)

        assert statuses(conversation) == ["sent"]

    def test_is_tried_as_often_again_when_staff_send_it_again(
        self, send, conversation, staff
    ):
        message = send()
        MediaFile.objects.filter(message=message).update(attempts=3)
        Message.objects.filter(pk=message.pk).update(status="failed")
        message.refresh_from_db()
        steering.send_again(message, staff)
        bridge.before_send = raising(REFUSED)
        flush(conversation)
        age(conversation, 400)
        bridge.before_send = None

        flush(conversation)

        assert statuses(conversation) == ["sent"]

    @pytest.mark.parametrize(
        ("kind", "text", "media"),
        [
            pytest.param(Kind.TEXT, "", {}, id="a text"),
            pytest.param(Kind.STICKER, "", {}, id="a sticker"),
            pytest.param(
                Kind.DOCUMENT, "Bill", {"file_name": "a.pdf"}, id="other words"
            ),
            pytest.param(Kind.DOCUMENT, "", {"file_name": "b.pdf"}, id="another name"),
            pytest.param(Kind.DOCUMENT, "", {"mimetype": "text/csv"}, id="a type"),
        ],
    )
    def test_another_message_is_not_taken_for_it(
        self, send, conversation, kind, text, media
    ):
        send(PDF, "a.pdf")
        bridge.before_send = raising(UNKNOWN)
        flush(conversation)
        bridge.before_send = None
        age(conversation, 400)
        bridge.record.append(SentMessage("OTHER", text, timezone.now(), kind, media))

        flush(conversation)

        assert len(bridge.files) == 1
        assert Message.objects.get().whatsapp_id != "OTHER"

    def test_a_file_with_those_words_is_not_taken_for_a_text(self, conversation, staff):
        steering.reply(conversation, "Look", staff)
        bridge.before_send = raising(UNKNOWN)
        flush(conversation)
        bridge.before_send = None
        age(conversation, 100)
        bridge.record.append(SentMessage("PIC", "Look", timezone.now(), Kind.IMAGE))

        flush(conversation)

        assert [one["text"] for one in bridge.sent] == ["Look"]

    def test_a_picture_in_the_record_without_a_name_is_it(self, send, conversation):
        send()
        bridge.before_send = raising(UNKNOWN)
        flush(conversation)
        bridge.before_send = None
        age(conversation, 100)
        bridge.record.append(
            SentMessage(
                "PIC", "", timezone.now(), Kind.IMAGE, {"mimetype": "image/png"}
            )
        )

        flush(conversation)

        assert (Message.objects.get().whatsapp_id, bridge.files) == ("PIC", [])


class TestEcho:
    @pytest.fixture
    def unsure(self, send, conversation):
        message = send()
        bridge.before_send = raising(UNKNOWN)
        flush(conversation)
        return message

    def test_settles_what_was_not_known(self, unsure, conversation):
        intake.receive_message(told(unsure))

        unsure.refresh_from_db()
        assert (unsure.status, unsure.whatsapp_id) == ("sent", "3EB0ECHO")
        assert conversation.messages.count() == 1

    def test_of_a_text_is_not_taken_for_a_file(self, unsure, conversation):
        intake.receive_message(echo("", "3EB0TEXT"))

        unsure.refresh_from_db()
        assert unsure.status == "unknown"

    def test_a_picture_from_the_phone_is_not_ours(self, unsure, conversation):
        phone = typed_on_phone("")
        intake.receive_message(told(unsure, phone.whatsapp_id, origin=phone.origin))

        unsure.refresh_from_db()
        assert unsure.status == "unknown"
        assert conversation.messages.get(author="phone").kind == "image"


class TestPage:
    def post(self, client, conversation, headers=None, **fields):
        fields = {"action": "reply", "text": "", **fields}
        return client.post(
            url(conversation, "steer"), fields, follow=True, headers=headers
        )

    @pytest.mark.parametrize("headers", [None, HTMX], ids=["form", "htmx"])
    def test_sends_a_file(self, admin_client, conversation, headers):
        file = SimpleUploadedFile("a.png", PNG, "image/png")

        response = self.post(
            admin_client, conversation, headers, file=file, text="Look\r\nhere"
        )

        message = conversation.messages.get()
        assert (message.kind, message.text) == ("image", "Look\nhere")
        assert "Your file is on its way" in response.text
        conversation.refresh_from_db()
        assert conversation.read_until

    def test_has_a_form_that_carries_files(self, admin_client, conversation):
        page = admin_client.get(url(conversation)).text

        assert '<input type="file" id="reply-file" name="file">' in page
        assert 'enctype="multipart/form-data"' in page

    def test_shows_what_was_sent(self, admin_client, conversation, send):
        message = send()

        page = admin_client.get(url(conversation)).text

        assert f"files/{message.pk}/" in page

    def test_says_why_not_and_keeps_the_words(self, admin_client, conversation):
        make_settings(largest_file=0)
        file = SimpleUploadedFile("a.png", PNG, "image/png")

        response = self.post(admin_client, conversation, file=file, text="My words")

        assert response.status_code == 409
        assert "allow no files" in response.text
        assert "My words" in response.text

    def test_needs_a_text_or_a_file(self, admin_client, conversation):
        assert self.post(admin_client, conversation).status_code == 409


def test_reads_no_more_than_could_be_sent(monkeypatch):
    monkeypatch.setattr(sending, "MOST_BYTES", 10)
    upload = SimpleUploadedFile("a.bin", bytes(100))

    assert len(sending.uploaded(upload).data) == 11
