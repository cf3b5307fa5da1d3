"""What stands in the bubbles of a conversation's page."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from functools import cached_property

import regex
from django.template.defaultfilters import filesizeformat
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy

from conversations.admin.chain import Chain
from conversations.admin.history import (
    Window,
    author,
    late_reactions,
    referred_to,
)
from conversations.changes import obstacle
from conversations.media.fetching import carries_file
from conversations.media.sniffing import FILMS, PICTURES, SOUNDS
from conversations.models import (
    AgentSettings,
    Conversation,
    MediaFile,
    Message,
    MessageChange,
)
from conversations.whatsapp import Kind

Status = Message.Status
Outcome = Message.Outcome

# Longer texts are folded.
LONG = 1_500
LONG_LINES = 25
COLOURS = 8
KINDS = {
    Kind.IMAGE: gettext_lazy("Photo"),
    Kind.VIDEO: gettext_lazy("Video"),
    Kind.VIDEO_NOTE: gettext_lazy("Video note"),
    Kind.AUDIO: gettext_lazy("Audio"),
    Kind.VOICE: gettext_lazy("Voice message"),
    Kind.DOCUMENT: gettext_lazy("Document"),
    Kind.STICKER: gettext_lazy("Sticker"),
    Kind.LOCATION: gettext_lazy("Location"),
    Kind.CONTACT: gettext_lazy("Contact"),
    Kind.POLL: gettext_lazy("Poll"),
    Kind.POLL_VOTE: gettext_lazy("Vote in a poll"),
    Kind.EVENT: gettext_lazy("Event"),
    Kind.ALBUM: gettext_lazy("Album"),
    Kind.INVITE: gettext_lazy("Invitation to a group"),
    Kind.PIN: gettext_lazy("Pinned a message"),
    Kind.HIDDEN: gettext_lazy("Shown on the phone only"),
    Kind.UNKNOWN: gettext_lazy("A message of an unknown kind"),
}
_EMOJI = regex.compile(
    r"(?:[\p{Extended_Pictographic}\p{Regional_Indicator}\p{Emoji_Modifier}"
    r"\u200d\ufe0f\u20e3\s])+"
)
ANSWERED = (
    Outcome.PENDING,
    Outcome.REPLYING,
    Outcome.REPLIED,
    Outcome.DRAFTED,
    Outcome.COMMAND,
)


@dataclass(frozen=True)
class Reaction:
    emoji: str
    names: list[str]


@dataclass(frozen=True)
class Entry:
    message: Message
    author: str
    day: date | None = None  # where it is the first of a day
    is_named: bool = True  # the first of a run by one author
    target: Message | None = None  # what it quotes or reacts to
    target_author: str = ""
    reactions: list[Reaction] | None = None
    draft: str = ""  # all its parts, where this is the first

    @cached_property
    def pk(self) -> str:
        """As it stands in ids and links: templates would put it as people count."""
        return str(self.message.pk)

    @cached_property
    def chain(self) -> Chain | None:
        is_judged = self.message.is_inbound and self.message.kind != Kind.REACTION
        return Chain(self.message) if is_judged else None

    @property
    def colour(self) -> int:
        return (self.message.sender_id or 0) % COLOURS

    @property
    def quote(self) -> str:
        stored = (self.target.start or self.target.gone) if self.target else ""
        return self.message.quoted_text[:200] or stored

    @property
    def approved_by(self) -> str:
        is_agent = self.message.author == Message.Author.AGENT
        return str(self.message.staff) if is_agent and self.message.staff else ""

    @property
    def is_reaction(self) -> bool:
        return self.message.kind == Kind.REACTION

    @property
    def is_big(self) -> bool:
        text = self.message.text.strip()
        return (
            0 < len(text) <= 30
            and bool(_EMOJI.fullmatch(text))
            and len(regex.findall(r"\X", text)) <= 3
        )

    @property
    def start(self) -> str:
        """Of a text to be folded; else ""."""
        text = self.message.text
        if len(text) <= LONG and text.count("\n") < LONG_LINES:
            return ""
        return "\n".join(text[:LONG].split("\n")[:LONG_LINES])

    @property
    def media(self) -> list[str]:
        """In place of what is not text."""
        if self.message.kind in (Kind.TEXT, Kind.REACTION):
            return []
        media = self.message.media if isinstance(self.message.media, dict) else {}
        kind = KINDS.get(self.message.kind, self.message.kind)
        if media.get("gif") is True:
            kind = "GIF"
        language = self.file.language if self.file else ""
        facts = [*_facts(media), language]
        return [str(kind), *(fact for fact in facts if fact)]

    @cached_property
    def file(self) -> MediaFile | None:
        return getattr(self.message, "file", None)

    @property
    def has_file(self) -> bool:
        """Whether there is something to show of it, or to fetch."""
        return carries_file(self.message) and not self.message.pruned_at

    @property
    def file_url(self) -> str:
        keys = [self.message.conversation_id, self.message.pk]
        return reverse("admin:conversations_conversation_file", args=keys)

    @property
    def shown_as(self) -> str:
        kinds = {"picture": PICTURES, "sound": SOUNDS, "film": FILMS}
        of = self.file.mimetype if self.file else ""
        return next((name for name, known in kinds.items() if of in known), "")

    @property
    def file_trouble(self) -> str:
        """Why the file is not here, or is here and was not understood."""
        if self.file is None or self.message.outcome == Outcome.NOT_HEARD:
            return ""  # the outcome says it
        if self.file.is_stored:
            return self.file.error
        state = self.file.get_state_display()
        return f"{state}: {self.file.error}" if self.file.error else state

    @property
    def can_be_fetched_again(self) -> bool:
        if self.file is None:
            return not self.message.deleted_at
        has_trouble = bool(self.file.error) or not self.file.is_stored
        return has_trouble and self.file.state != MediaFile.State.GONE

    @property
    def can_be_judged_again(self) -> bool:
        is_whole = bool(self.chain) and not self.message.pruned_at
        return is_whole and self.message.outcome not in ANSWERED

    @property
    def can_be_sent_again(self) -> bool:
        return self.message.status == Status.FAILED and not self.message.pruned_at

    @property
    def can_be_dropped(self) -> bool:
        return self.message.status in (Status.QUEUED, Status.UNKNOWN)

    @cached_property
    def change(self) -> MessageChange | None:
        """The last that staff asked for."""
        return next(reversed(self.message.changes.all()), None)

    @property
    def can_be_changed(self) -> bool:
        is_waiting = self.change is not None and self.change.is_waiting
        return not is_waiting and not obstacle(self.message, is_deletion=True)

    @property
    def edit_obstacle(self) -> str:
        return obstacle(self.message, is_deletion=False)


def entries(conversation: Conversation, window: Window) -> list[Entry]:
    agent = AgentSettings.of(conversation.instance).bot_name
    shown = {m.whatsapp_id for m in window.messages if m.whatsapp_id}
    late = late_reactions(conversation, window)
    reactions = _reactions([*window.messages, *late], agent)
    targets = _targets(conversation, window.messages)
    drafts = _drafts(conversation, window.messages)
    previous, found = window.previous, []
    for message in window.messages:
        if message.kind == Kind.REACTION and message.quoted_id in shown:
            continue  # a chip on its message
        is_first_part = message.status == Status.DRAFT and message.part == 1
        target = targets.get(message.quoted_id)
        found.append(
            Entry(
                message,
                author(message, agent),
                day=_new_day(previous, message),
                is_named=_is_named(previous, message),
                target=target,
                target_author=author(target, agent) if target else "",
                reactions=reactions.get(message.whatsapp_id),
                draft=drafts.get(message.decision_id, "") if is_first_part else "",
            )
        )
        previous = message
    return found


def day(message: Message) -> date:
    return timezone.localtime(message.sent_at).date()


def _new_day(previous: Message | None, message: Message) -> date | None:
    if previous is not None and day(previous) == day(message):
        return None
    return day(message)


def _is_named(previous: Message | None, message: Message) -> bool:
    return (
        previous is None
        or _new_day(previous, message) is not None
        or previous.kind == Kind.REACTION
        or _hand(previous) != _hand(message)
    )


def _hand(message: Message) -> tuple:
    return message.direction, message.author, message.sender_id, message.staff_id


def _reactions(messages: Iterable[Message], agent: str) -> dict[str, list[Reaction]]:
    """The newest of each person on each message; an empty one takes it back."""
    newest: dict[str, dict[tuple, Message]] = {}
    for message in messages:
        if message.kind == Kind.REACTION and message.quoted_id:
            newest.setdefault(message.quoted_id, {})[_hand(message)] = message
    return {quoted: _by_emoji(of.values(), agent) for quoted, of in newest.items()}


def _by_emoji(messages: Iterable[Message], agent: str) -> list[Reaction]:
    names: dict[str, list[str]] = {}
    for message in messages:
        if message.text:
            names.setdefault(message.text[:20], []).append(author(message, agent))
    return [Reaction(emoji, of) for emoji, of in names.items()]


def _targets(conversation: Conversation, messages: list[Message]) -> dict[str, Message]:
    """What is quoted or reacted to, by its WhatsApp id."""
    ids = {message.quoted_id for message in messages if message.quoted_id}
    found = (
        referred_to(conversation.messages.with_whatsapp_ids(ids))
        .select_related("sender", "staff")
        .only(
            "conversation",
            "whatsapp_id",
            "kind",
            "direction",
            "author",
            "sender",
            "staff",
            "received_at",
            "pruned_at",
        )
    )
    return {message.whatsapp_id: message for message in found}


def _drafts(conversation: Conversation, messages: list[Message]) -> dict[int, str]:
    """The whole text of each draft: a part of it may be on another page."""
    ids = {m.decision_id for m in messages if m.status == Status.DRAFT}
    parts = conversation.messages.filter(decision__in=ids - {None}, status=Status.DRAFT)
    texts: dict[int, list[str]] = {}
    for decision_id, text in parts.order_by("part").values_list("decision_id", "text"):
        texts.setdefault(decision_id, []).append(text)
    return {decision_id: "\n\n".join(of_one) for decision_id, of_one in texts.items()}


def _facts(media: dict) -> list[str]:
    place = [media.get("latitude"), media.get("longitude")]
    return [
        _duration(media.get("seconds")),
        str(media.get("file_name") or "")[:200],
        _size(media.get("bytes")),
        str(media.get("starts_at") or "")[:40],
        ", ".join(str(one)[:20] for one in place if one is not None),
    ]


def _duration(seconds: object) -> str:
    if not isinstance(seconds, int) or not 0 < seconds < 1_000_000:
        return ""
    return f"{seconds // 60}:{seconds % 60:02}"


def _size(count: object) -> str:
    return filesizeformat(count) if isinstance(count, int) and count > 0 else ""
