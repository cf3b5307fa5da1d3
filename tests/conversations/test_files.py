"""Files are handed out to staff who may read the conversation, and can do no harm."""

import pytest
from django.core.files.base import ContentFile
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from conversations.media.sniffing import seconds, sniff
from conversations.models import Conversation, MediaFile, Message
from evolution.sandbox.files import picture, voice_note
from tests.conversations.pages import OPERATOR, READER, url
from tests.factories import make_conversation, make_inbound

pytestmark = pytest.mark.django_db

PNG, OGG = picture().data, voice_note("Hello there").data
SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
HTML = b"<!doctype html><script>alert(1)</script>"
PDF = b"%PDF-1.7\n1 0 obj<</JS(app.alert(1))>>"
POLYGLOT = b"GIF89a/*" + b"\0" * 20 + b"*/=1;<script>alert(1)</script>"


@pytest.fixture
def talk(db) -> Conversation:
    return make_conversation()


def keep(talk: Conversation, data: bytes, **fields) -> MediaFile:
    kind = fields.pop("kind", "document")
    text = fields.pop("text", "")
    message = make_inbound(talk, text, kind=kind)
    file = MediaFile(
        message=message,
        **{"mimetype": sniff(data), "state": "stored", "bytes": len(data)} | fields,
    )
    file.file.save("", ContentFile(data))
    return file


def address(file: MediaFile) -> str:
    return url(file.message.conversation, "file", message=file.message_id)


def body(response) -> bytes:
    return b"".join(response.streaming_content)


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (PNG, "image/png"),
        (OGG, "audio/ogg"),
        (b"\xff\xd8\xff\xe0\0\x10JFIF", "image/jpeg"),
        (POLYGLOT, "image/gif"),
        (PDF, "application/pdf"),
        (SVG, "text/plain"),
        (HTML, "text/plain"),
        (b"MZ\x90\0", "application/octet-stream"),
        (b"", "application/octet-stream"),
        (b"\0\0\0\x20ftypM4A \0", "audio/mp4"),
        (b"\0\0\0\x20ftypisom\0", "video/mp4"),
        ("Größe\n".encode(), "text/plain"),
        (("x" * 511 + "ö").encode(), "text/plain"),
    ],
)
def test_tells_what_a_file_is_by_its_bytes(data, kind):
    assert sniff(data, "image/svg+xml") == kind


def test_measures_a_recording_whatever_its_sender_says():
    assert seconds(voice_note("word " * 25).data) == 10


@pytest.mark.parametrize("cut", range(0, 200, 7))
def test_survives_damaged_recordings(cut):
    assert seconds(OGG[:cut]) is None or seconds(OGG[:cut]) >= 0


class TestPermission:
    def test_staff_who_may_read_the_conversation_get_the_file(self, staff, talk):
        client = staff(*READER)

        response = client.get(address(keep(talk, PNG)))

        assert body(response) == PNG

    def test_others_do_not(self, staff, talk):
        assert staff().get(address(keep(talk, PNG))).status_code == 403

    def test_who_is_not_signed_in_is_sent_to_do_so(self, client, talk):
        assert client.get(address(keep(talk, PNG))).status_code == 302

    def test_no_other_conversation_lends_its_address(self, staff, talk):
        other = Conversation.objects.create(instance="x", jid="y@g.us", is_group=True)
        file = keep(talk, PNG)

        response = staff(*READER).get(url(other, "file", message=file.message_id))

        assert response.status_code == 404

    @pytest.mark.parametrize("state", ["pending", "failed", "refused", "gone"])
    def test_what_is_not_there_is_not_handed_out(self, staff, talk, state):
        file = keep(talk, PNG, state=state)

        assert staff(*READER).get(address(file)).status_code == 404

    def test_nor_is_what_came_with_a_deleted_text(self, staff, talk):
        file = keep(talk, PNG)
        Message.objects.update(pruned_at=file.created_at)

        assert staff(*READER).get(address(file)).status_code == 404

    def test_a_file_that_the_disk_has_lost_is_not_found(self, staff, talk):
        file = keep(talk, PNG)
        file.file.storage.delete(file.file.name)

        assert staff(*READER).get(address(file)).status_code == 404

    def test_no_address_of_static_or_media_leads_there(self, client, talk, settings):
        file = keep(talk, PNG)

        for prefix in ("/media/", "/static/", "/"):
            assert client.get(f"{prefix}{file.file.name}").status_code == 404


