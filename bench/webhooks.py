"""Webhook bodies: recorded ones, with fresh ids and times, from as many chats as asked for."""

import copy
import json
import time
import uuid
from pathlib import Path

RECORDINGS = Path("tests/evolution/recordings/webhooks/realistic")
INSTANCE = "whatsapp-agent"
OWN_PHONE = "5511999990009@s.whatsapp.net"
QUESTION = "Does anybody know how late the museum is open today?"


def _recording(name: str) -> dict:
    return json.loads((RECORDINGS / name / "01-messages.upsert.json").read_text())


DIRECT = _recording("dm_text_android")
GROUP = _recording("group_text_android")


def is_group(chat: int) -> bool:
    return chat % 2 == 1


def chat_jid(chat: int) -> str:
    return f"12036300{chat:010}@g.us" if is_group(chat) else phone_jid(chat)


def phone_jid(chat: int) -> str:
    """Of the one who asks there."""
    return f"55119{chat:08}@s.whatsapp.net"


def fresh_id() -> str:
    return uuid.uuid4().hex.upper()


def question(chat: int) -> bytes:
    body = copy.deepcopy(GROUP if is_group(chat) else DIRECT)
    body["instance"], body["sender"] = INSTANCE, OWN_PHONE
    record = body["data"]
    record["messageTimestamp"] = int(time.time())
    record["message"]["conversation"] = QUESTION
    key = record["key"]
    key["id"], key["remoteJid"] = fresh_id(), chat_jid(chat)
    if is_group(chat):
        key["participant"], key["participantAlt"] = (
            f"2395{chat:011}@lid",
            phone_jid(chat),
        )
    else:
        key["remoteJidAlt"] = phone_jid(chat)
    return json.dumps(body).encode()
