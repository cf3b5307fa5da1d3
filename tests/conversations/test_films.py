"""Videos on their way to the models, as stills."""

import subprocess
import sys
from io import BytesIO

import pytest
from PIL import Image

from conversations.media import child, films, looking
from conversations.models import Conversation, MediaFile, Message
from conversations.whatsapp import MediaContent
from evolution.sandbox.files import film, picture
from tests.factories import make_conversation, make_inbound, make_settings

Outcome = Message.Outcome
PLAYLIST = b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n"


# By itself, since nothing here loads the library otherwise.
MAKE = """
import sys
from fractions import Fraction
from io import BytesIO
import av
from PIL import Image

width, height, frames, rate, codec, container = sys.argv[1:]
whole = BytesIO()
with av.open(whole, "w", container) as out:
    stream = out.add_stream(codec, rate=Fraction(rate))
    stream.width, stream.height, stream.pix_fmt = int(width), int(height), "yuv420p"
    plain = Image.new("RGB", (stream.width, stream.height), "teal")
    for _ in range(int(frames)):
        out.mux(stream.encode(av.VideoFrame.from_image(plain)))
    out.mux(stream.encode())
sys.stdout.buffer.write(whole.getvalue())
"""


def made(
    width=160, height=120, frames=1, rate="1", codec="libvpx", container="webm"
) -> bytes:
    arguments = map(str, (width, height, frames, rate, codec, container))
    return subprocess.run(
        [sys.executable, "-c", MAKE, *arguments], capture_output=True, check=True
    ).stdout


@pytest.fixture(autouse=True)
def forget_stills():
    looking._stills.cache_clear()


@pytest.fixture
def talk(db) -> Conversation:
    return make_conversation(mode="live")


@pytest.fixture
def send(bridge):
    """Have somebody send a video."""

    def send(where: Conversation, data: bytes | None = None, **fields) -> Message:
        kind, text = fields.pop("kind", "video"), fields.pop("text", "What is this?")
        message = make_inbound(where, text, kind=kind, **fields)
        bridge.media[message.whatsapp_id] = MediaContent(data or film().data)
        return message

    return send


def shown(step):
    return step.call_args.kwargs["attachments"]


def test_shows_no_stills_unless_told_to(talk, send, work, model, monkeypatch):
    monkeypatch.setattr(child, "run", None)
    send(talk)

    work(talk)

    assert shown(model.write) == ()


@pytest.mark.parametrize("kind", ["video", "video_note", "document"])
def test_shows_stills_of_a_video_to_the_model_that_writes(
    talk, send, work, model, kind
):
    make_settings(pictures="response", most_pictures=10)
    message = send(talk, kind=kind)

    work(talk)

    stills = shown(model.write)
    assert [(one.n, one.second, one.file) for one in stills] == [
        (1, second, message.file.pk) for second in range(4)
    ]
    pictures = [Image.open(BytesIO(one.data)) for one in stills]
    assert {(one.format, one.size) for one in pictures} == {("JPEG", (320, 200))}


def test_the_first_still_is_the_first_frame_and_the_others_follow():
    low, high, *_ = (
        Image.open(BytesIO(one.data)).convert("RGB")
        for one in films.stills(film().data, "video/mp4", 1024)
    )

    assert low.getpixel((40, 110))[0] > 200  # the sun
    assert high.getpixel((40, 110))[0] < 100


def test_shrinks_stills_like_pictures(talk, send, work, model):
    make_settings(pictures="response", largest_picture=100)
    send(talk)

    work(talk)

    assert {Image.open(BytesIO(one.data)).width for one in shown(model.write)} == {100}


def test_judges_a_video_without_words_where_the_judge_is_shown_it(
    send, work, model, db
):
    group = make_conversation(mode="live", is_group=True)
    make_settings(pictures="both", group_wait=0, direct_wait=0)
    send(group, text="")

    work(group)

    assert len(shown(model.judge)) == 3


def test_a_video_leaves_room_for_a_picture(talk, send, work, model):
    make_settings(pictures="response", most_pictures=3)
    send(talk, picture().data, kind="image")
    send(talk)

    work(talk)

    assert [(one.n, one.second) for one in shown(model.write)] == [
        (1, None),
        (2, 0),
        (2, 2),
    ]


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        pytest.param(lambda: film().data[:500], "It cannot be read", id="cut off"),
        pytest.param(
            lambda: film().data[:2_000],
            "It has no pictures that can be read",
            id="only its start",
        ),
        pytest.param(
            lambda: made(frames=33, rate="1/60"), "Longer than 30 minutes", id="long"
        ),
        pytest.param(lambda: made(4_000, 3_000), "It has too many pixels", id="large"),
        pytest.param(
            lambda: made(codec="ffv1", container="matroska"),
            "It is written in a way that is not read here",
            id="another codec",
        ),
    ],
)
def test_answers_without_a_video_that_cannot_be_read_and_says_why(
    talk, send, work, model, make, reason
):
    make_settings(pictures="response")
    message = send(talk, make())

    work(talk)

    message.refresh_from_db()
    assert message.outcome == Outcome.REPLIED
    assert shown(model.write) == ()
    assert message.file.error == f"Not shown to the model: {reason}"


def test_tries_a_video_that_cannot_be_read_only_once(
    talk, send, work, model, monkeypatch
):
    make_settings(pictures="response")
    send(talk, film().data[:2_000])
    work(talk)
    monkeypatch.setattr(child, "run", None)
    make_inbound(talk, "And now?")

    work(talk)

    assert not Message.objects.exclude(outcome=Outcome.REPLIED).filter(
        direction="inbound"
    )


def test_gives_up_on_a_video_that_takes_too_long(talk, send, work, model, monkeypatch):
    monkeypatch.setattr(child, "SECONDS", 0.01)
    make_settings(pictures="response")
    message = send(talk)

    work(talk)

    assert "seconds" in MediaFile.objects.get(message=message).error


@pytest.mark.parametrize("container", ["mov", "matroska"])
def test_opens_nothing_that_a_playlist_names(container):
    with pytest.raises(child.Unreadable):
        child.run("film_stills.py", PLAYLIST, container, "1024")


def test_takes_no_still_from_the_decoder_that_is_no_picture(monkeypatch):
    told = {"stills": [{"second": 0, "jpeg": "PHN2Zz4="}]}
    monkeypatch.setattr(child, "run", lambda *args: told)

    with pytest.raises(child.Unreadable):
        films.stills(film().data, "video/mp4", 1024)


def test_loads_the_decoder_only_in_its_own_process():
    loads = "import django, sys; django.setup(); import conversations.media.films"
    seen = subprocess.run(
        [sys.executable, "-c", f"{loads}; print('av' in sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    )

    assert seen.stdout.strip() == "False"
