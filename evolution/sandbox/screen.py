"""What one phone shows: whose it is, its chats, and the one that is open."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from urllib.parse import urlencode

from django.conf import settings
from django.utils.translation import gettext, gettext_lazy as _

from conversations.models import Conversation

OWNER = "owner"  # of the linked phone
EMOJIS = ["👍", "❤️", "😂", "🙏"]
TICKS = {
    "sent": ("✓", _("Sent")),
    "delivered": ("✓✓", _("Delivered")),
    "read": ("✓✓", _("Read")),
}


@dataclass(frozen=True)
class Chat:
    jid: str
    name: str
    about: str
    last: str = ""
    is_group: bool = False

    @property
    def number(self) -> int:
        """Of its colour."""
        return sum(map(ord, self.jid))


class Screen:
    """Built from the bridge's overview and what the page's address asks for."""

    def __init__(self, overview: dict, instance: str, me: str, chat: str) -> None:
        self.overview = overview
        self.people = overview["people"]
        named = {one["name"]: one for one in overview["instances"]}
        first = next(iter(named.values()), None)
        self.instance = named.get(instance or settings.EVOLUTION_INSTANCE) or first
        phones = [person["phone"] for person in self.people]
        self.me = me if me in (*phones, OWNER) else (phones or [OWNER])[0]
        jids = [one.jid for one in self.chats]
        self.chat = chat if chat in jids else (jids or [""])[0]

    @property
    def sender(self) -> str:
        """Who writes, as the bridge wants it."""
        return "" if self.me == OWNER else self.me

    @property
    def is_owner(self) -> bool:
        return self.me == OWNER

    @property
    def query(self) -> str:
        return self.query_with()

    def query_with(self, **changed: str) -> str:
        name = self.instance["name"] if self.instance else ""
        values = {"instance": name, "me": self.me, "chat": self.chat}
        return urlencode(values | changed)

    @cached_property
    def chats(self) -> list[Chat]:
        last = self.instance["last"] if self.instance else {}
        names = {person["phone"]: person["name"] for person in self.people}
        groups = [
            Chat(
                group["jid"],
                group["name"],
                ", ".join(
                    [
                        *(names[phone] for phone in group["members"]),
                        gettext("the agent"),
                    ]
                ),
                last.get(group["jid"], ""),
                is_group=True,
            )
            for group in self.overview["groups"]
            if self.is_owner or self.me in group["members"]
        ]
        direct = [
            Chat(
                person["jid"],
                person["name"] if self.is_owner else gettext("The agent"),
                f"+{person['phone']}" if self.is_owner else gettext("Direct chat"),
                last.get(person["jid"], ""),
            )
            for person in self.people
            if self.is_owner or person["phone"] == self.me
        ]
        return groups + direct

    @property
    def open_chat(self) -> Chat | None:
        return next((chat for chat in self.chats if chat.jid == self.chat), None)

    def bubbles(self, messages: list[dict], agent: str) -> list[dict]:
        return [self._bubble(message, agent) for message in messages]

    def _bubble(self, message: dict, agent: str) -> dict:
        names = {"Agent": agent}
        is_mine = message["sender"] == self.me
        if self.is_owner:
            is_mine = message["origin"] != "contact"
        is_own = message["sender"] == self.sender and message["origin"] != "api"
        quoted = message["quoted"]
        ticks, status_label = TICKS[message["status"]]
        return message | {
            "name": names.get(message["name"], message["name"]),
            "at": datetime.fromtimestamp(message["at"], UTC),
            "is_mine": is_mine,
            "can_edit": is_own and message["kind"] == "text" and not message["deleted"],
            "can_delete": is_own and not message["deleted"],
            "ticks": ticks if is_mine else "",
            "status_label": status_label,
            "quoted": quoted
            and quoted | {"name": names.get(quoted["name"], quoted["name"])},
            "emojis": [(emoji, f"{message['id']} {emoji}") for emoji in EMOJIS],
        }

    @staticmethod
    def answering(bubbles: list[dict], asked: Mapping[str, str]) -> dict:
        """The message that the composer replies to, or changes."""
        known = {bubble["id"]: bubble for bubble in bubbles}
        edited = known.get(asked.get("edit", ""))
        return {
            "reply": known.get(asked.get("reply", "")),
            "edited": edited if edited and edited["can_edit"] else None,
        }

    def conversation(self) -> Conversation | None:
        person = next((one for one in self.people if one["jid"] == self.chat), None)
        jids = [person["jid"], person["lid"]] if person else [self.chat]
        found = Conversation.objects.filter(
            instance=self.instance["name"], jid__in=jids
        )
        return found.first()
