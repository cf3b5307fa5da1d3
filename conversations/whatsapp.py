"""What this app and a WhatsApp bridge say to each other.

A provider is a module with the functions of `WhatsAppProvider`. Nothing here knows
how a bridge speaks; nothing outside a provider needs to.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from importlib import import_module
from typing import Protocol

from django.conf import settings


class Kind(StrEnum):
    """What a message is made of."""

    TEXT = "text"
    IMAGE = "image"
    VIDEO = "video"
    VIDEO_NOTE = "video_note"
    AUDIO = "audio"
    VOICE = "voice"
    DOCUMENT = "document"
    STICKER = "sticker"
    LOCATION = "location"
    CONTACT = "contact"
    POLL = "poll"
    POLL_VOTE = "poll_vote"
    REACTION = "reaction"
    EVENT = "event"
    ALBUM = "album"
    INVITE = "invite"
    PIN = "pin"
    HIDDEN = "hidden"  # WhatsApp shows it on the phone only
    UNKNOWN = "unknown"


class Origin(StrEnum):
    """Who sent a message, as far as the bridge can tell."""

    CONTACT = "contact"
    PHONE = "phone"  # typed on the linked phone, or on another linked device
    API = "api"  # sent through the bridge: by us, or by another program
    HISTORY = "history"  # older than the link; context only


@dataclass(frozen=True)
class Address:
    """The addresses of one person; at least one is known, except for an unknown sender."""

    phone_jid: str = ""  # 5511988887777@s.whatsapp.net
    lid: str = ""  # 239513548562601@lid

    def __bool__(self) -> bool:
        return bool(self.phone_jid or self.lid)

    @property
    def jids(self) -> list[str]:
        return [jid for jid in (self.phone_jid, self.lid) if jid]


@dataclass(frozen=True)
class IncomingMessage:
    """A message that appeared in a chat, whoever wrote it."""

    instance: str
    whatsapp_id: str
    origin: Origin
    from_me: bool
    chat: Address  # of a direct chat: the other person
    group_jid: str  # of a group, else ""
    sender: Address  # empty when from_me, or where the bridge does not tell
    sender_name: str
    kind: Kind
    text: str  # the text or the caption; of a reaction its emoji, "" when removed
    sent_at: datetime  # by WhatsApp's clock
    quoted_id: str = ""  # the message replied or reacted to
    quoted_sender: str = ""  # its author's JID
    quoted_text: str = ""
    mentions: tuple[str, ...] = ()  # JIDs
    # mimetype, seconds, file_name, bytes; latitude, longitude: what the kind has
    media: dict = field(default_factory=dict)


@dataclass(frozen=True)
class StatusUpdate:
    """A receipt for a message of ours."""

    instance: str
    whatsapp_id: str
    status: str  # a value of conversations.models.Message.Status


@dataclass(frozen=True)
class MessageEdited:
    instance: str
    whatsapp_id: str
    text: str
    # By the bridge's clock, which may be an hour ahead tomorrow.
    told_at: datetime | None = None


@dataclass(frozen=True)
class MessageDeleted:
    instance: str
    whatsapp_id: str


@dataclass(frozen=True)
class AddressesLearned:
    """Two addresses turned out to be one person's."""

    address: Address
    name: str = ""


Event = (
    IncomingMessage | StatusUpdate | MessageEdited | MessageDeleted | AddressesLearned
)


@dataclass(frozen=True)
class Quote:
    """The message that an outbound one answers, as the bridge needs it."""

    whatsapp_id: str
    chat_jid: str
    sender_jid: str
    text: str


@dataclass(frozen=True)
class SentMessage:
    """A message of ours in the bridge's own record."""

    whatsapp_id: str
    text: str
    sent_at: datetime
    kind: Kind = Kind.TEXT
    media: dict = field(default_factory=dict)  # as of an IncomingMessage
    quoted_id: str = ""  # the message reacted to


@dataclass(frozen=True)
class GroupInfo:
    name: str
    participants: list[Address]


@dataclass(frozen=True)
class MediaContent:
    """A file that a message carries. Type and name are its sender's claims."""

    data: bytes
    mimetype: str = ""
    name: str = ""


