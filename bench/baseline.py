"""What one would write in an evening: Flask, SQLite and a pool of five threads.

It does the same two steps as the product, for the same model and the same bridge, and
keeps nothing safe: what waits in the pool is gone with the process, a failed call is a
lost message, and two messages of one chat are answered at the same time.
"""

import json
import logging
import os
import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor

import requests
from flask import Flask, request

MODEL_URL = os.environ["OPENAI_URL"] + "/chat/completions"
BRIDGE_URL = os.environ["EVOLUTION_URL"] + "/message/sendText/"
DATABASE = os.environ["BASELINE_DATABASE"]
SECRET = os.environ["WEBHOOK_SECRET"]
CONTEXT = 20
THRESHOLD = 0.6
JUDGE = (
    "You watch a WhatsApp group in which an assistant takes part. How likely is it that "
    'a reply to the last message is wanted? Answer as JSON: {"why": reason, "p": 0-100}'
)
WRITE = "You are the assistant of a WhatsApp chat. Write its next message, briefly."

app = Flask(__name__)
logger = logging.getLogger(__name__)
pool = ThreadPoolExecutor(max_workers=5)
local = threading.local()


def database() -> sqlite3.Connection:
    if not hasattr(local, "database"):
        local.database = sqlite3.connect(DATABASE, timeout=20)
        local.database.execute("PRAGMA journal_mode=WAL")
        local.database.execute("PRAGMA synchronous=NORMAL")
    return local.database


def session() -> requests.Session:
    if not hasattr(local, "session"):
        local.session = requests.Session()
    return local.session


def create_tables() -> None:
    with database() as connection:
        connection.execute(
            "CREATE TABLE IF NOT EXISTS message (id INTEGER PRIMARY KEY, chat TEXT,"
            " whatsapp_id TEXT UNIQUE, sender TEXT, text TEXT, sent_at INTEGER)"
        )
        connection.execute("CREATE INDEX IF NOT EXISTS chat ON message (chat, id)")


@app.post("/webhook")
def webhook() -> tuple[dict, int]:
    if request.headers.get("X-Webhook-Secret") != SECRET:
        return {"detail": "Wrong secret."}, 401
    body = request.get_json()
    data, key = body["data"], body["data"]["key"]
    text = data["message"].get("conversation", "")
    if body["event"] == "messages.upsert" and text and not key["fromMe"]:
        chat, sender = key["remoteJid"], data["pushName"]
        if store(chat, key["id"], sender, text, data["messageTimestamp"]):
            pool.submit(answer, body["instance"], chat)
    return {"status": "ok"}, 200


def store(chat: str, whatsapp_id: str, sender: str, text: str, sent_at: int) -> bool:
    with database() as connection:
        return bool(
            connection.execute(
                "INSERT OR IGNORE INTO message (chat, whatsapp_id, sender, text, sent_at)"
                " VALUES (?, ?, ?, ?, ?)",
                (chat, whatsapp_id, sender, text, sent_at),
            ).rowcount
        )


def answer(instance: str, chat: str) -> None:
    try:
        transcript = recent(chat)
        if chat.endswith("@g.us"):
            judged = json.loads(ask(JUDGE, transcript, {"type": "json_object"}))
            if judged["p"] / 100 < THRESHOLD:
                return
        text = ask(WRITE, transcript)
        sent = session().post(
            BRIDGE_URL + instance,
            json={"number": chat, "text": text},
            headers={"apikey": os.environ["EVOLUTION_API_KEY"]},
            timeout=60,
        )
        sent.raise_for_status()
        answered = sent.json()
        store(chat, answered["key"]["id"], "ASSISTANT", text, 0)
    except Exception:
        logger.exception("No answer to %s", chat)


def recent(chat: str) -> str:
    rows = database().execute(
        "SELECT sender, text FROM message WHERE chat = ? ORDER BY id DESC LIMIT ?",
        (chat, CONTEXT),
    )
    return "\n".join(f"{sender}: {text}" for sender, text in reversed(list(rows)))


def ask(system: str, transcript: str, response_format: dict | None = None) -> str:
    body = {
        "model": "bench",
        "messages": [
            {"role": "system", "content": system},
            {"role": "user", "content": transcript},
        ],
    }
    if response_format:
        body["response_format"] = response_format
    answered = session().post(MODEL_URL, json=body, timeout=60)
    answered.raise_for_status()
    return answered.json()["choices"][0]["message"]["content"]


def main() -> None:
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    create_tables()
    # Flask's own server, a thread for each connection: how such a script is run.
    app.run(port=int(os.environ["BASELINE_PORT"]), threaded=True)


if __name__ == "__main__":
    main()