class TestHeaders:
    @pytest.mark.parametrize(
        ("data", "name"),
        [(SVG, "a.svg"), (HTML, "a.html"), (PDF, "a.pdf"), (b"MZ\0", "a.exe")],
    )
    def test_what_could_run_is_only_downloaded(self, staff, talk, data, name):
        response = staff(*READER).get(address(keep(talk, data, name=name)))

        assert response["Content-Type"] == "application/octet-stream"
        assert response["Content-Disposition"] == f'attachment; filename="{name}"'

    @pytest.mark.parametrize("data", [PNG, OGG, POLYGLOT, HTML])
    def test_no_file_runs_anything(self, staff, talk, data):
        response = staff(*READER).get(address(keep(talk, data)))

        assert response["X-Content-Type-Options"] == "nosniff"
        assert response["Content-Security-Policy"] == "sandbox; default-src 'none'"
        assert response["Cross-Origin-Resource-Policy"] == "same-origin"
        assert "no-store" in response["Cache-Control"]

    def test_a_picture_that_claims_to_be_a_page_is_a_picture(self, staff, talk):
        file = keep(talk, POLYGLOT, name="page.html")

        response = staff(*READER).get(address(file))

        assert response["Content-Type"] == "image/gif"
        assert 'filename="page.html.gif"' in response["Content-Disposition"]

    @pytest.mark.parametrize(
        "name",
        ["../../etc/passwd", "a\r\nSet-Cookie: x=1.pdf", 'a".pdf', "\u202efdp.exe"],
    )
    def test_no_name_does_harm(self, staff, talk, name):
        response = staff(*READER).get(address(keep(talk, PDF, name=name)))

        told = response["Content-Disposition"]
        assert "/" not in told
        assert "\n" not in told
        assert "202e" not in told.lower().replace("%e2%80%ae", "202e")
        assert "Set-Cookie" not in response


class TestRanges:
    @pytest.mark.parametrize(
        ("asked", "span"),
        [("bytes=0-3", (0, 4)), ("bytes=10-", (10, None)), ("bytes=-5", (-5, None))],
    )
    def test_hands_out_a_part(self, staff, talk, asked, span):
        response = staff(*READER).get(
            address(keep(talk, OGG)), headers={"range": asked}
        )

        start, end = span
        assert response.status_code == 206
        assert body(response) == OGG[start:end]
        first = start % len(OGG)
        assert response["Content-Range"].startswith(f"bytes {first}-")
        assert response["Content-Range"].endswith(f"/{len(OGG)}")

    def test_says_that_there_is_no_such_part(self, staff, talk):
        response = staff(*READER).get(
            address(keep(talk, OGG)), headers={"range": "bytes=99999999-"}
        )

        assert response.status_code == 416
        assert response["Content-Range"] == f"bytes */{len(OGG)}"

    @pytest.mark.parametrize("asked", ["bytes=0-1,3-4", "lines=1-2", "bytes=-", "x"])
    def test_hands_out_all_where_it_does_not_understand(self, staff, talk, asked):
        response = staff(*READER).get(
            address(keep(talk, OGG)), headers={"range": asked}
        )

        assert response.status_code == 200
        assert body(response) == OGG


class TestPage:
    def test_plays_a_voice_note_beside_its_transcript(self, staff, talk):
        file = keep(talk, OGG, kind="voice", text="See you", language="en")

        page = staff(*READER).get(url(talk)).content.decode()

        assert f'src="{address(file)}"' in page
        assert "<audio" in page
        assert "See you" in page
        assert "<bdi>en</bdi>" in page

    def test_shows_a_picture_that_leads_to_itself(self, staff, talk):
        file = keep(talk, PNG, kind="image")

        page = staff(*READER).get(url(talk)).content.decode()

        assert f'<a href="{address(file)}"><img src="{address(file)}"' in page

    def test_never_shows_what_could_run(self, staff, talk):
        file = keep(talk, SVG, kind="image", name="<b>x</b>.svg")

        page = staff(*READER).get(url(talk)).content.decode()

        assert f'<img src="{address(file)}"' not in page
        assert "Download" in page
        assert "<b>x</b>" not in page

    def test_says_why_a_file_is_not_there(self, staff, talk):
        keep(talk, PNG, kind="image", state="refused", error="Larger than 20 MB")

        page = staff(*OPERATOR).get(url(talk)).content.decode()

        assert "Not fetched: Larger than 20 MB" in page
        assert 'value="fetch_again"' in page

    def test_who_may_only_read_cannot_try_again(self, staff, talk):
        keep(talk, PNG, kind="image", state="failed", error="Gone")

        page = staff(*READER).get(url(talk)).content.decode()

        assert 'value="fetch_again"' not in page

    def test_costs_as_many_queries_with_many_files_as_with_one(
        self, staff, talk, django_assert_num_queries
    ):
        client = staff(*OPERATOR)
        keep(talk, PNG, kind="image")
        client.get(url(talk))
        with CaptureQueriesContext(connection) as counted:
            client.get(url(talk))
        for _ in range(5):
            keep(talk, OGG, kind="voice")

        with django_assert_num_queries(len(counted)):
            client.get(url(talk))


class TestTryingAgain:
    def steer(self, client, message: Message):
        return client.post(
            reverse(
                "admin:conversations_conversation_steer", args=[message.conversation_id]
            ),
            {"action": "fetch_again", "message": message.pk},
        )

    def test_wakes_the_worker(self, staff, talk, monkeypatch):
        asked = []
        monkeypatch.setattr(
            "conversations.mailbox.enqueue", lambda *task, **_: asked.append(task)
        )
        file = keep(talk, PNG, kind="image", state="failed", error="Gone")
        Message.objects.update(outcome="replied")

        self.steer(staff(*OPERATOR), file.message)

        file.refresh_from_db()
        assert asked == [("conversations.tasks.fetch_file", file.message_id)]
        assert (file.state, file.error) == ("pending", "")

    def test_who_may_only_read_is_refused(self, staff, talk):
        file = keep(talk, PNG, kind="image", state="failed", error="Gone")

        assert self.steer(staff(*READER), file.message).status_code == 403
