"""What the models are given of files: pictures and stills, documents as words."""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from itertools import chain

from django.utils import timezone

from conversations.media import films
from conversations.media.films import Still
from conversations.media.pictures import NotAPicture, shrink
from conversations.media.sniffing import PICTURES
from conversations.media.storage import faults
from conversations.models import AgentSettings, MediaFile, Message
from conversations.whatsapp import Kind
from llm.attachments import Attachment
from llm.models import Decision
from llm.providers import takes
from whatsapp_agent.interpreter import waiting

logger = logging.getLogger(__name__)


# A sticker asks nothing.
_LEGIBLE = (Kind.IMAGE, Kind.VIDEO, Kind.VIDEO_NOTE, Kind.DOCUMENT)


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
    shown: list[list[Attachment]] = []
    for pk in keys:
        if len(shown) == agent.most_pictures:
            break
        if seen := _attachments(found[pk], numbers[pk], agent.largest_picture):
            shown.append(seen)
    chosen = chain.from_iterable(_shared(shown, agent.most_pictures))
    return tuple(sorted(chosen, key=lambda one: (one.n, one.second or 0)))


def again(shown: Sequence[dict]) -> tuple[Attachment, ...]:
    """The pictures of a stored prompt; without those that are not there any more."""
    files = MediaFile.objects.filter(
        pk__in=[fact["file"] for fact in shown],
        state=MediaFile.State.STORED,
        message__deleted_at=None,
        message__pruned_at=None,
    )
    longest = AgentSettings.load().largest_picture
    found = {
        (file.pk, one.second): one
        for file in files
        for one in _attachments(file, 0, longest)
    }
    keys = [(fact["file"], fact.get("second")) for fact in shown]
    return tuple(
        replace(found[key], n=fact["n"])
        for key, fact in zip(keys, shown, strict=True)
        if key in found
    )


def _shared(files: list[list[Attachment]], most: int) -> Iterator[Iterator[Attachment]]:
    """One of each before a second still of any; those of a film at even distances."""
    counts = [0] * len(files)
    for _ in range(most):
        if more := [n for n, file in enumerate(files) if counts[n] < len(file)]:
            counts[min(more, key=counts.__getitem__)] += 1
    for file, count in zip(files, counts, strict=True):
        yield (file[round(n * len(file) / count)] for n in range(count))


def _attachments(file: MediaFile, n: int, longest: int) -> list[Attachment]:
    try:
        if file.mimetype in PICTURES:
            mimetype, data = _shrunk(file.file.name, longest)
            return [Attachment(n, mimetype, data, file.pk)]
        if file.mimetype in films.CONTAINERS and not _is_known_unreadable(file):
            seen = _stills(file.file.name, file.mimetype, longest)
            return [
                Attachment(n, one.mimetype, one.data, file.pk, one.second)
                for one in seen
            ]
    except films.Unreadable as error:
        _note(file, f"Not shown to the model: {error}")
    except (NotAPicture, *faults()) as error:
        logger.info("File %s is not shown to the model: %s", file.pk, error)
    return []


def _is_known_unreadable(file: MediaFile) -> bool:
    return bool(file.read_at and file.error)


def _note(file: MediaFile, error: str) -> None:
    """So that staff see it, and no time is spent on it with each further message."""
    file.error, file.read_at = error[:300], timezone.now()
    MediaFile.objects.filter(pk=file.pk, state=MediaFile.State.STORED).update(
        error=file.error, read_at=file.read_at
    )


# Both steps of a burst ask for the same ones.
@lru_cache(maxsize=8)
def _shrunk(name: str, longest: int) -> tuple[str, bytes]:
    return shrink(_bytes(name), longest)


@lru_cache(maxsize=8)
def _stills(name: str, mimetype: str, longest: int) -> tuple[Still, ...]:
    return films.stills(_bytes(name), mimetype, longest)


def _bytes(name: str) -> bytes:
    with waiting(), MediaFile._meta.get_field("file").storage.open(name) as stored:
        return stored.read()


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[:most]} […]"
