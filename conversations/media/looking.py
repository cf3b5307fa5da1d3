"""What the models are given of files: pictures to look at, documents as words."""

import logging
from functools import lru_cache

from conversations.media.pictures import NotAPicture, shrink
from conversations.media.sniffing import PICTURES
from conversations.media.storage import faults
from conversations.models import AgentSettings, MediaFile, Message
from conversations.whatsapp import Kind
from llm.attachments import Attachment
from llm.models import Decision
from llm.providers import takes

logger = logging.getLogger(__name__)


# A sticker asks nothing, and a video is not looked at.
_LEGIBLE = (Kind.IMAGE, Kind.DOCUMENT)


def is_legible(message: Message) -> bool:
    return message.kind in _LEGIBLE


def is_wanted(agent: AgentSettings, step: Decision.Step) -> bool:
    """Whether the model of a step is shown pictures."""
    wanted = {AgentSettings.Pictures.BOTH}
    if step == Decision.Step.RESPONSE:
        wanted.add(AgentSettings.Pictures.RESPONSE)
    provider = getattr(agent, f"{step.value}_provider")
    return agent.pictures in wanted and bool(agent.most_pictures and takes(provider))


def files(messages: list[Message]) -> dict[int, MediaFile]:
    """Their files that are there, by message. Texts alone cost no query."""
    keys = [
        message.pk
        for message in messages
        if is_legible(message) and not (message.deleted_at or message.pruned_at)
    ]
    if not keys:
        return {}
    found = MediaFile.objects.filter(message__in=keys, state=MediaFile.State.STORED)
    return {file.message_id: file for file in found}


def read(agent: AgentSettings, message: Message, file: MediaFile | None) -> dict:
    """What the transcript tells of a file besides what the message claims."""
    if file is None or message.kind != Kind.DOCUMENT:
        return {}
    told = {"bytes": file.bytes, "pages": file.pages}
    if agent.document_characters:
        told["says"] = _cut(file.text, agent.document_characters)
    return {key: value for key, value in told.items() if value}


def pictures(
    agent: AgentSettings,
    found: dict[int, MediaFile],
    numbers: dict[int, int],
    burst: list[Message],
) -> tuple[Attachment, ...]:
    """The latest pictures, those that are asked about before the others."""
    asked = {message.pk for message in burst}
    keys = sorted(found, key=lambda pk: (pk in asked, numbers[pk]), reverse=True)
    shown = []
    for pk in keys:
        if len(shown) == agent.most_pictures:
            break
        if one := _attachment(found[pk], numbers[pk], agent.largest_picture):
            shown.append(one)
    return tuple(sorted(shown, key=lambda one: one.n))


def _attachment(file: MediaFile, n: int, longest: int) -> Attachment | None:
    if file.mimetype not in PICTURES:
        return None
    try:
        mimetype, data = _shrunk(file.file.name, longest)
    except (NotAPicture, *faults()) as error:
        logger.info("File %s is not shown to the model: %s", file.pk, error)
        return None
    return Attachment(n, mimetype, data, file.pk)


# Both steps of a burst ask for the same ones.
@lru_cache(maxsize=8)
def _shrunk(name: str, longest: int) -> tuple[str, bytes]:
    with MediaFile._meta.get_field("file").storage.open(name) as stored:
        return shrink(stored.read(), longest)


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[:most]} […]"
