"""What the worker runs: ids in, safe to lose, to repeat and to come late."""

import logging
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache

from django.conf import settings
from django.db import DatabaseError, close_old_connections, connections

from conversations import changes, contacts, forgetting, pipeline, whatsapp
from conversations.media import looking, preparing
from conversations.models import AgentSettings, Conversation, Message
from llm.lab import replay as replays
from whatsapp_agent.interpreter import computing

logger = logging.getLogger(__name__)


class Pool:
    """Threads for conversations. When all are busy, `submit` waits: no more is taken."""

    def __init__(self, size: int) -> None:
        self._free = threading.BoundedSemaphore(size)
        self._threads = ThreadPoolExecutor(size, "conversation")

    def submit(self, work: Callable[[int], None], pk: int) -> None:
        self._free.acquire()
        self._threads.submit(self._run, work, pk)

    def _run(self, work: Callable[[int], None], pk: int) -> None:
        try:
            close_old_connections()
            with computing():
                work(pk)
        except Exception:
            # Even the record of the fault failed, as without a database: the lease
            # runs out, and the dispatcher brings it back.
            logger.exception("%s(%s)", work.__name__, pk)
            connections.close_all()
        finally:
            self._free.release()


@cache
def _pool() -> Pool:
    return Pool(settings.WORKER_THREADS)


def process(conversation_id: int) -> None:
    """Hand the conversation to a thread and return: the lease guarantees the rest.

    A slow model must not hold a process.
    """
    _pool().submit(_work, conversation_id)


def learn_group(conversation_id: int) -> None:
    """Fetch a group's name and members, without holding up what is queued behind it."""
    _pool().submit(_learn_group, conversation_id)


def fetch_file(message_id: int) -> None:
    """Fetch and hear what staff asked for; nothing is answered by it."""
    _pool().submit(_fetch_file, message_id)


def _fetch_file(message_id: int) -> None:
    message = Message.objects.select_related("conversation").get(pk=message_id)
    preparing.fetch_one(AgentSettings.of(message.conversation.instance), message)


def change_message(pk: int) -> None:
    """Edit or delete what was sent; done twice, it is as if done once."""
    _pool().submit(changes.work, pk)


def forget(pk: int) -> None:
    """Delete what a contact said; broken off, it is taken up again."""
    _pool().submit(forgetting.work, pk)


def look_after(pk: int) -> None:
    """Look for messages that the bridge did not report; its lease keeps others out."""
    _pool().submit(_look_after, pk)


def _look_after(pk: int) -> None:
    whatsapp.provider().look_after(pk)


@cache
def _replays() -> ThreadPoolExecutor:
    """One thread apart from those of the conversations: no reply waits for a replay."""
    return ThreadPoolExecutor(1, "replay")


def replay(pk: int) -> None:
    """A slice of a replay; its lease keeps others out."""
    _replays().submit(_replay, pk)


def _replay(pk: int) -> None:
    try:
        close_old_connections()
        with computing():
            replays.work(pk, looking.again)
    except Exception as error:
        logger.exception("Cannot go on with replay %s", pk)
        try:
            replays.steer(pk, replays.State.PAUSED, repr(error)[:500])
        except DatabaseError:
            connections.close_all()


def _work(conversation_id: int) -> None:
    pipeline.work(conversation_id, os.environ.get("WORKER_SLOT", ""))


def _learn_group(conversation_id: int) -> None:
    """Fetch a group's name, and which LID belongs to which phone number in it."""
    nameless = Conversation.objects.filter(is_group=True, name="")
    group = nameless.filter(pk=conversation_id).first()
    if group is None:
        return  # each message that came meanwhile has asked for it too
    try:
        info = whatsapp.provider().group_info(group.instance, group.jid)
    except whatsapp.BridgeError as error:
        # The next message of a nameless group asks again.
        logger.warning("Cannot fetch the name of group %s: %s", group.jid, error)
        return
    Conversation.objects.filter(pk=group.pk).update(name=info.name[:200])
    for address in info.participants:
        if address.phone_jid and address.lid:
            contacts.resolve(address)
