"""WhatsApp's addresses as Evolution writes them."""

from conversations.whatsapp import Address
from evolution.values import text

PHONE = "@s.whatsapp.net"
LID = "@lid"
GROUP = "@g.us"
# A second spelling means the same person.
SPELLINGS = {"c.us": PHONE, "hosted": PHONE, "hosted.lid": LID}
# Posts to many, and WhatsApp's own assistant: no conversations.
NOT_CHATS = ("@broadcast", "@newsletter", "@bot")
LONGEST = 64


def jid(value: object) -> str:
    """The JID without its device, or "" where there is none.

    Where Evolution runs without WhatsApp, it passes on bare phone numbers.
    """
    user, at, domain = text(value).strip().partition("@")
    user = user.partition(":")[0]
    if not at:
        user, domain = user.removeprefix("+"), "c.us"
        if not (user.isascii() and user.isdigit()):
            return ""
    found = user + SPELLINGS.get(domain, f"@{domain}")
    return found if user and domain and len(found) <= LONGEST else ""


def address(*values: object) -> Address:
    """What several JIDs say about one person; the first of each sort counts."""
    jids = [jid(value) for value in values]
    return Address(
        phone_jid=next((found for found in jids if found.endswith(PHONE)), ""),
        lid=next((found for found in jids if found.endswith(LID)), ""),
    )


def user(found: str) -> str:
    return found.partition("@")[0]
