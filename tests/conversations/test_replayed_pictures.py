"""A moment that was judged by its pictures is judged by them again."""

import pytest
from django.utils import timezone

from conversations import tasks
from conversations.models import Conversation, MediaFile, Message
from conversations.whatsapp import MediaContent
from evolution.sandbox.files import film, picture
from llm import relevance
from llm.call import ask
from llm.models import Decision
from llm.providers import Completion
from tests.conversations.test_films import shown
from tests.factories import make_conversation, make_inbound, make_settings
from tests.llm.chats import make_model
from tests.llm.lab.test_replay import make_replay

MODEL = make_model()


@pytest.fixture
def group(db) -> Conversation:
    make_settings(pictures="both", group_wait=0, direct_wait=0, most_pictures=2)
    return make_conversation(mode="live", is_group=True)


@pytest.fixture
def judged(group, bridge, work, model) -> Decision:
    """Step 1 was shown a picture and a still, and stored that."""
    for kind, file in (("image", picture()), ("video", film())):
        message = make_inbound(group, "Where is this?", kind=kind)
        bridge.media[message.whatsapp_id] = MediaContent(file.data)
    work(group)
    lines, numbers = model.judge.call_args.args
    request = relevance.request_for(
        lines,
        numbers,
        names=["Robin"],
        policy="",
        model=MODEL,
        attachments=shown(model.judge),
    )
    assert [one.second for one in shown(model.judge)] == [None, 0]
    return Decision.objects.create(
        conversation=group,
        step="relevance",
        source="model",
        outcome="reply",
        p=0.9,
        threshold=0.6,
        input=ask(MODEL, "test-1", request)[1].input,
    )


@pytest.fixture
def ask_again(monkeypatch):
    """Replay a decision, and return what the model was asked."""
    asked = []

    def complete(provider, request) -> Completion:
        asked.append(request)
        return Completion('{"why": "x", "kind": "question", "p": 50}')

    monkeypatch.setattr("llm.call.complete", complete)

    def ask_again(decision: Decision):
        replay = make_replay([decision], threshold=0.2)
        tasks._replay(replay.pk)
        return asked[0]

    return ask_again


def test_shows_them_again(judged, ask_again, model):
    request = ask_again(judged)

    assert request.attachments == shown(model.judge)
    assert '"picture": 1' in request.prompt
    assert '"stills": [2]' in request.prompt


@pytest.mark.parametrize(
    "lose",
    [
        pytest.param(
            lambda: Message.objects.filter(kind="image").update(
                deleted_at=timezone.now()
            ),
            id="was deleted",
        ),
        pytest.param(lambda: MediaFile.objects.update(state="gone"), id="is gone"),
    ],
)
def test_asks_without_them_where_one(judged, ask_again, lose):
    lose()

    request = ask_again(judged)

    assert request.attachments == ()
    assert '"picture"' not in request.prompt
    assert '"stills"' not in request.prompt.rpartition("\n\n")[2].split("note")[0]
