"""Pictures and documents on their way to the models."""

import zlib
from io import BytesIO
from struct import pack

import pytest
from PIL import Image

from conversations.media import child
from conversations.media.pictures import NotAPicture, shrink
from conversations.models import Conversation, MediaFile, Message
from conversations.whatsapp import MediaContent
from evolution.sandbox.files import picture
from tests.factories import make_conversation, make_inbound, make_settings

Outcome = Message.Outcome


def pdf(words: str = "Open from 9 to 17") -> bytes:
    """One page that says so."""
    said = f"BT /F1 24 Tf 72 720 Td ({words}) Tj ET".encode()
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]/Contents 4 0 R"
        b"/Resources<</Font<</F1 5 0 R>>>>>>",
        b"<</Length %d>>stream\n%s\nendstream" % (len(said), said),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
    ]
    body = b"%PDF-1.4\n"
    starts = []
    for n, one in enumerate(objects, 1):
        starts.append(len(body))
        body += b"%d 0 obj%s endobj\n" % (n, one)
    table = b"".join(b"%010d 00000 n \n" % start for start in starts)
    end = b"xref\n0 6\n0000000000 65535 f \n%strailer<</Size 6/Root 1 0 R>>\n" % table
    return body + end + b"startxref\n%d\n%%%%EOF" % len(body)


def endless_pdf() -> bytes:
    """A page tree that contains itself."""
    return pdf().replace(b"/Kids[3 0 R]", b"/Kids[2 0 R]")


def swelling_pdf() -> bytes:
    """A few kilobytes that become gigabytes of operators."""
    packed = zlib.compress(b"q " * 100_000_000, 9)
    start = pdf().index(b"4 0 obj")
    head = b"4 0 obj<</Filter/FlateDecode/Length %d>>stream\n" % len(packed)
    return pdf()[:start] + head + packed + b"\nendstream endobj\ntrailer<</Root 1 0 R>>"


def bomb() -> bytes:
    """A PNG of 40,000 by 40,000 pixels in a few kilobytes."""

    def chunk(name: bytes, data: bytes) -> bytes:
        whole = name + data
        return pack(">I", len(data)) + whole + pack(">I", zlib.crc32(whole))

    size = pack(">IIBBBBB", 40_000, 40_000, 8, 0, 0, 0, 0)
    rows = zlib.compress(bytes(1_000_000))
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", size)
        + chunk(b"IDAT", rows)
        + chunk(b"IEND", b"")
    )


def photo(**options) -> bytes:
    encoded = BytesIO()
    Image.new("RGB", (3000, 1500), "teal").save(encoded, "JPEG", **options)
    return encoded.getvalue()


@pytest.fixture
def talk(db) -> Conversation:
    return make_conversation(mode="live")


@pytest.fixture
def group(db) -> Conversation:
    return make_conversation(mode="live", is_group=True)


@pytest.fixture
def send(bridge):
    """Have somebody send a file."""

    def send(where: Conversation, data: bytes, kind: str = "image", **fields):
        message = make_inbound(where, fields.pop("text", ""), kind=kind, **fields)
        bridge.media[message.whatsapp_id] = MediaContent(data)
        return message

    return send


def test_shows_no_picture_unless_told_to(talk, send, work, model):
    send(talk, picture().data)

    work(talk)

    assert model.write.call_args.kwargs["attachments"] == ()


def test_shows_a_picture_to_the_model_that_writes(talk, send, work, model):
    make_settings(pictures="response")
    message = send(talk, picture().data, text="What is this?")

    work(talk)

    (shown,) = model.write.call_args.kwargs["attachments"]
    assert (shown.n, shown.file) == (1, message.file.pk)
    assert Image.open(BytesIO(shown.data)).format == "JPEG"


def test_judges_a_picture_without_words_where_the_judge_is_shown_it(
    group, send, work, model
):
    make_settings(pictures="both", group_wait=0, direct_wait=0)
    send(group, picture().data)

    work(group)

    assert len(model.judge.call_args.kwargs["attachments"]) == 1


