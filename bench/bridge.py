"""A bridge in this very process: it sends at once, and remembers nothing."""

from collections.abc import Sequence
from datetime import datetime

from bench import webhooks
from conversations.whatsapp import Address, GroupInfo, Quote, SentMessage
from evolution.provider import keep, take_in  # noqa: F401

OWN = Address(webhooks.OWN_PHONE, "271357031895794@lid")


def is_configured() -> bool:
    return True


def own_addresses(instance: str, group_jid: str = "") -> Address:
    return OWN


def numbers() -> dict[str, Address]:
    return {}


def new_message_id(instance: str) -> str:
    return ""


def send_message(
    instance: str,
    to: str,
    text: str,
    quote: Quote | None = None,
    message_id: str = "",
    mentions: Sequence[str] = (),
) -> str:
    return webhooks.fresh_id()


def find_sent(
    instance: str, jids: list[str], since: datetime, until: datetime
) -> list[SentMessage]:
    return []


def show_typing(instance: str, to: str, seconds: float) -> None:
    pass


def mark_read(instance: str, jid: str, whatsapp_ids: list[str]) -> None:
    pass


def group_info(instance: str, group_jid: str) -> GroupInfo:
    return GroupInfo("", [])