class BridgeError(Exception):
    """The bridge did not do what it was asked.

    `retryable`: the same call may succeed later. `unknown`: it may have succeeded
    already, so look before trying again. `kind` is a word for code, the message is
    a sentence for staff.
    """

    def __init__(
        self,
        message: str,
        *,
        kind: str,
        retryable: bool = False,
        unknown: bool = False,
        status: int | None = None,
    ) -> None:
        super().__init__(message)
        self.kind = kind
        self.retryable = retryable
        self.unknown = unknown
        self.status = status


class WhatsAppProvider(Protocol):
    def is_configured(self) -> bool:
        """Whether the bridge's address and key are known."""

    def parse_incoming_message(self, payload: dict) -> list[Event]:
        """Read one webhook body. Raise ValueError where it has no shape we know."""

    def take_in(self, bodies: list[str]) -> list[Exception | None]:
        """Store what these webhooks report, each for itself, and keep what cannot be
        read. Return for each why it cannot be stored now, None where it is."""

    def keep(self, body: str, error: Exception) -> None:
        """Keep a webhook that cannot be stored, for staff to see and to replay."""

    def own_addresses(self, instance: str, group_jid: str = "") -> Address:
        """The linked phone's own addresses; may ask the bridge to find its LID."""

    def numbers(self) -> dict[str, Address]:
        """The linked phones by the names of their instances, with what is known of each.
        Asks only our own database."""

    def new_message_id(self, instance: str) -> str:
        """An id to send with, which makes a resend harmless; "" where unsupported."""

    def send_message(
        self,
        instance: str,
        to: str,
        text: str,
        quote: Quote | None = None,
        message_id: str = "",
        mentions: Sequence[str] = (),
    ) -> str:
        """Send a text and return its WhatsApp id, or raise BridgeError.

        `mentions` are JIDs of phones, in groups; the text has their numbers after an @.
        """

    def send_media(
        self,
        instance: str,
        to: str,
        kind: Kind,
        content: MediaContent,
        caption: str = "",
        quote: Quote | None = None,
    ) -> str:
        """Send a file as an image, a video, an audio or a document, and return its
        WhatsApp id, or raise BridgeError."""

    def react(self, instance: str, to: Quote, emoji: str) -> str:
        """React to a message of somebody else's, and return the reaction's WhatsApp id."""

    def edit_message(
        self, instance: str, chat_jid: str, whatsapp_id: str, text: str
    ) -> None:
        """Change a text of ours for everybody, or raise BridgeError."""

    def delete_message(self, instance: str, chat_jid: str, whatsapp_id: str) -> None:
        """Delete a message of ours for everybody, or raise BridgeError."""

    def find_sent(
        self, instance: str, jids: Iterable[str], since: datetime, until: datetime
    ) -> list[SentMessage]:
        """What the bridge recorded as sent by us to one of the JIDs; may raise BridgeError."""

    def show_typing(self, instance: str, to: str, seconds: float) -> None:
        """Show the typing notice without waiting for it. Never raises."""

    def mark_read(self, instance: str, jid: str, whatsapp_ids: list[str]) -> None:
        """Tick the messages as read, without waiting for it. Never raises."""

    def group_info(self, instance: str, group_jid: str) -> GroupInfo:
        """Name and members of a group, or BridgeError."""

    def fetch_media(self, instance: str, whatsapp_id: str, most: int) -> MediaContent:
        """The file of a message, or BridgeError: of kind "too_large" if it is larger
        than `most` bytes."""

    def look_back(self) -> None:
        """The worker starts: have looked for what was missed meanwhile."""

    def neglected(self) -> list[int]:
        """The ids of what wants to be looked after now. Asks only our own database."""

    def look_after(self, pk: int) -> None:
        """Find what was missed, and see whether the bridge still reports. Never raises
        BridgeError; does nothing where another worker does it, or it is not due."""


def provider(name: str = "evolution") -> WhatsAppProvider:
    return import_module(settings.WHATSAPP_PROVIDERS[name])