def test_leaves_a_picture_without_words_where_only_the_writer_is_shown_it(
    group, send, work, model
):
    make_settings(pictures="response", group_wait=0, direct_wait=0)
    message = send(group, picture().data)

    work(group)

    message.refresh_from_db()
    assert message.outcome == Outcome.FILTERED
    assert not model.judge.called


def test_shows_no_more_pictures_than_set_and_those_of_the_question_first(
    talk, send, work, model
):
    make_settings(pictures="response", most_pictures=1)
    send(talk, picture().data, outcome="replied")
    asked = send(talk, picture().data, text="And this?")

    work(talk)

    (shown,) = model.write.call_args.kwargs["attachments"]
    assert shown.file == asked.file.pk


def test_shows_no_picture_that_was_deleted(talk, send, work, model):
    make_settings(pictures="response")
    message = send(talk, picture().data, text="What is this?")
    make_inbound(talk, "Are you there?")
    Message.objects.filter(pk=message.pk).update(deleted_at=message.sent_at)

    work(talk)

    assert model.write.call_args.kwargs["attachments"] == ()


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"\x89PNG\r\n\x1a\n" + b"broken" * 9, id="broken"),
        pytest.param(bomb(), id="a bomb"),
        pytest.param(b"<svg xmlns='http://www.w3.org/2000/svg'/>", id="SVG"),
        pytest.param(b"<html><script>alert(1)</script>", id="HTML"),
    ],
)
def test_answers_without_a_picture_that_is_none(talk, send, work, model, data):
    make_settings(pictures="response")
    message = send(talk, data, text="What is this?")

    work(talk)

    message.refresh_from_db()
    assert message.outcome == Outcome.REPLIED
    assert model.write.call_args.kwargs["attachments"] == ()


def test_shrinks_a_picture_and_takes_out_where_it_was_made():
    exif = Image.Exif()
    exif[0x8825] = {1: "S", 2: (23.0, 33.0, 0.0)}

    mimetype, data = shrink(photo(exif=exif), 1024)

    with Image.open(BytesIO(data)) as shrunk:
        assert (mimetype, shrunk.size) == ("image/jpeg", (1024, 512))
        assert not shrunk.getexif()


def test_decodes_no_picture_of_too_many_pixels():
    with pytest.raises(NotAPicture):
        shrink(bomb(), 1024)


def test_gives_the_models_what_a_document_says(talk, send, work, model):
    message = send(talk, pdf(), "document", text="When are they open?")

    work(talk)

    file = MediaFile.objects.get(message=message)
    assert (file.text, file.pages) == ("Open from 9 to 17", 1)
    assert model.write.call_args.args[0][-1].media["says"] == "Open from 9 to 17"


def test_gives_of_a_long_text_file_only_its_beginning(talk, send, work, model):
    make_settings(document_characters=10)
    send(talk, b"0123456789 and so on", "document")

    work(talk)

    assert model.write.call_args.args[0][-1].media["says"] == "0123456789 […]"


def test_reads_no_document_where_that_is_off(talk, send, work, model):
    make_settings(document_characters=0)
    message = send(talk, pdf(), "document")

    work(talk)

    assert MediaFile.objects.get(message=message).text == ""
    assert "says" not in model.write.call_args.args[0][-1].media


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda: b"%PDF-1.7 and no more", id="broken"),
        pytest.param(endless_pdf, id="endless"),
        pytest.param(swelling_pdf, id="swelling"),
    ],
)
def test_survives_a_hostile_pdf(talk, send, work, make, monkeypatch):
    monkeypatch.setattr(child, "SECONDS", 5)
    message = send(talk, make(), "document", text="What does it say?")

    work(talk)

    message.refresh_from_db()
    file = MediaFile.objects.get(message=message)
    assert message.outcome == Outcome.REPLIED
    assert (file.text, bool(file.read_at)) == ("", True)


def test_asks_no_query_more_for_texts(talk, work, monkeypatch):
    monkeypatch.setattr(MediaFile, "objects", None)
    make_inbound(talk, "Hello?")

    work(talk)

    assert Message.objects.filter(outcome=Outcome.REPLIED).count() == 1
